#include "agent/decode/quic_initial.h"

#include "common/reader.h"

enum {
    LONG_FORM = 0xc0, /* header form and fixed bit */
    TYPE_BITS = 0x30,
    TYPE_INITIAL = 0x00,
    TYPE_INITIAL_V2 = 0x10, /* RFC 9369 section 3.2 */
    SAMPLE_END = 4 + 16,    /* RFC 9001 section 5.4.2 */
    FRAME_PADDING = 0x00,
    FRAME_PING = 0x01,
    FRAME_ACK = 0x02,
    FRAME_ACK_ECN = 0x03,
    FRAME_CRYPTO = 0x06,
    ACK_RANGES_MAX = 64,
};

/* RFC 9000 section 16. */
static uint64_t read_varint(struct reader *r)
{
    uint64_t value = reader_u8(r);
    unsigned more = (1u << (value >> 6)) - 1;
    value &= 0x3f;
    for (; more > 0; more--) {
        value = value << 8 | reader_u8(r);
    }
    return value;
}

static struct reader read_varint_bytes(struct reader *r)
{
    uint64_t len = read_varint(r);
    return reader_sub(r, len > SIZE_MAX ? SIZE_MAX : (size_t)len);
}

static bool is_ours(uint32_t version)
{
    return version == QUIC_V1 || version == QUIC_V2 ||
           (version >= QUIC_DRAFT_23 && version <= QUIC_DRAFT_34);
}

bool quic_is_long(const uint8_t *bytes, size_t len)
{
    struct reader r = reader_of(bytes, len);
    unsigned first = reader_u8(&r);
    return is_ours(reader_be32(&r)) && (first & LONG_FORM) == LONG_FORM;
}

bool quic_find_initial(const uint8_t *bytes, size_t len, struct quic_initial *q)
{
    struct reader r = reader_of(bytes, len);
    unsigned first = reader_u8(&r);
    q->version = reader_be32(&r);
    unsigned initial = q->version == QUIC_V2 ? TYPE_INITIAL_V2 : TYPE_INITIAL;
    if (!is_ours(q->version) || (first & LONG_FORM) != LONG_FORM ||
        (first & TYPE_BITS) != initial) {
        return false; /* an Initial always stands first (RFC 9000 section 12.2) */
    }
    q->id_len = reader_u8(&r);
    q->id = reader_bytes(&r, q->id_len);
    reader_skip(&r, reader_u8(&r)); /* source connection id */
    (void)read_varint_bytes(&r);    /* token */
    uint64_t rest = read_varint(&r);
    if (r.bad || q->id_len > QUIC_ID_MAX || rest < SAMPLE_END || rest > reader_left(&r)) {
        return false;
    }
    q->packet = bytes;
    q->number_at = (size_t)(r.at - bytes);
    q->len = q->number_at + (size_t)rest;
    return true;
}

struct quic_walk quic_walk_begin(const uint8_t *frames, size_t len)
{
    return (struct quic_walk){.at = frames, .end = frames + len};
}

static void skip_ack(struct reader *r, bool ecn)
{
    (void)read_varint(r); /* largest acknowledged */
    (void)read_varint(r); /* delay */
    uint64_t ranges = read_varint(r);
    (void)read_varint(r); /* first range */
    if (ranges > ACK_RANGES_MAX) {
        r->bad = true;
    }
    for (uint64_t i = 0; i < ranges * 2 && !r->bad; i++) {
        (void)read_varint(r);
    }
    for (unsigned i = 0; ecn && i < 3; i++) {
        (void)read_varint(r);
    }
}

bool quic_walk_next(struct quic_walk *w, struct quic_crypto *crypto)
{
    struct reader r = reader_of(w->at, (size_t)(w->end - w->at));
    while (reader_left(&r) > 0 && !r.bad) {
        unsigned type = reader_u8(&r);
        if (type == FRAME_CRYPTO) {
            crypto->offset = read_varint(&r);
            struct reader data = read_varint_bytes(&r);
            crypto->bytes = data.at;
            crypto->len = reader_left(&data);
            w->at = r.at;
            return !r.bad;
        }
        if (type == FRAME_ACK || type == FRAME_ACK_ECN) {
            skip_ack(&r, type == FRAME_ACK_ECN);
        } else if (type != FRAME_PADDING && type != FRAME_PING) {
            return false;
        }
    }
    return false;
}
