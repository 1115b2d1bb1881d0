#include "common/encode.h"

static const char BASE32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char BASE64URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Groups of `width` bits, most significant first; the last group is filled up with zero bits. */
static char *bits_encode(const uint8_t *bytes, size_t len, const char *alphabet, unsigned width,
                         char *buf)
{
    uint32_t held = 0;
    unsigned bits = 0;
    char *out = buf;
    for (size_t i = 0; i < len; i++) {
        held = held << 8 | bytes[i];
        bits += 8;
        while (bits >= width) {
            bits -= width;
            *out++ = alphabet[held >> bits & ((1U << width) - 1)];
        }
    }
    if (bits > 0) {
        *out++ = alphabet[held << (width - bits) & ((1U << width) - 1)];
    }
    *out = '\0';
    return buf;
}

/* The character's place in the alphabet of 2^width characters, or -1. */
static int place_of(char c, const char *alphabet, unsigned width)
{
    for (int i = 0; i < 1 << width; i++) {
        if (alphabet[i] == c) {
            return i;
        }
    }
    return -1;
}

static long bits_decode(const char *text, size_t text_len, const char *alphabet, unsigned width,
                        uint8_t *buf, size_t size)
{
    uint32_t held = 0;
    unsigned bits = 0;
    size_t len = 0;
    for (size_t i = 0; i < text_len; i++) {
        int place = place_of(text[i], alphabet, width);
        if (place < 0) {
            return -1;
        }
        held = held << width | (uint32_t)place;
        bits += width;
        if (bits >= 8) {
            if (len == size) {
                return -1;
            }
            bits -= 8;
            buf[len++] = (uint8_t)(held >> bits);
        }
    }
    uint32_t spare = held & ((1U << bits) - 1);
    return bits < width && spare == 0 ? (long)len : -1;
}

char *base32_encode(const void *bytes, size_t len, char *buf)
{
    return bits_encode(bytes, len, BASE32, 5, buf);
}

char *base64url_encode(const void *bytes, size_t len, char *buf)
{
    return bits_encode(bytes, len, BASE64URL, 6, buf);
}

long base32_decode(const char *text, size_t text_len, uint8_t *buf, size_t size)
{
    return bits_decode(text, text_len, BASE32, 5, buf, size);
}

long base64url_decode(const char *text, size_t text_len, uint8_t *buf, size_t size)
{
    return bits_decode(text, text_len, BASE64URL, 6, buf, size);
}

char *hex_encode(const void *bytes, size_t len, char *buf)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) {
        buf[2 * i] = digits[at[i] >> 4];
        buf[2 * i + 1] = digits[at[i] & 15];
    }
    buf[2 * len] = '\0';
    return buf;
}
