/*
 * An index by hash: open addressing over 8-byte slots (a 32-bit tag and a 32-bit handle), linear
 * probing at two thirds of the slots or less. Equal tags may stand side by side: who looks walks
 * all handles of a tag and compares what lies behind them. Fixed size. Worker thread only.
 */
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

struct slot {
    uint32_t tag;    /* its low bits tell the slot's home */
    uint32_t handle; /* 0: empty */
};

struct slots {
    struct slot *at;
    uint32_t mask;
};

/* Room for max handles. 0, or -1 and e. */
int slots_init(struct slots *s, uint32_t max, struct err *e);
void slots_done(struct slots *s);
/* Adds a handle that is not in it. */
void slots_add(struct slots *s, uint32_t tag, uint32_t handle);
/* Removes a handle that is in it. */
void slots_remove(struct slots *s, uint32_t tag, uint32_t handle);
/* Bytes of memory for so many handles. */
size_t slots_bytes(uint32_t max);

/* Walks the handles of a tag: *at = tag at first; 0 at the end. */
static inline uint32_t slots_next(const struct slots *s, uint32_t tag, uint32_t *at)
{
    for (;;) {
        const struct slot *slot = &s->at[(*at)++ & s->mask];
        if (slot->handle == 0 || slot->tag == tag) {
            return slot->handle;
        }
    }
}

/* Asks for the memory that a walk begins at. */
static inline void slots_prefetch(const struct slots *s, uint32_t tag)
{
    __builtin_prefetch(&s->at[tag & s->mask]);
}
