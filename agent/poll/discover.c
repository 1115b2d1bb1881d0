/*
 * Message (RFC 3412 section 6, RFC 3414 section 2.4), all BER:
 *   SEQUENCE { version 3, SEQUENCE { id, maximum size, flags, model 3 },
 *              OCTET STRING { SEQUENCE { engine id, boots, time, user, digest, salt } },
 *              SEQUENCE { context engine, context, GET without variables } }
 */
#include "agent/poll/discover.h"

#include <string.h>

enum { TAG_INTEGER = 0x02, TAG_TEXT = 0x04, TAG_SEQUENCE = 0x30, SNMP_V3 = 3, MODEL_USM = 3 };

size_t discover_ask(uint32_t id, uint8_t buf[DISCOVER_SIZE])
{
    const uint8_t b0 = (uint8_t)(id >> 24 & 0x7f), b1 = (uint8_t)(id >> 16),
                  b2 = (uint8_t)(id >> 8), b3 = (uint8_t)id;
    /* clang-format off */
    const uint8_t message[] = {
        TAG_SEQUENCE, 62,
        TAG_INTEGER, 1, SNMP_V3,
        TAG_SEQUENCE, 17,
            TAG_INTEGER, 4, b0, b1, b2, b3,
            TAG_INTEGER, 3, 0x00, 0xff, 0xe3, /* 65507 bytes at most */
            TAG_TEXT, 1, 0x04,                /* to be reported on, no security */
            TAG_INTEGER, 1, MODEL_USM,
        TAG_TEXT, 16,
            TAG_SEQUENCE, 14,
                TAG_TEXT, 0, TAG_INTEGER, 1, 0, TAG_INTEGER, 1, 0,
                TAG_TEXT, 0, TAG_TEXT, 0, TAG_TEXT, 0,
        TAG_SEQUENCE, 20,
            TAG_TEXT, 0, TAG_TEXT, 0,
            0xa0, 14, /* GET */
                TAG_INTEGER, 4, b0, b1, b2, b3,
                TAG_INTEGER, 1, 0, TAG_INTEGER, 1, 0,
                TAG_SEQUENCE, 0,
    };
    /* clang-format on */
    _Static_assert(sizeof message == DISCOVER_SIZE, "the lengths above are right");
    memcpy(buf, message, sizeof message);
    return sizeof message;
}

/* What is left of a value that is being read; bytes NULL once something was wrong. */
struct ber {
    const uint8_t *bytes;
    size_t len;
};

/* Takes the next value off, which must have this tag. */
static struct ber ber_take(struct ber *from, uint8_t tag)
{
    const struct ber nothing = {0};
    struct ber value = {0};
    size_t head = 2, len = 0;
    if (from->bytes == NULL || from->len < head || from->bytes[0] != tag) {
        *from = nothing;
        return nothing;
    }
    len = from->bytes[1];
    if (len >= 0x80) { /* long form: that many bytes of length */
        size_t more = len & 0x7f;
        if (more == 0 || more > 2 || from->len < head + more) {
            *from = nothing;
            return nothing;
        }
        len = 0;
        for (size_t i = 0; i < more; i++) {
            len = len << 8 | from->bytes[head + i];
        }
        head += more;
    }
    if (len > from->len - head) {
        *from = nothing;
        return nothing;
    }
    value = (struct ber){.bytes = from->bytes + head, .len = len};
    from->bytes += head + len;
    from->len -= head + len;
    return value;
}

/* A number of up to four bytes; anything else is UINT32_MAX, which is no message id. */
static uint32_t ber_number(struct ber *from)
{
    struct ber value = ber_take(from, TAG_INTEGER);
    uint32_t number = 0;
    if (value.bytes == NULL || value.len == 0 || value.len > 4) {
        return UINT32_MAX;
    }
    for (size_t i = 0; i < value.len; i++) {
        number = number << 8 | value.bytes[i];
    }
    return number;
}

bool discover_read(const uint8_t *bytes, size_t len, uint32_t id, struct engine_id *engine)
{
    struct ber outer = {.bytes = bytes, .len = len};
    struct ber message = ber_take(&outer, TAG_SEQUENCE);
    if (ber_number(&message) != SNMP_V3) {
        return false;
    }
    struct ber header = ber_take(&message, TAG_SEQUENCE);
    struct ber security = ber_take(&message, TAG_TEXT);
    struct ber inner = ber_take(&security, TAG_SEQUENCE);
    struct ber name = ber_take(&inner, TAG_TEXT);
    if (ber_number(&header) != (id & INT32_MAX) || name.bytes == NULL || name.len == 0 ||
        name.len > sizeof engine->bytes) {
        return false;
    }
    memcpy(engine->bytes, name.bytes, name.len);
    engine->len = name.len;
    return true;
}
