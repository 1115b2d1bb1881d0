/*
 * A ring of fixed-size slots between one producer and one consumer, which may be two processes:
 * it lives wholly in the memory given to it (shared, zeroed) and holds no pointer.
 * Producer and consumer each touch only their own index; full means drop newest and count.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    uint32_t slot_size;                 /* bytes */
    uint32_t slots;                     /* a power of two */
    _Alignas(64) _Atomic uint64_t head; /* written by the producer; read by the consumer */
    _Atomic uint64_t dropped; /* written by the producer: pushes refused for want of room */
    _Alignas(64) _Atomic uint64_t tail; /* written by the consumer; read by the producer */
    _Alignas(64) uint8_t bytes[];
};

/* Bytes of memory that a ring of so many slots needs. */
size_t ring_size(uint32_t slot_size, uint32_t slots);
/* Lays a ring into zeroed memory of ring_size bytes, aligned to 64. */
struct ring *ring_init(void *memory, uint32_t slot_size, uint32_t slots);

/* Producer: the slot to fill next, or NULL (counted in dropped) when full; then ring_commit. */
void *ring_reserve(struct ring *ring);
void ring_commit(struct ring *ring);

/* Consumer: the oldest slot, borrowed until ring_release, or NULL when empty. */
const void *ring_peek(struct ring *ring);
void ring_release(struct ring *ring);

/* Slots waiting; either side. */
uint64_t ring_depth(const struct ring *ring);
