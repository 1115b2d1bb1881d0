/*
 * The only way to read bytes from outside: a cursor that cannot pass its end. After the first
 * read too far the reader is `bad`, every read gives zero, and the caller looks once at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline struct reader reader_of(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    return (struct reader){.at = at, .end = at + len, .bad = false};
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

/* A borrowed view of the next len bytes, or NULL (and bad) when fewer are left. */
static inline const uint8_t *reader_bytes(struct reader *r, size_t len)
{
    if (r->bad || reader_left(r) < len) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *here = r->at;
    r->at += len;
    return here;
}

static inline void reader_skip(struct reader *r, size_t len)
{
    (void)reader_bytes(r, len); /* bad is sticky: the caller looks at the end */
}

/* The next len bytes as a reader of their own; bad in both when fewer are left. */
static inline struct reader reader_sub(struct reader *r, size_t len)
{
    const uint8_t *here = reader_bytes(r, len);
    if (here == NULL) {
        return (struct reader){.at = r->end, .end = r->end, .bad = true};
    }
    return reader_of(here, len);
}

static inline uint8_t reader_u8(struct reader *r)
{
    const uint8_t *p = reader_bytes(r, 1);
    return p == NULL ? 0 : p[0];
}

/* Network order (be) for packets, little-endian (le) for our own envelope and files. */
#define READER_INT(name, type, expr)                                                               \
    static inline type name(struct reader *r)                                                      \
    {                                                                                              \
        type v = 0;                                                                                \
        const uint8_t *p = reader_bytes(r, sizeof(type));                                          \
        if (p == NULL) {                                                                           \
            return 0;                                                                              \
        }                                                                                          \
        memcpy(&v, p, sizeof(type));                                                               \
        return expr(v);                                                                            \
    }
READER_INT(reader_be16, uint16_t, __builtin_bswap16)
READER_INT(reader_be32, uint32_t, __builtin_bswap32)
READER_INT(reader_be64, uint64_t, __builtin_bswap64)
READER_INT(reader_le16, uint16_t, )
READER_INT(reader_le32, uint32_t, )
READER_INT(reader_le64, uint64_t, )
#undef READER_INT

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian machines only, so far");
