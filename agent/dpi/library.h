/*
 * What differs between releases of nDPI, under one name each; dpi.c alone includes it. The macros
 * are answers of CMakeLists.txt beside this file, asked of the headers that are installed. Built
 * and run with 4.2 to 4.11; what 5.0 and 6.0 changed is from their headers and notes.
 */
#pragma once

#include <ndpi_api.h>
#include <stdbool.h>
#include <stdint.h>

static inline struct ndpi_detection_module_struct *library_open(void)
{
#if defined(NDPI_HAS_LICENCE)
    return ndpi_init_detection_module(NULL, NULL);
#elif defined(NDPI_HAS_CONTEXT)
    return ndpi_init_detection_module(NULL);
#else
    return ndpi_init_detection_module(ndpi_no_prefs);
#endif
}

static inline uint16_t library_app(const ndpi_protocol *p)
{
#ifdef NDPI_HAS_NESTED_PROTOCOL
    return p->proto.app_protocol;
#else
    return p->app_protocol;
#endif
}

static inline uint16_t library_master(const ndpi_protocol *p)
{
#ifdef NDPI_HAS_NESTED_PROTOCOL
    return p->proto.master_protocol;
#else
    return p->master_protocol;
#endif
}

/* Which dissectors run: all but those that are switched off, before library_start. */
struct library_choice {
#ifdef NDPI_HAS_BITMASK
    NDPI_PROTOCOL_BITMASK on;
#else
    bool any;
#endif
};

static inline void library_choose_all(struct library_choice *c)
{
#ifdef NDPI_HAS_BITMASK
    NDPI_BITMASK_SET_ALL(c->on);
#else
    c->any = true;
#endif
}

/*
 * False when the library knows no protocol of this name. Since 4.6 names are known only once a
 * module has started, when it is too late to choose: hence a second one to ask.
 */
static inline bool library_switch_off(struct ndpi_detection_module_struct *module,
                                      struct ndpi_detection_module_struct *started,
                                      struct library_choice *c, const char *name)
{
#ifdef NDPI_HAS_BITMASK
    (void)module;
    uint16_t id = ndpi_get_proto_by_name(started, name);
    if (id == NDPI_PROTOCOL_UNKNOWN) {
        return false;
    }
    c->on.fds_bits[id / NDPI_BITS] &= ~(1u << (id % NDPI_BITS));
    return true;
#else
    (void)started;
    (void)c;
    return ndpi_set_config(module, name, "enable", "disable") == NDPI_CFG_OK;
#endif
}

/* own_direction: the library finds out who the client is, as its own demonstration does. */
static inline void library_start(struct ndpi_detection_module_struct *module,
                                 const struct library_choice *c, bool own_direction)
{
#ifdef NDPI_HAS_BITMASK
    (void)ndpi_set_protocol_detection_bitmask2(module, &c->on); /* fails only without a module */
#else
    (void)c;
#endif
#if !defined(NDPI_HAS_PREFERENCES) && defined(NDPI_HAS_SET_CONFIG)
    if (!own_direction) {
        (void)ndpi_set_config(module, NULL, "flow.direction_detection", "disable");
    }
#endif
    ndpi_finalize_initialization(module);
#ifdef NDPI_HAS_PREFERENCES
    if (!own_direction) {
        ndpi_set_detection_preferences(module, ndpi_pref_direction_detect_disable, 1);
    }
#endif
}

/* from_client counts only where own_direction was false at the start. */
static inline ndpi_protocol library_process(struct ndpi_detection_module_struct *module,
                                            struct ndpi_flow_struct *flow, const uint8_t *bytes,
                                            uint16_t len, uint64_t time_ms, bool own_direction,
                                            bool from_client)
{
    if (!own_direction) {
        flow->packet_direction = from_client ? 0 : 1;
    }
#ifdef NDPI_HAS_INPUT_INFO
    struct ndpi_flow_input_info info = {.in_pkt_dir = NDPI_IN_PKT_DIR_UNKNOWN};
    if (!own_direction) {
        info.in_pkt_dir = from_client ? NDPI_IN_PKT_DIR_C_TO_S : NDPI_IN_PKT_DIR_S_TO_C;
    }
    return ndpi_detection_process_packet(module, flow, bytes, len, time_ms, &info);
#else
    return ndpi_detection_process_packet(module, flow, bytes, len, time_ms);
#endif
}

/* True while more packets may tell more of a protocol that is known. */
static inline bool library_wants_more(struct ndpi_detection_module_struct *module,
                                      struct ndpi_flow_struct *flow, const ndpi_protocol *p)
{
#ifdef NDPI_HAS_STATE
    (void)module;
    (void)flow;
    return p->state == NDPI_STATE_INSPECTING || p->state == NDPI_STATE_PARTIAL;
#else
    (void)p;
    return ndpi_extra_dissection_possible(module, flow) != 0;
#endif
}

static inline ndpi_protocol library_give_up(struct ndpi_detection_module_struct *module,
                                            struct ndpi_flow_struct *flow)
{
#if defined(NDPI_HAS_GUESS_FLAG)
    uint8_t guessed = 0; /* the confidence tells the same */
    return ndpi_detection_giveup(module, flow, 1, &guessed);
#elif defined(NDPI_HAS_GUESS_ANSWER)
    uint8_t guessed = 0;
    return ndpi_detection_giveup(module, flow, &guessed);
#else
    return ndpi_detection_giveup(module, flow);
#endif
}

/* Addresses as numbers in host order, 0: look at the ports alone. */
static inline ndpi_protocol library_guess(struct ndpi_detection_module_struct *module,
                                          uint8_t protocol, uint32_t src, uint16_t src_port,
                                          uint32_t dst, uint16_t dst_port)
{
#ifdef NDPI_HAS_GUESS_V4
    return ndpi_guess_undetected_protocol_v4(module, NULL, protocol, src, src_port, dst, dst_port);
#else
    return ndpi_guess_undetected_protocol(module, NULL, protocol, src, src_port, dst, dst_port);
#endif
}

/* What the client offered above TLS, "h2,http/1.1"; NULL when nothing. */
static inline const char *library_alpn(const struct ndpi_flow_struct *flow)
{
#ifdef NDPI_HAS_ALPN_LISTS
    return flow->protos.tls_quic.advertised_alpns;
#else
    return flow->protos.tls_quic.alpn;
#endif
}
