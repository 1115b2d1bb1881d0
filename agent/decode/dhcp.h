/*
 * What a DHCP message says of a client: its name, its hardware and its address. Read from hostile
 * bytes, without memory of its own. Sources: RFC 2131 section 2, RFC 2132, RFC 4702 (option 81).
 * Which options a client asks for, and in which order, tells its system (option 55); many name it
 * (option 60).
 */
#pragma once

#include "common/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DHCP_NAME_SIZE = 128, DHCP_PRINT_SIZE = 96 };

enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER = 2,
    DHCP_REQUEST = 3,
    DHCP_ACK = 5,
    DHCP_INFORM = 8,
};

struct dhcp_message {
    uint8_t type;                       /* enum dhcp_type, or another that we do not use */
    bool has_addr;                      /* the client has this address, or asks for it */
    struct addr addr;                   /* IPv4 */
    struct mac mac;                     /* of the client */
    char name[DHCP_NAME_SIZE];          /* printable, no blanks; "" when none was given */
    char wanted[DHCP_PRINT_SIZE];       /* "1,3,6,15": option 55 in its order; "" when none */
    char vendor_class[DHCP_PRINT_SIZE]; /* printable, option 60; "" when none */
};

/* False when the bytes are no DHCP message of an Ethernet client. */
bool dhcp_read(const uint8_t *bytes, size_t len, struct dhcp_message *m);
