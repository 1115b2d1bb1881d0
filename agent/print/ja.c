#include "agent/print/ja.h"

#include <string.h>

enum {
    TEXT_SIZE = 6144, /* of the text that is hashed */
    COUNT_MAX = 99,   /* JA4 has two digits for each count */
    HASH_DIGITS = 12,
    FEW = 48, /* codes that are sorted faster one by one */
    EXTENSION_NAME = 0x0000,
    EXTENSION_ALPN = 0x0010,
};

/* The text that is hashed; what does not fit makes it no fingerprint. */
struct text {
    char bytes[TEXT_SIZE];
    size_t len;
    bool full;
};

static void put(struct text *t, const char *bytes, size_t len)
{
    if (t->full || sizeof t->bytes - t->len < len) {
        t->full = true;
        return;
    }
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
}

static void put_char(struct text *t, char c)
{
    put(t, &c, 1);
}

static char digit(unsigned value)
{
    return "0123456789abcdef"[value & 0xf];
}

static void put_hex16(struct text *t, uint16_t code)
{
    const char digits[] = {digit(code >> 12u), digit(code >> 8u), digit(code >> 4u), digit(code)};
    put(t, digits, sizeof digits);
}

static void put_decimal(struct text *t, unsigned value)
{
    char digits[8];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(t, digits + at, sizeof digits - at);
}

/* One pass of a sort by counting, which takes the same time whatever a stranger sends. */
static void count_pass(const uint16_t *from, size_t count, unsigned shift, uint16_t *to)
{
    uint16_t places[257] = {0};
    for (size_t i = 0; i < count; i++) {
        places[(from[i] >> shift & 0xff) + 1]++;
    }
    for (size_t i = 1; i < 256; i++) {
        places[i] = (uint16_t)(places[i] + places[i - 1]);
    }
    for (size_t i = 0; i < count; i++) {
        to[places[from[i] >> shift & 0xff]++] = from[i];
    }
}

static void sort_codes(uint16_t *codes, size_t count)
{
    uint16_t by_low[TLS_CIPHERS_MAX];
    if (count > FEW) {
        count_pass(codes, count, 0, by_low);
        count_pass(by_low, count, 8, codes);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        uint16_t code = codes[i];
        size_t at = i;
        for (; at > 0 && codes[at - 1] > code; at--) {
            codes[at] = codes[at - 1];
        }
        codes[at] = code;
    }
}

static void put_hex_list(struct text *t, const uint16_t *codes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            put_char(t, ',');
        }
        put_hex16(t, codes[i]);
    }
}

static const char *version_of(uint16_t version)
{
    switch (version) {
    case 0x0304: return "13";
    case 0x0303: return "12";
    case 0x0302: return "11";
    case 0x0301: return "10";
    case 0x0300: return "s3";
    case 0x0002: return "s2";
    case 0xfeff: return "d1";
    case 0xfefd: return "d2";
    case 0xfefc: return "d3";
    default: return "00";
    }
}

static bool is_alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* First and last character, or digit of the first and last byte when either is no such thing. */
static void alpn_of(const struct tls_client *hello, char two[2])
{
    two[0] = two[1] = '0';
    if (hello->alpn_len == 0) {
        return;
    }
    uint8_t first = hello->alpn[0];
    uint8_t last = hello->alpn[hello->alpn_len - 1];
    bool plain = is_alphanumeric(first) && is_alphanumeric(last);
    two[0] = plain ? (char)first : digit(first >> 4u);
    two[1] = plain ? (char)last : digit(last);
}

static char *put_count(char *at, unsigned count)
{
    count = count > COUNT_MAX ? COUNT_MAX : count;
    *at++ = (char)('0' + count / 10);
    *at++ = (char)('0' + count % 10);
    return at;
}

/* Twelve digits of a text's SHA-256, or of nothing; NULL when it cannot be had. */
static char *put_hash(struct digest *d, const struct text *t, char *at)
{
    uint8_t hash[DIGEST_SHORT] = {0};
    if (t->full || (t->len > 0 && !digest_short(d, t->bytes, t->len, hash))) {
        return NULL;
    }
    for (size_t i = 0; i < HASH_DIGITS / 2; i++) {
        *at++ = digit(hash[i] >> 4u);
        *at++ = digit(hash[i]);
    }
    return at;
}

static void ciphers_text(const struct tls_client *hello, struct text *t)
{
    uint16_t codes[TLS_CIPHERS_MAX];
    memcpy(codes, hello->ciphers, hello->cipher_count * sizeof codes[0]);
    sort_codes(codes, hello->cipher_count);
    put_hex_list(t, codes, hello->cipher_count);
}

/* Server name and ALPN are left out: they change with what is asked for. */
static void extensions_text(const struct tls_client *hello, struct text *t)
{
    uint16_t codes[TLS_EXTENSIONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < hello->extension_count; i++) {
        uint16_t code = hello->extensions[i];
        if (code != EXTENSION_NAME && code != EXTENSION_ALPN) {
            codes[count++] = code;
        }
    }
    sort_codes(codes, count);
    put_hex_list(t, codes, count);
    if (count > 0 && hello->signature_count > 0) {
        put_char(t, '_');
        put_hex_list(t, hello->signatures, hello->signature_count);
    }
}

void ja4_of(struct digest *d, const struct tls_client *hello, enum ja_carrier carrier,
            char ja4[PRINT_JA4_SIZE])
{
    struct text t;
    char *at = ja4;
    const char *version = version_of(hello->newest);
    *at++ = carrier == JA_TCP ? 't' : carrier == JA_QUIC ? 'q' : 'd';
    *at++ = version[0];
    *at++ = version[1];
    *at++ = hello->names_server ? 'd' : 'i';
    at = put_count(at, hello->cipher_count);
    at = put_count(at, hello->extension_count);
    alpn_of(hello, at);
    at += 2;
    *at++ = '_';
    t.len = 0;
    t.full = false;
    ciphers_text(hello, &t);
    at = put_hash(d, &t, at);
    if (at != NULL) {
        *at++ = '_';
        t.len = 0;
        extensions_text(hello, &t);
        at = put_hash(d, &t, at);
    }
    *(at == NULL ? ja4 : at) = '\0';
}

static void put_decimal_list(struct text *t, const uint16_t *codes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            put_char(t, '-');
        }
        put_decimal(t, codes[i]);
    }
}

static bool md5_of(struct digest *d, const struct text *t, uint8_t md5[PRINT_MD5_SIZE])
{
    return !t->full && digest_md5(d, t->bytes, t->len, md5);
}

bool ja3_of(struct digest *d, const struct tls_client *hello, uint8_t ja3[PRINT_MD5_SIZE])
{
    struct text t;
    t.len = 0;
    t.full = false;
    put_decimal(&t, hello->version);
    put_char(&t, ',');
    put_decimal_list(&t, hello->ciphers, hello->cipher_count);
    put_char(&t, ',');
    put_decimal_list(&t, hello->extensions, hello->extension_count);
    put_char(&t, ',');
    put_decimal_list(&t, hello->groups, hello->group_count);
    put_char(&t, ',');
    for (size_t i = 0; i < hello->format_count; i++) {
        if (i > 0) {
            put_char(&t, '-');
        }
        put_decimal(&t, hello->formats[i]);
    }
    return md5_of(d, &t, ja3);
}

bool ja3s_of(struct digest *d, const struct tls_server *hello, uint8_t ja3s[PRINT_MD5_SIZE])
{
    struct text t;
    t.len = 0;
    t.full = false;
    put_decimal(&t, hello->version);
    put_char(&t, ',');
    put_decimal(&t, hello->cipher);
    put_char(&t, ',');
    put_decimal_list(&t, hello->extensions, hello->extension_count);
    return md5_of(d, &t, ja3s);
}

bool hassh_of(struct digest *d, const struct ssh_offer *offer, bool of_client,
              uint8_t hassh[PRINT_MD5_SIZE])
{
    const struct ssh_text *lists = offer->lists;
    const struct ssh_text *parts[] = {
        &lists[SSH_KEX], &lists[of_client ? SSH_CIPHER_C2S : SSH_CIPHER_S2C],
        &lists[of_client ? SSH_MAC_C2S : SSH_MAC_S2C],
        &lists[of_client ? SSH_COMPRESSION_C2S : SSH_COMPRESSION_S2C]};
    struct text t;
    t.len = 0;
    t.full = false;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (i > 0) {
            put_char(&t, ';');
        }
        put(&t, parts[i]->at, parts[i]->len);
    }
    return md5_of(d, &t, hassh);
}
