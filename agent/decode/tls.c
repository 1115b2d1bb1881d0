/* Record layer, then the two hellos. Field names and codes are those of RFC 8446 section 4.1. */
#include "agent/decode/tls.h"

#include "common/reader.h"

enum {
    RECORD_HEADER = 5,
    RECORD_ALERT = 21,
    ALERT_LEN = 2,
    RECORD_HANDSHAKE = 22,
    RECORD_MAX = 16384 + 2048, /* RFC 5246 section 6.2.3 */
    DATAGRAM_HEADER = 13,      /* RFC 6347 section 4.1: type, version, epoch, sequence, length */
    DATAGRAM_MESSAGE = 12,     /* section 4.2.2: type, length, sequence, offset, length */
    RANDOM_LEN = 32,
    EXTENSION_NAME = 0,
    EXTENSION_GROUPS = 10,
    EXTENSION_FORMATS = 11,
    EXTENSION_SIGNATURES = 13,
    EXTENSION_ALPN = 16,
    EXTENSION_VERSIONS = 43,
};

static uint32_t read_be24(struct reader *r)
{
    uint32_t high = reader_u8(r);
    return high << 16 | reader_be16(r);
}

/* What the five bytes of a record say; a wrong one is never a handshake's beginning. */
static bool is_record(const uint8_t *at, size_t len)
{
    if (len > 0 && at[0] != RECORD_HANDSHAKE) {
        return false;
    }
    if (len > 1 && at[1] != 3) {
        return false;
    }
    if (len >= RECORD_HEADER) {
        unsigned record = (unsigned)at[3] << 8 | at[4];
        return record >= 1 && record <= RECORD_MAX;
    }
    return true;
}

static enum tls_result find_bare(enum tls_message type, const uint8_t *bytes, size_t len,
                                 size_t most, struct tls_body *body)
{
    struct reader r = reader_of(bytes, len);
    unsigned is = reader_u8(&r);
    uint32_t size = read_be24(&r);
    if (len > 0 && is != type) {
        return TLS_NOT;
    }
    if (r.bad) {
        return TLS_MORE;
    }
    if (size > most) {
        return TLS_NOT;
    }
    body->len = size;
    body->bytes = reader_bytes(&r, size);
    return r.bad ? TLS_MORE : TLS_FOUND;
}

/* Some servers warn that they do not know the name before they say hello. */
static void skip_warnings(struct reader *r)
{
    while (reader_left(r) > RECORD_HEADER + ALERT_LEN && r->at[0] == RECORD_ALERT &&
           r->at[3] == 0 && r->at[4] == ALERT_LEN) {
        reader_skip(r, RECORD_HEADER + ALERT_LEN);
    }
}

/* Most hellos stand in one record and are read where they are; others are put together. */
static enum tls_result find_in_records(enum tls_message type, const uint8_t *bytes, size_t len,
                                       uint8_t *scratch, size_t scratch_size, struct tls_body *body)
{
    struct reader r = reader_of(bytes, len);
    size_t used = 0;
    skip_warnings(&r);
    const uint8_t *start = r.at;
    while (is_record(r.at, reader_left(&r))) {
        bool first = r.at == start;
        reader_skip(&r, 3);
        size_t record = reader_be16(&r);
        if (r.bad) {
            return TLS_MORE;
        }
        bool whole = record <= reader_left(&r);
        size_t here = whole ? record : reader_left(&r);
        const uint8_t *at = reader_bytes(&r, here);
        enum tls_result result = TLS_MORE;
        if (first) {
            result = find_bare(type, at, here, scratch_size - TLS_HANDSHAKE_HEADER, body);
            if (result != TLS_MORE || !whole) {
                return result;
            }
        }
        if (used + here > scratch_size) {
            return TLS_NOT;
        }
        memcpy(scratch + used, at, here);
        used += here;
        result = find_bare(type, scratch, used, scratch_size - TLS_HANDSHAKE_HEADER, body);
        if (result != TLS_MORE || !whole) {
            return result;
        }
    }
    return TLS_NOT;
}

/* Only a message in one piece: implementations keep their hellos below a datagram's size. */
static enum tls_result find_in_datagram(enum tls_message type, const uint8_t *bytes, size_t len,
                                        struct tls_body *body)
{
    struct reader r = reader_of(bytes, len);
    unsigned record = reader_u8(&r);
    unsigned version = reader_u8(&r);
    reader_skip(&r, DATAGRAM_HEADER - 2 - 2);
    struct reader message = reader_sub(&r, reader_be16(&r));
    unsigned is = reader_u8(&message);
    uint32_t size = read_be24(&message);
    reader_skip(&message, 2); /* its number in the flight */
    uint32_t offset = read_be24(&message);
    uint32_t part = read_be24(&message);
    if (r.bad || record != RECORD_HANDSHAKE || version != 0xfe || is != type || offset != 0 ||
        part != size) {
        return TLS_NOT;
    }
    body->len = size;
    body->bytes = reader_bytes(&message, size);
    return message.bad ? TLS_NOT : TLS_FOUND;
}

enum tls_result tls_find(enum tls_framing framing, enum tls_message type, const uint8_t *bytes,
                         size_t len, uint8_t *scratch, size_t scratch_size, struct tls_body *body)
{
    switch (framing) {
    case TLS_RECORDS: return find_in_records(type, bytes, len, scratch, scratch_size, body);
    case TLS_DATAGRAM: return find_in_datagram(type, bytes, len, body);
    case TLS_BARE: return find_bare(type, bytes, len, scratch_size - TLS_HANDSHAKE_HEADER, body);
    }
    return TLS_NOT;
}

/* RFC 8701: both bytes equal, low half 10. */
static bool is_grease(uint16_t code)
{
    return (code & 0x0f0f) == 0x0a0a && code >> 8 == (code & 0xff);
}

/* Adds a code unless it is GREASE; false when the list is full. */
static bool add_code(uint16_t code, uint16_t *list, uint16_t *count, uint16_t most)
{
    if (is_grease(code)) {
        return true;
    }
    if (*count == most) {
        return false;
    }
    list[(*count)++] = code;
    return true;
}

static bool read_codes(struct reader *r, uint16_t *list, uint16_t *count, uint16_t most)
{
    *count = 0;
    while (reader_left(r) >= 2) {
        if (!add_code(reader_be16(r), list, count, most)) {
            return false;
        }
    }
    return true;
}

/* Lists in extensions carry a length of their own. */
static bool read_list(struct reader *r, uint16_t *list, uint16_t *count, uint16_t most)
{
    struct reader inner = reader_sub(r, reader_be16(r));
    return !r->bad && read_codes(&inner, list, count, most);
}

static bool read_formats(struct reader *r, struct tls_client *hello)
{
    size_t count = reader_u8(r);
    const uint8_t *formats = reader_bytes(r, count);
    if (r->bad || count > TLS_FORMATS_MAX) {
        return false;
    }
    memcpy(hello->formats, formats, count);
    hello->format_count = (uint16_t)count;
    return true;
}

static bool read_alpn(struct reader *r, struct tls_client *hello)
{
    struct reader names = reader_sub(r, reader_be16(r));
    if (!r->bad && reader_left(&names) > 0) {
        hello->alpn_len = reader_u8(&names);
        hello->alpn = reader_bytes(&names, hello->alpn_len);
    }
    return !r->bad && !names.bad;
}

/* DTLS counts its versions down from 0xfeff. */
static bool is_newer(bool datagram, uint16_t a, uint16_t b)
{
    return datagram ? a < b : a > b;
}

static bool read_versions(struct reader *r, struct tls_client *hello)
{
    struct reader list = reader_sub(r, reader_u8(r));
    uint16_t newest = 0;
    while (reader_left(&list) >= 2) {
        uint16_t version = reader_be16(&list);
        bool ours = (version >> 8 == 0xfe) == hello->datagram;
        if (!is_grease(version) && ours &&
            (newest == 0 || is_newer(hello->datagram, version, newest))) {
            newest = version;
        }
    }
    if (newest != 0) {
        hello->newest = newest;
    }
    return !r->bad;
}

static bool read_extension(unsigned code, struct reader *r, struct tls_client *hello)
{
    switch (code) {
    case EXTENSION_NAME: hello->names_server = true; return true;
    case EXTENSION_GROUPS: return read_list(r, hello->groups, &hello->group_count, TLS_GROUPS_MAX);
    case EXTENSION_FORMATS: return read_formats(r, hello);
    case EXTENSION_SIGNATURES:
        return read_list(r, hello->signatures, &hello->signature_count, TLS_SIGNATURES_MAX);
    case EXTENSION_ALPN: return read_alpn(r, hello);
    case EXTENSION_VERSIONS: return read_versions(r, hello);
    default: return true;
    }
}

static bool read_extensions(struct reader *r, struct tls_client *hello)
{
    if (reader_left(r) == 0) {
        return true; /* old clients send none */
    }
    struct reader list = reader_sub(r, reader_be16(r));
    while (reader_left(&list) > 0) {
        uint16_t code = reader_be16(&list);
        struct reader value = reader_sub(&list, reader_be16(&list));
        if (list.bad ||
            !add_code(code, hello->extensions, &hello->extension_count, TLS_EXTENSIONS_MAX) ||
            !read_extension(code, &value, hello)) {
            return false;
        }
    }
    return !r->bad;
}

bool tls_read_client(const struct tls_body *body, bool datagram, struct tls_client *hello)
{
    struct reader r = reader_of(body->bytes, body->len);
    /* The lists are read up to their counts only. */
    hello->datagram = datagram;
    hello->names_server = false;
    hello->alpn_len = 0;
    hello->alpn = NULL;
    hello->extension_count = 0;
    hello->group_count = 0;
    hello->signature_count = 0;
    hello->format_count = 0;
    hello->version = reader_be16(&r);
    hello->newest = hello->version;
    reader_skip(&r, RANDOM_LEN);
    reader_skip(&r, reader_u8(&r)); /* session */
    if (datagram) {
        reader_skip(&r, reader_u8(&r)); /* cookie */
    }
    struct reader ciphers = reader_sub(&r, reader_be16(&r));
    reader_skip(&r, reader_u8(&r)); /* compression */
    return !r.bad && read_codes(&ciphers, hello->ciphers, &hello->cipher_count, TLS_CIPHERS_MAX) &&
           read_extensions(&r, hello);
}

bool tls_read_server(const struct tls_body *body, struct tls_server *hello)
{
    struct reader r = reader_of(body->bytes, body->len);
    hello->extension_count = 0;
    hello->version = reader_be16(&r);
    reader_skip(&r, RANDOM_LEN);
    reader_skip(&r, reader_u8(&r)); /* session */
    hello->cipher = reader_be16(&r);
    reader_skip(&r, 1); /* compression */
    if (r.bad || reader_left(&r) == 0) {
        return !r.bad;
    }
    struct reader list = reader_sub(&r, reader_be16(&r));
    while (reader_left(&list) > 0) {
        uint16_t code = reader_be16(&list);
        reader_skip(&list, reader_be16(&list));
        if (list.bad ||
            !add_code(code, hello->extensions, &hello->extension_count, TLS_EXTENSIONS_MAX)) {
            return false;
        }
    }
    return !r.bad;
}
