/* Addresses to text and back, and the few questions that everybody asks of them. */
#include "common/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { IPV4_LEN = 4, IPV4_BITS = 32, IPV6_BITS = 128 };

char *addr_format(enum addr_family family, const struct addr *addr, char *buf)
{
    const char *text = NULL;
    switch (family) {
    case ADDR_NONE: break;
    case ADDR_IPV4: text = inet_ntop(AF_INET, addr->bytes, buf, ADDR_TEXT_SIZE); break;
    case ADDR_IPV6: text = inet_ntop(AF_INET6, addr->bytes, buf, ADDR_TEXT_SIZE); break;
    }
    if (text == NULL) {
        memcpy(buf, "-", 2);
    }
    return buf;
}

enum addr_family addr_parse(const char *text, struct addr *addr)
{
    struct addr parsed = {0};
    enum addr_family family = ADDR_NONE;
    if (inet_pton(AF_INET, text, parsed.bytes) == 1) {
        family = ADDR_IPV4;
    } else if (inet_pton(AF_INET6, text, parsed.bytes) == 1) {
        family = ADDR_IPV6;
    } else {
        parsed = (struct addr){0};
    }
    *addr = parsed;
    return family;
}

/* Digits only, no sign, no leading zero, at most max; -1 otherwise. */
static int parse_bits(const char *text, int max)
{
    int bits = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0')) {
        return -1;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        bits = bits * 10 + (*text - '0');
        if (bits > max) {
            return -1;
        }
    }
    return bits;
}

/* The bits that byte number `at` has inside a prefix of len bits, as a mask. */
static uint8_t byte_mask(size_t at, unsigned len)
{
    unsigned first = (unsigned)at * 8;
    if (len >= first + 8) {
        return 0xff;
    }
    return len <= first ? 0 : (uint8_t)(0xff00u >> (len - first));
}

static bool host_bits_are_zero(const struct addr_prefix *prefix)
{
    for (size_t i = 0; i < sizeof prefix->addr.bytes; i++) {
        if ((prefix->addr.bytes[i] & (uint8_t)~byte_mask(i, prefix->len)) != 0) {
            return false;
        }
    }
    return true;
}

int addr_prefix_parse(const char *text, struct addr_prefix *prefix)
{
    char copy[PREFIX_TEXT_SIZE];
    size_t len = strnlen(text, sizeof copy);
    if (len == sizeof copy) {
        return -1;
    }
    memcpy(copy, text, len + 1);
    char *slash = strchr(copy, '/');
    if (slash != NULL) {
        *slash = '\0';
    }

    struct addr_prefix parsed = {0};
    enum addr_family family = addr_parse(copy, &parsed.addr);
    if (family == ADDR_NONE) {
        return -1;
    }
    int max = family == ADDR_IPV4 ? IPV4_BITS : IPV6_BITS;
    int bits = slash == NULL ? max : parse_bits(slash + 1, max);
    if (bits < 0) {
        return -1;
    }
    parsed.family = (uint8_t)family;
    parsed.len = (uint8_t)bits;
    if (!host_bits_are_zero(&parsed)) {
        return -1;
    }
    *prefix = parsed;
    return 0;
}

bool addr_in_prefix(enum addr_family family, const struct addr *addr,
                    const struct addr_prefix *prefix)
{
    if (family == ADDR_NONE || prefix->family != family) {
        return false;
    }
    size_t whole = prefix->len / 8;
    if (memcmp(addr->bytes, prefix->addr.bytes, whole) != 0) {
        return false;
    }
    uint8_t mask = whole < sizeof addr->bytes ? byte_mask(whole, prefix->len) : 0;
    return mask == 0 || ((addr->bytes[whole] ^ prefix->addr.bytes[whole]) & mask) == 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

bool addr_is_multicast(enum addr_family family, const struct addr *addr)
{
    static const uint8_t broadcast[IPV4_LEN] = {255, 255, 255, 255};
    switch (family) {
    case ADDR_NONE: return false;
    case ADDR_IPV4:
        return (addr->bytes[0] & 0xf0) == 0xe0 || memcmp(addr->bytes, broadcast, IPV4_LEN) == 0;
    case ADDR_IPV6: return addr->bytes[0] == 0xff;
    }
    return false;
}

char *mac_format(const struct mac *mac, char *buf)
{
    const uint8_t *b = mac->bytes;
    int len = snprintf(buf, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
                       b[4], b[5]);
    if (len != MAC_TEXT_SIZE - 1) {
        buf[0] = '\0';
    }
    return buf;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20); /* lower case */
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mac_parse(const char *text, struct mac *mac)
{
    struct mac read = {{0}};
    for (size_t i = 0; i < sizeof read.bytes; i++) {
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        bool last = i + 1 == sizeof read.bytes;
        if (low < 0 || (last ? text[2] != '\0' : text[2] != ':' && text[2] != '-')) {
            return false;
        }
        read.bytes[i] = (uint8_t)(high << 4 | low);
        text += 3;
    }
    *mac = read;
    return true;
}

bool mac_equal(const struct mac *a, const struct mac *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
