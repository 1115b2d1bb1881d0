/*
 * Which names a DNS message gives to which addresses: unicast DNS, multicast DNS, LLMNR and the
 * NetBIOS name service, which all share one form. Read record by record without memory of its own,
 * from hostile bytes. Sources: RFC 1035 section 4, RFC 3596, RFC 6762, RFC 4795, RFC 1002
 * section 4.2.
 */
#pragma once

#include "common/addr.h"
#include "common/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DNS_NAME_SIZE = 128,  /* bytes, NUL included; a record with a longer name is passed over */
    DNS_RECORDS_MAX = 64, /* of one message that are looked at */
};

enum dns_dialect {
    DNS_UNICAST,   /* answers only: what stands beside them is about others */
    DNS_MULTICAST, /* every section of a response, as hosts tell their addresses beside services */
    DNS_LINK,      /* LLMNR: as unicast */
    DNS_NETBIOS,   /* registrations and positive answers */
};

/* One name of one address. */
struct dns_binding {
    struct addr addr;
    uint8_t family;           /* enum addr_family */
    char name[DNS_NAME_SIZE]; /* lower case but for NetBIOS, no final dot; letters, digits, "-_." */
};

/* A walk over a message; borrows its bytes. */
struct dns_walk {
    enum dns_dialect dialect;
    const uint8_t *message;
    struct reader at;
    unsigned left; /* records */
};

/* True when the message may bind names; then dns_walk_next gives them. */
bool dns_walk_begin(struct dns_walk *w, enum dns_dialect dialect, const uint8_t *bytes, size_t len);
/* The next binding; false at the end, and at the first record that is cut or malformed. */
bool dns_walk_next(struct dns_walk *w, struct dns_binding *b);
