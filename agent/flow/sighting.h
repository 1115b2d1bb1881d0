/*
 * What the engine read in a packet about who a host is: a name that a message gave to an address,
 * or that an address answers as a server where flows cannot tell it. A value of fixed size, handed
 * to control through a ring of its own. Whoever sends the packet chooses what it says.
 */
#pragma once

#include "common/addr.h"
#include "common/wire/assets.h"

#include <stdint.h>

enum sighting_kind {
    SIGHTING_NAME = 1,
    SIGHTING_DHCP_SERVER = 2,  /* it answers from port 67 to groups, which makes no flow to it */
    SIGHTING_DHCP_OPTIONS = 3, /* what it asks a DHCP server for, in name */
    SIGHTING_DHCP_CLASS = 4,   /* how it names its system there, in name */
};

struct sighting {
    uint64_t at_ns; /* packet time, shifted to the present for replayed files */
    struct addr addr;
    struct mac mac; /* of the host when the message tells it, else zero */
    uint16_t vlan;
    uint8_t family; /* enum addr_family */
    uint8_t kind;   /* enum sighting_kind */
    uint8_t source; /* enum asset_source, of a name */
    char name[ASSET_NAME_SIZE];
};

_Static_assert(sizeof(struct sighting) <= 192, "a sighting fits its slot");
