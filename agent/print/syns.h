/*
 * The SYNs of all flows, each form once: a site has few dozens, so a flow keeps a handle of two
 * bytes instead of the whole, and a hash is computed once. Worker thread only.
 */
#pragma once

#include "agent/print/syn.h"

enum { SYNS_MAX = 2048 };

struct syns {
    uint64_t seed; /* random, so that nobody outside can choose colliding ones */
    struct syns_slot {
        struct print_syn syn;
        uint32_t flows; /* that hold it; 0: the slot may be given away */
    } slots[SYNS_MAX];
};

/* The handle of an equal one, its hashes computed; 0 when there is no room. syns_put gives back. */
uint16_t syns_take(struct syns *s, struct digest *d, const struct print_syn *syn);
void syns_put(struct syns *s, uint16_t handle);

/* The one behind a handle that was given; its hops are not the flow's. */
static inline const struct print_syn *syns_at(const struct syns *s, uint16_t handle)
{
    return &s->slots[handle - 1].syn;
}
