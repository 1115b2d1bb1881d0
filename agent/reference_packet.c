/*
 * Where ndpiReader 4.2 differs from our decoder: it looks for IP behind an Ethernet header of any
 * type, goes into IP in IP, GTP-U and CAPWAP alone (dropping what does not hold IP), takes
 * ports from a TCP header of impossible length, gives ports to TCP and UDP alone, and passes over
 * fragments and cut packets.
 */
#include "agent/reference_packet.h"

#include "agent/decode/decode.h"
#include "common/tunnel.h"

enum {
    LEAST_CAPTURED = 28,
    PORT_CAPWAP_DATA = 5247,
    LEAST_CAPWAP = 8 + 24 + 8, /* its header, one of 802.11, LLC */
    CAPWAP_TYPE = 0x0f,
    TUNNELS = TUNNEL_BIT(TUNNEL_IPIP) | TUNNEL_BIT(TUNNEL_GTPU) | TUNNEL_BIT(TUNNEL_CAPWAP),
};

/* Ports that decode refused to read, because the rest of the header is not sound. */
static bool read_ports(struct packet *p)
{
    bool v4 = (p->ip[0] >> 4) == 4;
    size_t header = v4 ? (size_t)(p->ip[0] & 0x0f) * 4 : 40;
    bool tcp = p->ends.protocol == PROTO_TCP;
    if (!v4 && p->ip[6] != p->ends.protocol) {
        return false; /* behind extension headers */
    }
    struct reader r = reader_of(p->ip, p->ip_captured);
    reader_skip(&r, header);
    bool whole = !r.bad && reader_left(&r) >= (tcp ? 20u : 8u);
    p->ends.src_port = whole ? reader_be16(&r) : 0;
    p->ends.dst_port = whole ? reader_be16(&r) : 0;
    return true;
}

static bool take_ip(struct reader *r, size_t wire_len, struct packet *p)
{
    *p = (struct packet){.ends.vlan = p->ends.vlan};
    enum decode_result result = decode_ip(r, wire_len, p);
    if (p->ip == NULL || p->ip_captured < p->ip_len) {
        return false;
    }
    bool ports = p->ends.protocol == PROTO_TCP || p->ends.protocol == PROTO_UDP;
    if (!ports) {
        p->ends.src_port = 0;
        p->ends.dst_port = 0;
    }
    /* A fragment's ports were read as far as it goes; here all of the header counts, or nothing. */
    bool sound = result == DECODE_OK && (!p->fragment || p->ends.family == ADDR_IPV6);
    return sound || (result != DECODE_DEEP && (!ports || read_ports(p)));
}

static bool is_ip_in_ip(const struct packet *p)
{
    return p->ends.protocol == PROTO_IPV4_IN_IP || p->ends.protocol == PROTO_IPV6_IN_IP;
}

/* IP in IP, and CAPWAP data in the clear, whatever they carry, count only by what is inside. */
static bool is_envelope(const struct packet *p)
{
    bool port = p->ends.src_port == PORT_CAPWAP_DATA || p->ends.dst_port == PORT_CAPWAP_DATA;
    return is_ip_in_ip(p) || (p->ends.protocol == PROTO_UDP && port &&
                              p->payload_len > LEAST_CAPWAP && (p->payload[0] & CAPWAP_TYPE) == 0);
}

bool reference_packet(const struct packet_view *view, struct packet *p)
{
    struct reader r = reader_of(view->bytes, view->caplen);
    uint16_t ethertype = 0;
    enum decode_result result = decode_link(view->link_type, &r, p, &ethertype);
    if (view->caplen < LEAST_CAPTURED || (result != DECODE_OK && result != DECODE_NOT_IP)) {
        return false;
    }
    size_t wire_len = reader_left(&r);
    for (unsigned depth = 0; depth <= DECODE_MAX_TUNNELS; depth++) {
        struct packet inner;
        if (!take_ip(&r, wire_len, p)) {
            return false;
        }
        p->fragment = p->later_fragment && !is_ip_in_ip(p); /* its other fragments do not matter */
        if (!decode_tunnel(TUNNELS, p, &r, &inner)) {
            return !p->later_fragment && !is_envelope(p);
        }
        *p = inner;
        wire_len = reader_left(&r);
    }
    return false;
}
