/* The UDP header (RFC 768). */
#include "agent/decode/decode.h"

enum { UDP_HEADER = 8 };

enum decode_result decode_udp(struct reader *r, struct packet *p)
{
    p->ends.src_port = reader_be16(r);
    p->ends.dst_port = reader_be16(r);
    size_t len = reader_be16(r);
    reader_skip(r, 2); /* checksum */
    if (r->bad) {
        return DECODE_SHORT;
    }
    /* A length that lies is no reason to lose the packet: IP's own length bounds it already. */
    if (len >= UDP_HEADER && len - UDP_HEADER < reader_left(r)) {
        r->end = r->at + (len - UDP_HEADER);
    }
    return DECODE_OK;
}
