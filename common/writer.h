/* A cursor that writes into a buffer of known size; `full` once something did not fit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool full;
};

static inline struct writer writer_of(void *buf, size_t size)
{
    uint8_t *at = buf;
    return (struct writer){.start = at, .at = at, .end = at + size, .full = false};
}

static inline size_t writer_len(const struct writer *w)
{
    return (size_t)(w->at - w->start);
}

static inline void writer_bytes(struct writer *w, const void *bytes, size_t len)
{
    if (w->full || (size_t)(w->end - w->at) < len) {
        w->full = true;
        return;
    }
    if (len > 0) {
        memcpy(w->at, bytes, len);
    }
    w->at += len;
}

static inline void writer_u8(struct writer *w, uint8_t v)
{
    writer_bytes(w, &v, sizeof v);
}

static inline void writer_le16(struct writer *w, uint16_t v)
{
    writer_bytes(w, &v, sizeof v);
}

static inline void writer_le32(struct writer *w, uint32_t v)
{
    writer_bytes(w, &v, sizeof v);
}

static inline void writer_le64(struct writer *w, uint64_t v)
{
    writer_bytes(w, &v, sizeof v);
}

/* A length byte, then the text cut at 255 bytes. */
static inline void writer_text8(struct writer *w, const char *text)
{
    size_t len = strnlen(text, 255);
    writer_u8(w, (uint8_t)len);
    writer_bytes(w, text, len);
}
