/* Ties the stages together: link, IP, transport, tunnels. Called for every packet. */
#include "agent/decode/decode.h"

enum decode_result decode_transport(struct reader *r, size_t wire_len, struct packet *p)
{
    enum decode_result result = DECODE_OK;
    const uint8_t *start = r->at;
    if (!p->later_fragment) {
        switch (p->ends.protocol) {
        case PROTO_TCP: result = decode_tcp(r, wire_len, p); break;
        case PROTO_UDP: result = decode_udp(r, p); break;
        case PROTO_ICMP:
        case PROTO_ICMPV6: result = decode_icmp(r, p); break;
        case PROTO_SCTP:
            p->ends.src_port = reader_be16(r);
            p->ends.dst_port = reader_be16(r);
            result = r->bad ? DECODE_SHORT : DECODE_OK;
            break;
        default: break; /* a flow without ports */
        }
    }
    if (p->fragment && result != DECODE_OK) {
        *r = reader_of(start, (size_t)(r->end - start)); /* the rest is in the next one */
        result = DECODE_OK;
    }
    p->payload = r->at;
    p->payload_len = (uint32_t)reader_left(r);
    return result;
}

/* Opens envelopes as long as what is inside is sound. */
static void open_tunnels(unsigned tunnels, struct packet *p)
{
    for (unsigned depth = 0; tunnels != 0 && depth < DECODE_MAX_TUNNELS; depth++) {
        struct reader r;
        struct packet inner;
        if (!decode_tunnel(tunnels, p, &r, &inner)) {
            return;
        }
        size_t unseen = p->ip_len - p->ip_captured;
        if (decode_ip(&r, reader_left(&r) + unseen, &inner) != DECODE_OK) {
            return;
        }
        *p = inner;
    }
}

enum decode_result decode_packet(int link_type, unsigned tunnels, const uint8_t *bytes,
                                 size_t caplen, size_t len, struct packet *p)
{
    struct reader r = reader_of(bytes, caplen);
    uint16_t ethertype = 0;
    enum decode_result result = decode_link(link_type, &r, p, &ethertype);
    if (result != DECODE_OK) {
        return result;
    }
    size_t passed = (size_t)(r.at - bytes);
    if (len < caplen) {
        len = caplen; /* a file may say less than it holds */
    }
    result = decode_ip(&r, len - passed, p);
    if (result == DECODE_OK) {
        open_tunnels(tunnels, p);
    }
    return result;
}

enum decode_result decode_datagram(unsigned tunnels, const uint8_t *bytes, size_t len,
                                   struct packet *p)
{
    struct reader r = reader_of(bytes, len);
    enum decode_result result = decode_ip(&r, len, p);
    if (result == DECODE_OK) {
        open_tunnels(tunnels, p);
    }
    return result;
}
