/* The TCP header (RFC 9293) and its options, as far as flows and quality need them. */
#include "agent/decode/decode.h"

enum { TCP_MIN_HEADER = 20 };

/* RFC 9293 section 3.2, RFC 2018, RFC 7323: kind, and length with kind and length themselves. */
enum tcp_option {
    OPTION_END = 0,
    OPTION_NONE = 1,
    OPTION_MSS = 2,
    OPTION_SACK = 5,
    OPTION_STAMP = 8,
    MSS_LEN = 4,
    STAMP_LEN = 10,
    SACK_MIN_LEN = 10,
};

static void read_option(struct reader *r, unsigned kind, size_t len, struct tcp_segment *tcp)
{
    if (kind == OPTION_STAMP && len == STAMP_LEN) {
        tcp->stamp = reader_be32(r);
        tcp->echo = reader_be32(r);
        tcp->stamped = !r->bad;
    } else if (kind == OPTION_SACK && len >= SACK_MIN_LEN) {
        tcp->sack_from = reader_be32(r);
        tcp->sack_to = reader_be32(r);
        tcp->sacked = !r->bad;
        reader_skip(r, len - SACK_MIN_LEN);
    } else if (kind == OPTION_MSS && len == MSS_LEN) {
        tcp->mss = reader_be16(r);
    } else {
        reader_skip(r, len - 2);
    }
}

/* Options are a favour of the sender: a malformed one ends the reading, and the segment stands. */
static void read_options(struct reader options, struct tcp_segment *tcp)
{
    while (reader_left(&options) > 0 && !options.bad) {
        unsigned kind = reader_u8(&options);
        if (kind == OPTION_NONE) {
            continue;
        }
        size_t len = kind == OPTION_END ? 0 : reader_u8(&options);
        if (len < 2) {
            return;
        }
        read_option(&options, kind, len, tcp);
    }
}

enum decode_result decode_tcp(struct reader *r, size_t wire_len, struct packet *p)
{
    const uint8_t *start = r->at;
    p->ends.src_port = reader_be16(r);
    p->ends.dst_port = reader_be16(r);
    p->tcp.seq = reader_be32(r);
    p->tcp.ack = reader_be32(r);
    size_t header = (size_t)(reader_u8(r) >> 4) * 4;
    p->tcp.flags = reader_u8(r);
    p->tcp.window = reader_be16(r);
    reader_skip(r, 4); /* checksum, urgent pointer */
    if (r->bad) {
        return DECODE_SHORT;
    }
    if (header < TCP_MIN_HEADER || header > wire_len) {
        return DECODE_MALFORMED;
    }
    struct reader options = reader_sub(r, header - TCP_MIN_HEADER);
    if (r->bad) {
        return DECODE_SHORT;
    }
    read_options(options, &p->tcp);
    p->tcp_header = start;
    p->tcp.len = (uint32_t)(wire_len - header);
    return DECODE_OK;
}
