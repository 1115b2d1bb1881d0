/*
 * Where ndpiReader 4.2 differs from our decoder: it looks for IP behind an Ethernet header of any
 * type, goes into IP in IP, GTP-U and CAPWAP, takes ports from a TCP header of impossible length,
 * gives ports to TCP and UDP alone, and passes over fragments and cut packets.
 */
#include "agent/reference_packet.h"

#include "agent/decode/decode.h"

enum {
    LEAST_CAPTURED = 28,
    MAX_TUNNELS = 8,
    PROTO_IPV4_IN_IP = 4,
    PROTO_IPV6_IN_IP = 41,
    PORT_GTP_U = 2152,
    PORT_CAPWAP_DATA = 5247,
    GTP_HEADER = 8,
    GTP_OPTIONS = 4,
    GTP_TPDU = 0xff,
    WLAN_HEADER = 24,
    LLC_HEADER = 8,
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
    return result == DECODE_OK || (result != DECODE_DEEP && (!ports || read_ports(p)));
}

static bool has_port(const struct packet *p, uint16_t port)
{
    return p->ends.protocol == PROTO_UDP && (p->ends.src_port == port || p->ends.dst_port == port);
}

/* Moves r, at the UDP payload, behind a GTPv1 header that carries a packet. */
static bool pass_gtp(struct reader *r)
{
    if (reader_left(r) <= GTP_HEADER || r->at[0] >> 5 != 1 || r->at[1] != GTP_TPDU) {
        return false;
    }
    unsigned flags = r->at[0];
    reader_skip(r, GTP_HEADER + ((flags & 7) != 0 ? GTP_OPTIONS : 0));
    while ((flags & 4) != 0 && !r->bad && reader_left(r) > 0) {
        size_t len = (size_t)r->at[0] * 4;
        reader_skip(r, len);
        if (len == 0 || r->bad) {
            return false;
        }
        if (r->at[-1] == 0) {
            break; /* no further extension */
        }
    }
    return !r->bad && reader_left(r) > 0;
}

/* Moves r, at the UDP payload, behind CAPWAP, 802.11 and LLC. */
static bool pass_capwap(struct reader *r)
{
    if (reader_left(r) < 2 || (r->at[0] & 0x0f) != 0) {
        return false;
    }
    size_t header = (r->at[1] & 0xf8u) >> 1;
    if (reader_left(r) <= header + WLAN_HEADER + LLC_HEADER) {
        return false;
    }
    reader_skip(r, header + WLAN_HEADER + LLC_HEADER);
    return true;
}

/* True when the packet is an envelope; r then stands at the packet inside. */
static bool open_tunnel(struct reader *r, const struct packet *p)
{
    *r = reader_of(p->payload, p->payload_len);
    if (p->ends.protocol == PROTO_IPV4_IN_IP || p->ends.protocol == PROTO_IPV6_IN_IP) {
        return true;
    }
    if (p->later_fragment || p->payload == NULL) {
        return false;
    }
    return (has_port(p, PORT_GTP_U) && pass_gtp(r)) ||
           (has_port(p, PORT_CAPWAP_DATA) && pass_capwap(r));
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
    for (unsigned depth = 0; depth < MAX_TUNNELS; depth++) {
        if (!take_ip(&r, wire_len, p)) {
            return false;
        }
        if (!open_tunnel(&r, p)) {
            return !p->later_fragment;
        }
        wire_len = reader_left(&r);
    }
    return false;
}
