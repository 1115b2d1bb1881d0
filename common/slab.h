/*
 * A slab of equal slots under a fixed cap, addressed by handles that count from 1: address space
 * is taken once, pages are touched only as slots come into use, and the slot freed last is the
 * next one given. One thread.
 */
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

struct slab {
    uint8_t *memory;
    size_t mapped; /* bytes of address space */
    size_t size;   /* bytes of a slot, rounded up to 64 */
    uint32_t max;
    uint32_t span; /* highest handle ever given */
    uint32_t used;
    uint32_t first_free; /* handle, 0: none below span */
};

/* Bytes of a slot for things of this size. */
size_t slab_slot(size_t size);
/* Room for max slots of so many bytes. 0, or -1 and e. */
int slab_init(struct slab *s, size_t slot_size, uint32_t max, struct err *e);
void slab_done(struct slab *s);
/* A free slot, not zeroed; 0 when the slab is full. */
uint32_t slab_take(struct slab *s);
void slab_put(struct slab *s, uint32_t handle);

/* The slot behind a handle that was given. */
static inline void *slab_at(const struct slab *s, uint32_t handle)
{
    return s->memory + (size_t)(handle - 1) * s->size;
}
