/* Everything goes through copy_put, which grows the buffer by doubling. */
#include "aggregator/store/copy.h"

#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

enum {
    COPY_FIRST_SIZE = 64 * 1024,
    INET_FAMILY_4 = 2, /* PGSQL_AF_INET */
    INET_FAMILY_6 = 3, /* PGSQL_AF_INET + 1 */
};

/* Microseconds from 1970 to 2000, where PostgreSQL's time begins. */
static const int64_t epoch_us = 946684800LL * 1000000;

static bool copy_room(struct copy *c, size_t len)
{
    if (c->failed) {
        return false;
    }
    size_t size = c->size == 0 ? COPY_FIRST_SIZE : c->size;
    while (size - c->len < len) {
        size *= 2;
    }
    if (size == c->size) {
        return true;
    }
    uint8_t *bytes = realloc(c->bytes, size);
    if (bytes == NULL) {
        c->failed = true;
        return false;
    }
    c->bytes = bytes;
    c->size = size;
    return true;
}

static void copy_put(struct copy *c, const void *bytes, size_t len)
{
    if (copy_room(c, len)) {
        memcpy(c->bytes + c->len, bytes, len);
        c->len += len;
    }
}

static void put_be16(struct copy *c, uint16_t v)
{
    v = __builtin_bswap16(v);
    copy_put(c, &v, sizeof v);
}

static void put_be32(struct copy *c, uint32_t v)
{
    v = __builtin_bswap32(v);
    copy_put(c, &v, sizeof v);
}

static void put_be64(struct copy *c, uint64_t v)
{
    v = __builtin_bswap64(v);
    copy_put(c, &v, sizeof v);
}

void copy_done(struct copy *c)
{
    free(c->bytes);
    *c = (struct copy){0};
}

void copy_row(struct copy *c, int16_t fields)
{
    static const char head[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"; /* no flags, no extension */
    if (c->len == 0) {
        copy_put(c, head, sizeof head);
    }
    put_be16(c, (uint16_t)fields);
    c->rows++;
}

void copy_null(struct copy *c)
{
    put_be32(c, UINT32_MAX);
}

void copy_bool(struct copy *c, bool value)
{
    uint8_t byte = value ? 1 : 0;
    put_be32(c, sizeof byte);
    copy_put(c, &byte, sizeof byte);
}

void copy_i16(struct copy *c, int16_t value)
{
    put_be32(c, sizeof value);
    put_be16(c, (uint16_t)value);
}

void copy_i32(struct copy *c, int32_t value)
{
    put_be32(c, sizeof value);
    put_be32(c, (uint32_t)value);
}

void copy_i64(struct copy *c, uint64_t value)
{
    put_be32(c, sizeof value);
    put_be64(c, value);
}

void copy_i64_or_null(struct copy *c, uint64_t value)
{
    if (value == 0) {
        copy_null(c);
    } else {
        copy_i64(c, value);
    }
}

void copy_text(struct copy *c, const char *text)
{
    size_t len = strlen(text);
    put_be32(c, (uint32_t)len);
    copy_put(c, text, len);
}

void copy_bytes(struct copy *c, const void *bytes, size_t len)
{
    put_be32(c, (uint32_t)len);
    copy_put(c, bytes, len);
}

void copy_text_or_null(struct copy *c, const char *text)
{
    if (text[0] == '\0') {
        copy_null(c);
        return;
    }
    copy_text(c, text);
}

void copy_time(struct copy *c, uint64_t wall_ns)
{
    int64_t us = (int64_t)(wall_ns / NS_PER_US) - epoch_us;
    put_be32(c, sizeof us);
    put_be64(c, (uint64_t)us);
}

void copy_inet(struct copy *c, enum addr_family family, const struct addr *addr)
{
    bool v6 = family == ADDR_IPV6;
    uint8_t len = v6 ? 16 : 4;
    uint8_t head[4] = {v6 ? INET_FAMILY_6 : INET_FAMILY_4, (uint8_t)(len * 8), 0, len};
    if (family == ADDR_NONE) {
        copy_null(c);
        return;
    }
    put_be32(c, (uint32_t)(sizeof head + len));
    copy_put(c, head, sizeof head);
    copy_put(c, addr->bytes, len);
}

void copy_mac(struct copy *c, const struct mac *mac)
{
    static const struct mac none = {{0}};
    if (memcmp(mac, &none, sizeof none) == 0) {
        copy_null(c);
        return;
    }
    put_be32(c, sizeof mac->bytes);
    copy_put(c, mac->bytes, sizeof mac->bytes);
}

bool copy_finish(struct copy *c)
{
    put_be16(c, UINT16_MAX);
    return !c->failed;
}
