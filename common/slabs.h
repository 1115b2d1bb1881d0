/*
 * Slabs of a few sizes under one cap of bytes, for things of unequal length that live long: each
 * goes into the smallest size that holds it. Memory that a size has once taken stays with it; when
 * the cap is reached, freed places of a larger size serve a smaller thing. One thread.
 */
#pragma once

#include "common/slab.h"

enum { SLABS_SIZES = 8, SLABS_LARGEST = 1152 };

struct slabs {
    struct slab of[SLABS_SIZES];
    size_t bytes; /* touched so far: never falls */
    size_t max;
};

/* Room for max bytes in all. 0, or -1 and e. */
int slabs_init(struct slabs *s, size_t max, struct err *e);
void slabs_done(struct slabs *s);
/* A place for len bytes, 1 to SLABS_LARGEST, not zeroed; 0 when there is none. */
uint32_t slabs_take(struct slabs *s, size_t len);
void slabs_put(struct slabs *s, uint32_t handle);
/* The place behind a handle, and how many bytes it holds. */
void *slabs_at(const struct slabs *s, uint32_t handle);
size_t slabs_room(const struct slabs *s, uint32_t handle);
