/*
 * Looks into the few UDP packets that tell names (DNS, mDNS, LLMNR, NetBIOS, DHCP) and hands what
 * they say to control. What was told within the last minutes is not told again, so that a busy
 * name server costs no more than its answers differ. Worker thread only.
 */
#pragma once

#include "agent/decode/packet.h"
#include "agent/emit.h"
#include "common/err.h"

#include <stdint.h>

enum { SIGHT_MEMORY = 4096, SIGHT_REPEAT_S = 120 };

struct sight {
    uint64_t seed;
    struct sight_told {
        uint32_t tag;
        uint32_t at_s; /* packet time */
    } told[SIGHT_MEMORY];
};

struct sight *sight_new(struct err *e);
void sight_free(struct sight *s);
/* For every UDP packet that is no later fragment. */
void sight_packet(struct sight *s, struct emitter *em, const struct packet *p);
