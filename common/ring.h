/*
 * A ring of fixed-size slots between one producer and one consumer, which may be two processes.
 * The slots and the two indexes lie in memory given to it (shared, zeroed, no pointer inside);
 * the shape is kept in a handle that each process has for itself, so that a peer gone bad can
 * spoil values but never make the other reach outside the ring.
 * Producer and consumer each write only their own index; full means drop newest and count.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* Bytes of memory that a ring of so many slots needs. */
size_t ring_size(uint32_t slot_size, uint32_t slots);
/*
 * A handle on the ring in memory, which is zeroed, of ring_size bytes, aligned to 64, and stays
 * the caller's; slots is a power of two. Make it before a fork and both sides have one. NULL when
 * a size is bad or memory is short. ring_free(NULL) is fine.
 */
struct ring *ring_new(void *memory, uint32_t slot_size, uint32_t slots);
void ring_free(struct ring *ring);

/* Producer: the slot to fill next, or NULL (counted in dropped) when full; then ring_commit. */
void *ring_reserve(struct ring *ring);
void ring_commit(struct ring *ring);

/* Consumer: the oldest slot, borrowed until ring_release, or NULL when empty. */
const void *ring_peek(struct ring *ring);
void ring_release(struct ring *ring);

/* Slots waiting, at most all of them; either side. */
uint64_t ring_depth(const struct ring *ring);
/* Reservations refused for want of room since the memory was zeroed; either side. */
uint64_t ring_dropped(const struct ring *ring);
