/* The TCP header (RFC 9293), as far as flows and quality need it. */
#include "agent/decode/decode.h"

enum { TCP_MIN_HEADER = 20 };

enum decode_result decode_tcp(struct reader *r, size_t wire_len, struct packet *p)
{
    p->ends.src_port = reader_be16(r);
    p->ends.dst_port = reader_be16(r);
    p->tcp.seq = reader_be32(r);
    p->tcp.ack = reader_be32(r);
    size_t header = (size_t)(reader_u8(r) >> 4) * 4;
    p->tcp.flags = reader_u8(r);
    reader_skip(r, 6); /* window, checksum, urgent pointer */
    if (r->bad) {
        return DECODE_SHORT;
    }
    if (header < TCP_MIN_HEADER || header > wire_len) {
        return DECODE_MALFORMED;
    }
    reader_skip(r, header - TCP_MIN_HEADER);
    if (r->bad) {
        return DECODE_SHORT;
    }
    p->tcp.len = (uint32_t)(wire_len - header);
    return DECODE_OK;
}
