/* Network addresses as values: IPv4, IPv6 and MAC; text by RFC 5952. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum addr_family { ADDR_NONE = 0, ADDR_IPV4 = 4, ADDR_IPV6 = 6 };

/* 16 network-order bytes; an IPv4 address stands in the first four, the rest is zero. */
struct addr {
    uint8_t bytes[16];
};

struct mac {
    uint8_t bytes[6];
};

struct addr_prefix {
    uint8_t family; /* enum addr_family */
    uint8_t len;    /* bits, 0-32 or 0-128 */
    struct addr addr;
};

enum { ADDR_TEXT_SIZE = 46, MAC_TEXT_SIZE = 18, PREFIX_TEXT_SIZE = 50 };

/* Writes RFC 5952 text (IPv4: dotted quad); "-" for ADDR_NONE. Returns buf of ADDR_TEXT_SIZE. */
char *addr_format(enum addr_family family, const struct addr *addr, char *buf);
/* Reads an IPv4 or IPv6 address; returns its family, or ADDR_NONE when text is neither. */
enum addr_family addr_parse(const char *text, struct addr *addr);
/* Reads "192.0.2.0/24", "2001:db8::/32" or a lone address; host bits must be zero. 0 or -1. */
int addr_prefix_parse(const char *text, struct addr_prefix *prefix);
bool addr_in_prefix(enum addr_family family, const struct addr *addr,
                    const struct addr_prefix *prefix);
bool addr_equal(const struct addr *a, const struct addr *b);
int addr_compare(const struct addr *a, const struct addr *b);
/* Multicast (224/4, ff00::/8) or the IPv4 limited broadcast. */
bool addr_is_multicast(enum addr_family family, const struct addr *addr);
/* "00:1b:21:3c:9d:f8", lower case. Returns buf of MAC_TEXT_SIZE. */
char *mac_format(const struct mac *mac, char *buf);
/* Reads six pairs of hex digits with ':' or '-' between; false for anything else. */
bool mac_parse(const char *text, struct mac *mac);
bool mac_equal(const struct mac *a, const struct mac *b);
