/*
 * Single-producer, single-consumer ring: each side stores its own index with release and loads
 * the other's with acquire, so that a slot's bytes are seen before the index that offers them.
 */
#include "common/ring.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SLOT_ALIGN = 8 }; /* records hold 64-bit numbers */

/* What lies in the memory of both. */
struct ring_memory {
    _Alignas(64) _Atomic uint64_t head; /* written by the producer; read by the consumer */
    _Atomic uint64_t dropped;           /* written by the producer; read by anybody */
    _Alignas(64) _Atomic uint64_t tail; /* written by the consumer; read by the producer */
    _Alignas(64) uint8_t bytes[];
};

struct ring {
    struct ring_memory *shared;
    size_t stride; /* bytes from slot to slot: the slot size rounded up, so that each is aligned */
    uint64_t slots;
};

static size_t stride_of(uint32_t slot_size)
{
    return ((size_t)slot_size + SLOT_ALIGN - 1) & ~(size_t)(SLOT_ALIGN - 1);
}

/* Whatever the index is, the slot lies inside. */
static uint8_t *slot_at(struct ring *ring, uint64_t index)
{
    return ring->shared->bytes + ring->stride * (index & (ring->slots - 1));
}

size_t ring_size(uint32_t slot_size, uint32_t slots)
{
    return sizeof(struct ring_memory) + stride_of(slot_size) * slots;
}

struct ring *ring_new(void *memory, uint32_t slot_size, uint32_t slots)
{
    if (slot_size == 0 || slots == 0 || (slots & (slots - 1)) != 0) {
        return NULL;
    }
    struct ring *ring = malloc(sizeof *ring);
    if (ring != NULL) {
        *ring = (struct ring){.shared = memory, .stride = stride_of(slot_size), .slots = slots};
    }
    return ring;
}

void ring_free(struct ring *ring)
{
    free(ring);
}

void *ring_reserve(struct ring *ring)
{
    struct ring_memory *shared = ring->shared;
    uint64_t head = atomic_load_explicit(&shared->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&shared->tail, memory_order_acquire);
    if (head - tail >= ring->slots) {
        uint64_t dropped = atomic_load_explicit(&shared->dropped, memory_order_relaxed);
        atomic_store_explicit(&shared->dropped, dropped + 1, memory_order_relaxed);
        return NULL;
    }
    return slot_at(ring, head);
}

void ring_commit(struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_relaxed);
    atomic_store_explicit(&ring->shared->head, head + 1, memory_order_release);
}

const void *ring_peek(struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);
    return head == tail ? NULL : slot_at(ring, tail);
}

void ring_release(struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->shared->tail, tail + 1, memory_order_release);
}

uint64_t ring_depth(const struct ring *ring)
{
    /* The tail first: it only follows the head, so the difference is never below zero. */
    uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
    uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);
    return head - tail < ring->slots ? head - tail : ring->slots;
}

uint64_t ring_dropped(const struct ring *ring)
{
    return atomic_load_explicit(&ring->shared->dropped, memory_order_relaxed);
}
