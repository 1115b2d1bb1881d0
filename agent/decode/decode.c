/* Ties the stages together: link, IP, transport. Called by the worker for every packet. */
#include "agent/decode/decode.h"

enum decode_result decode_transport(struct reader *r, size_t wire_len, struct packet *p)
{
    enum decode_result result = DECODE_OK;
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
    p->payload = r->at;
    p->payload_len = (uint32_t)reader_left(r);
    return result;
}

enum decode_result decode_packet(int link_type, const uint8_t *bytes, size_t caplen, size_t len,
                                 struct packet *p)
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
    return decode_ip(&r, len - passed, p);
}
