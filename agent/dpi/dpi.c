/*
 * The only file that knows nDPI; library.h beside it bridges its releases. What guards us from it:
 * every packet is a copy with zero bytes behind it (its dissectors were seen to read past the end),
 * few packets of a flow are shown, unions are read only under the master protocol they belong to,
 * and every text is made printable before it leaves.
 */
#include "agent/dpi/dpi.h"

#include "agent/dpi/evasion.h"
#include "agent/dpi/info.h"
#include "agent/dpi/library.h"
#include "agent/dpi/risks.h"
#include "agent/dpi/signatures.h"
#include "common/alert_kinds.h"
#include "common/slab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    HANDSHAKE_PACKETS = 3, /* later segments without data tell nothing */
    IP_MAX = 65535,
    ZERO_TAIL = 256, /* no over-read was found past this (58 M mutated packets) */
};

/* Packets of a flow that the library is shown at most. */
struct dpi_caps {
    uint8_t tcp;
    uint8_t udp;
    uint8_t other;
};

static const struct dpi_caps usual_caps = {.tcp = 24, .udp = 16, .other = 3}; /* 24: certificates */
/* ndpiReader 4.2 gives up with the packet after its 80th and 24th; the rest it never gives up. */
static const struct dpi_caps reference_caps = {.tcp = 81, .udp = 25, .other = UINT8_MAX};

/* One flow's state: nDPI's own and what we last told of it. */
struct dpi_state {
    struct ndpi_flow_struct flow;
    ndpi_protocol protocol;
    ndpi_risk risks_told;
    bool host_told;
    bool client_spoke; /* its first payload was looked at, and… */
    bool random;       /* …says nothing */
    struct openvpn openvpn;
};

struct dpi {
    struct ndpi_detection_module_struct *module; /* NULL: DPI is switched off */
    struct slab states;
    struct dpi_caps caps;
    bool reference; /* see dpi_options, as the next */
    bool strict;
    uint32_t signatures_off; /* bit per number */
    uint64_t refused;
    _Atomic uint32_t *breadcrumb; /* read by the parent once we are dead */
    uint8_t copy[IP_MAX + ZERO_TAIL];
};

static int check_library(struct err *e)
{
    if (ndpi_get_api_version() != NDPI_API_VERSION ||
        ndpi_detection_get_sizeof_ndpi_flow_struct() != sizeof(struct ndpi_flow_struct)) {
        return err_set(e, ERR_CONFIG, "libndpi is another version than at build time; rebuild");
    }
    if ((unsigned)NDPI_MAX_RISK > DPI_RISKS) {
        return err_set(e, ERR_CONFIG, "libndpi has more risks than a record can carry");
    }
    return 0;
}

static int load_rules(struct ndpi_detection_module_struct *module, const char *path, struct err *e)
{
    char copy[512]; /* the call wants a writable text */
    int len = snprintf(copy, sizeof copy, "%s", path);
    if (len < 0 || (size_t)len >= sizeof copy || ndpi_load_protocols_file(module, copy) != 0) {
        return err_set(e, ERR_CONFIG, "%s: nDPI cannot read this file of rules", path);
    }
    return 0;
}

/* A module that knows all names, to ask and to close again; NULL without memory. */
static struct ndpi_detection_module_struct *open_names(void)
{
    struct ndpi_detection_module_struct *names = library_open();
    if (names != NULL) {
        struct library_choice all;
        library_choose_all(&all);
        library_start(names, &all, false);
    }
    return names;
}

/* A name that is switched off is not told by a signature of ours either; true when there is one. */
static bool switch_off_signature(struct dpi *dpi, const char *name)
{
    for (uint8_t i = 1; signature_at(i) != NULL; i++) {
        if (strcasecmp(signature_at(i)->protocol, name) == 0) {
            dpi->signatures_off |= 1u << i;
            return true;
        }
    }
    return false;
}

static int switch_off(struct dpi *dpi, struct library_choice *c, const struct dpi_options *options,
                      struct err *e)
{
    struct ndpi_detection_module_struct *names = open_names();
    if (names == NULL) {
        return err_set(e, ERR_NOMEM, "nDPI does not start");
    }
    int result = 0;
    for (size_t i = 0; i < options->disabled_count && result == 0; i++) {
        bool ours = switch_off_signature(dpi, options->disabled[i]);
        if (!library_switch_off(dpi->module, names, c, options->disabled[i]) && !ours) {
            result = err_set(e, ERR_CONFIG, "dpi.disabled: nDPI knows no protocol \"%s\"",
                             options->disabled[i]);
        }
    }
    ndpi_exit_detection_module(names);
    return result;
}

static int open_module(struct dpi *dpi, const struct dpi_options *options, struct err *e)
{
    dpi->module = library_open();
    if (dpi->module == NULL) {
        return err_set(e, ERR_NOMEM, "nDPI does not start");
    }
    struct library_choice dissectors;
    library_choose_all(&dissectors);
    if (options->disabled_count > 0 && switch_off(dpi, &dissectors, options, e) != 0) {
        return -1;
    }
    if (options->rules != NULL && load_rules(dpi->module, options->rules, e) != 0) {
        return -1;
    }
    library_start(dpi->module, &dissectors, options->reference);
    return 0;
}

struct dpi *dpi_new(const struct dpi_options *options, struct err *e)
{
    struct dpi *dpi = calloc(1, sizeof *dpi);
    if (dpi == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for DPI");
        return NULL;
    }
    dpi->breadcrumb = options->breadcrumb;
    dpi->reference = options->reference;
    dpi->strict = options->strict;
    dpi->caps = options->reference ? reference_caps : usual_caps;
    if (!options->enabled) {
        return dpi;
    }
    if (check_library(e) != 0 || open_module(dpi, options, e) != 0 ||
        slab_init(&dpi->states, sizeof(struct dpi_state), options->max_states, e) != 0) {
        dpi_free(dpi);
        return NULL;
    }
    return dpi;
}

/* States still alive hold memory of nDPI; the caller has dropped them all (dpi_drop). */
void dpi_free(struct dpi *dpi)
{
    if (dpi == NULL) {
        return;
    }
    if (dpi->module != NULL) {
        ndpi_exit_detection_module(dpi->module);
    }
    slab_done(&dpi->states);
    free(dpi);
}

static struct dpi_state *state_of(struct dpi *dpi, struct dpi_flow *flow)
{
    if (flow->state != 0) {
        return slab_at(&dpi->states, flow->state);
    }
    flow->state = slab_take(&dpi->states);
    if (flow->state == 0) {
        dpi->refused++;
        flow->done = true;
        return NULL;
    }
    struct dpi_state *state = slab_at(&dpi->states, flow->state);
    memset(state, 0, sizeof *state);
    return state;
}

static unsigned packet_cap(const struct dpi *dpi, const struct packet *p)
{
    switch (p->ends.protocol) {
    case PROTO_TCP: return dpi->caps.tcp;
    case PROTO_UDP: return dpi->caps.udp;
    default: return dpi->caps.other;
    }
}

static bool tells_nothing(const struct dpi *dpi, const struct dpi_flow *flow,
                          const struct packet *p)
{
    return !dpi->reference && p->ends.protocol == PROTO_TCP && p->payload_len == 0 &&
           flow->fed >= HANDSHAKE_PACKETS;
}

/* nDPI ignores a packet that is shorter than its header says: let the copy say what it holds. */
static void clip_lengths(uint8_t *ip, uint32_t captured, const struct packet *p)
{
    if (captured == p->ip_len) {
        return;
    }
    bool v6 = p->ends.family == ADDR_IPV6;
    uint32_t len = v6 ? captured - 40 : captured;
    uint8_t *field = ip + (v6 ? 4 : 2);
    field[0] = (uint8_t)(len >> 8);
    field[1] = (uint8_t)len;
}

static uint16_t copy_packet(struct dpi *dpi, const struct packet *p)
{
    uint32_t captured = p->ip_captured < IP_MAX ? p->ip_captured : IP_MAX;
    memcpy(dpi->copy, p->ip, captured);
    memset(dpi->copy + captured, 0, ZERO_TAIL);
    clip_lengths(dpi->copy, captured, p);
    return (uint16_t)captured;
}

static bool is_known(const ndpi_protocol *protocol)
{
    return library_app(protocol) != NDPI_PROTOCOL_UNKNOWN ||
           library_master(protocol) != NDPI_PROTOCOL_UNKNOWN;
}

static void leave_breadcrumb(struct dpi *dpi, const struct dpi_state *state)
{
    uint32_t id = library_app(&state->protocol);
    if (id == NDPI_PROTOCOL_UNKNOWN) {
        id = state->flow.guessed_protocol_id;
    }
    atomic_store_explicit(dpi->breadcrumb, id + 1, memory_order_relaxed);
}

static unsigned news_of(struct dpi_state *state, const ndpi_protocol *now)
{
    unsigned news = DPI_NEWS_NONE;
    bool host = state->flow.host_server_name[0] != '\0';
    if (library_app(now) != library_app(&state->protocol) ||
        library_master(now) != library_master(&state->protocol) || (host && !state->host_told)) {
        news |= DPI_NEWS_PROTOCOL;
    }
    if ((state->flow.risk & ~state->risks_told) != 0) {
        news |= DPI_NEWS_RISK;
    }
    state->protocol = *now;
    state->host_told = host;
    state->risks_told = state->flow.risk;
    return news;
}

/* What the library does not look for, or not in all its forms. */
static void look_by_ourselves(struct dpi *dpi, struct dpi_flow *flow, struct dpi_state *state,
                              const struct packet *p, bool from_client)
{
    bool tcp = p->ends.protocol == PROTO_TCP;
    if (p->payload_len == 0 || (!tcp && p->ends.protocol != PROTO_UDP)) {
        return;
    }
    if (from_client && !state->client_spoke) {
        state->client_spoke = true;
        state->random = tcp && evasion_is_random(p->payload, p->payload_len);
    }
    uint8_t number = flow->signature;
    if (number == 0) {
        number = signature_of(p);
    }
    if (number == 0 &&
        openvpn_look(&state->openvpn, p->payload, p->payload_len, tcp, from_client)) {
        number = signature_openvpn;
    }
    flow->signature = (dpi->signatures_off >> number & 1) != 0 ? 0 : number;
}

unsigned dpi_feed(struct dpi *dpi, struct dpi_flow *flow, const struct packet *p, bool from_client)
{
    if (dpi->module == NULL || p->later_fragment || tells_nothing(dpi, flow, p)) {
        return DPI_NEWS_NONE;
    }
    struct dpi_state *state = state_of(dpi, flow);
    if (state == NULL) {
        return DPI_NEWS_NONE;
    }
    if (!dpi->reference) {
        look_by_ourselves(dpi, flow, state, p, from_client);
    }
    uint16_t len = copy_packet(dpi, p);
    leave_breadcrumb(dpi, state);
    ndpi_protocol now = library_process(dpi->module, &state->flow, dpi->copy, len,
                                        p->time_ns / 1000000, dpi->reference, from_client);
    atomic_store_explicit(dpi->breadcrumb, 0, memory_order_relaxed);
    flow->fed++;
    unsigned news = news_of(state, &now);
    bool settled = is_known(&now) && !library_wants_more(dpi->module, &state->flow, &now);
    if (settled || flow->fed >= packet_cap(dpi, p)) {
        dpi_conclude(dpi, flow);
        news |= DPI_NEWS_DONE;
    }
    return news;
}

void dpi_conclude(struct dpi *dpi, struct dpi_flow *flow)
{
    if (flow->state == 0) {
        return;
    }
    struct dpi_state *state = slab_at(&dpi->states, flow->state);
    if (!is_known(&state->protocol)) {
        state->protocol = library_give_up(dpi->module, &state->flow);
    }
}

void dpi_drop(struct dpi *dpi, struct dpi_flow *flow)
{
    if (flow->state != 0) {
        struct dpi_state *state = slab_at(&dpi->states, flow->state);
        ndpi_free_flow_data(&state->flow);
        slab_put(&dpi->states, flow->state);
        flow->state = 0;
    }
    flow->done = true;
}

static uint8_t confidence_of(ndpi_confidence_t confidence)
{
    switch (confidence) {
    case NDPI_CONFIDENCE_MATCH_BY_PORT: return DPI_BY_PORT;
#ifdef NDPI_HAS_BY_ADDRESS
    case NDPI_CONFIDENCE_MATCH_BY_IP: return DPI_BY_ADDRESS;
#endif
    case NDPI_CONFIDENCE_DPI_CACHE: return DPI_BY_CACHE;
    case NDPI_CONFIDENCE_DPI: return DPI_BY_CONTENT;
    case NDPI_CONFIDENCE_UNKNOWN: return DPI_UNKNOWN;
    default: return DPI_BY_CONTENT; /* later releases tell kinds of it apart */
    }
}

static void fill_info(const struct dpi_state *state, uint16_t master, struct dpi_result *result)
{
    const struct ndpi_flow_struct *flow = &state->flow;
    switch (master) {
    case NDPI_PROTOCOL_HTTP:
        if (flow->http.url != NULL) {
            dpi_info_http(ndpi_http_method2str(flow->http.method), flow->http.url,
                          flow->http.response_status_code, result->info);
        }
        break;
    case NDPI_PROTOCOL_DNS:
    case NDPI_PROTOCOL_MDNS:
        if (flow->protos.dns.query_type != 0) { /* not when only the port told */
            dpi_info_dns(flow->protos.dns.query_type, flow->protos.dns.is_query == 0,
                         flow->protos.dns.reply_code, result->info);
        }
        break;
    case NDPI_PROTOCOL_TLS:
    case NDPI_PROTOCOL_QUIC:
        dpi_info_tls(flow->protos.tls_quic.ssl_version, library_alpn(flow), result->info);
        break;
    case NDPI_PROTOCOL_SSH:
        dpi_info_pair(flow->protos.ssh.client_signature, flow->protos.ssh.server_signature,
                      result->info);
        break;
    default: break;
    }
}

/* Writes the names of a protocol that is known; returns the master's id. */
static uint16_t name_protocol(struct dpi *dpi, const ndpi_protocol *protocol,
                              struct dpi_result *result)
{
    uint16_t app = library_app(protocol);
    uint16_t master = library_master(protocol);
    if (master == NDPI_PROTOCOL_UNKNOWN) {
        master = app;
    }
    result->protocol = ndpi_get_proto_name(dpi->module, master);
    result->app =
        app == NDPI_PROTOCOL_UNKNOWN ? result->protocol : ndpi_get_proto_name(dpi->module, app);
    result->category = ndpi_category_get_name(dpi->module, protocol->category);
    return master;
}

/* What the library does not know by content; false when we do not either. */
static bool name_by_signature(const struct dpi_flow *flow, struct dpi_result *result)
{
    const struct signature *known = signature_at(flow->signature);
    if (known != NULL) {
        result->protocol = result->app = known->protocol;
        result->category = known->category;
        result->confidence = DPI_BY_CONTENT;
    }
    return known != NULL;
}

static uint64_t risk_of_vpn(const struct dpi *dpi, const struct dpi_result *result)
{
    bool vpn = dpi->strict && strcmp(result->app, "OpenVPN") == 0;
    return vpn ? 1ull << ALERT_OPENVPN_DETECTED : 0;
}

/* Guessed by its port to be what it would have begun otherwise for. */
static bool is_guessed_web(const struct dpi_state *state)
{
    uint16_t app = library_app(&state->protocol);
    return confidence_of(state->flow.confidence) == DPI_BY_PORT &&
           (app == NDPI_PROTOCOL_TLS || app == NDPI_PROTOCOL_HTTP);
}

bool dpi_is_random(const struct dpi *dpi, const struct dpi_flow *flow)
{
    const struct dpi_state *state = flow->state != 0 ? slab_at(&dpi->states, flow->state) : NULL;
    return dpi->strict && state != NULL && state->random && flow->signature == 0 &&
           (!is_known(&state->protocol) || is_guessed_web(state));
}

void dpi_describe(struct dpi *dpi, const struct dpi_flow *flow, struct dpi_result *result)
{
    *result = (struct dpi_result){.protocol = "Unknown", .app = "Unknown", .category = ""};
    if (flow->state == 0) {
        return;
    }
    const struct dpi_state *state = slab_at(&dpi->states, flow->state);
    result->risks = risks_of_library(state->flow.risk);
    dpi_info_text(state->flow.host_server_name, sizeof state->flow.host_server_name, result->host,
                  sizeof result->host);
    uint8_t confidence = confidence_of(state->flow.confidence);
    bool guessed = !is_known(&state->protocol) || confidence <= DPI_BY_ADDRESS;
    if (guessed && name_by_signature(flow, result)) {
        result->risks |= risk_of_vpn(dpi, result);
        return;
    }
    if (!is_known(&state->protocol)) {
        return;
    }
    uint16_t master = name_protocol(dpi, &state->protocol, result);
    result->risks |= risk_of_vpn(dpi, result);
    result->confidence = confidence;
    fill_info(state, master, result);
}

/* As a number in host order; the library knows no networks of IPv6. */
static uint32_t ipv4_number(const struct endpoints *ends, const struct addr *addr)
{
    const uint8_t *b = addr->bytes;
    return ends->family != ADDR_IPV4
               ? 0
               : (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

void dpi_guess(struct dpi *dpi, const struct endpoints *ends, struct dpi_result *result)
{
    *result = (struct dpi_result){.protocol = "Unknown", .app = "Unknown", .category = ""};
    if (dpi->module == NULL) {
        return;
    }
    bool ports = ends->protocol == PROTO_TCP || ends->protocol == PROTO_UDP;
    uint16_t src_port = ports ? ends->src_port : 0;
    uint16_t dst_port = ports ? ends->dst_port : 0;
    ndpi_protocol by_port = library_guess(dpi->module, ends->protocol, 0, src_port, 0, dst_port);
    ndpi_protocol found = library_guess(dpi->module, ends->protocol, ipv4_number(ends, &ends->src),
                                        src_port, ipv4_number(ends, &ends->dst), dst_port);
    if (!is_known(&found)) {
        return;
    }
    bool same = library_app(&found) == library_app(&by_port);
    result->confidence = same ? DPI_BY_PORT : DPI_BY_ADDRESS;
    name_protocol(dpi, &found, result);
}

size_t dpi_bytes(uint32_t max_states)
{
    const size_t allocated = 700; /* certificates, URLs and user agents: seen at most on average */
    return (size_t)max_states * (slab_slot(sizeof(struct dpi_state)) + allocated);
}

uint32_t dpi_states(const struct dpi *dpi)
{
    return dpi->states.used;
}

uint64_t dpi_refused(const struct dpi *dpi)
{
    return dpi->refused;
}

void dpi_protocol_name(unsigned id, char *buf, size_t size)
{
    struct ndpi_detection_module_struct *names = open_names();
    const char *name = "";
    if (names != NULL && id <= UINT16_MAX) {
        name = ndpi_get_proto_name(names, (uint16_t)id);
    }
    (void)snprintf(buf, size, "%s", name); /* a cut name still tells */
    if (names != NULL) {
        ndpi_exit_detection_module(names);
    }
}

bool dpi_each_name(enum dpi_names which, void (*fn)(const char *name, void *arg), void *arg)
{
    struct ndpi_detection_module_struct *names = open_names();
    if (names == NULL) {
        return false;
    }
    unsigned count = which == DPI_NAMES_APPS ? ndpi_get_num_supported_protocols(names)
                                             : (unsigned)NDPI_PROTOCOL_NUM_CATEGORIES;
    for (unsigned i = 0; i < count; i++) {
        const char *name = which == DPI_NAMES_APPS
                               ? ndpi_get_proto_name(names, (uint16_t)i)
                               : ndpi_category_get_name(names, (ndpi_protocol_category_t)i);
        if (name != NULL && name[0] != '\0') {
            fn(name, arg);
        }
    }
    ndpi_exit_detection_module(names);
    for (uint8_t i = 1; which == DPI_NAMES_APPS && signature_at(i) != NULL; i++) {
        fn(signature_at(i)->protocol, arg);
    }
    return true;
}

const char *dpi_version(void)
{
    return ndpi_revision();
}
