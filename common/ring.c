/*
 * Single-producer, single-consumer ring: each side stores its own index with release and loads
 * the other's with acquire, so that a slot's bytes are seen before the index that offers them.
 */
#include "common/ring.h"

enum { SLOT_ALIGN = 8 }; /* records hold 64-bit numbers */

/* Distance between slots: the slot size rounded up, so that every slot is aligned. */
static size_t stride(uint32_t slot_size)
{
    return ((size_t)slot_size + SLOT_ALIGN - 1) & ~(size_t)(SLOT_ALIGN - 1);
}

static uint8_t *slot_at(struct ring *ring, uint64_t index)
{
    return ring->bytes + stride(ring->slot_size) * (index & (ring->slots - 1));
}

size_t ring_size(uint32_t slot_size, uint32_t slots)
{
    return sizeof(struct ring) + stride(slot_size) * slots;
}

struct ring *ring_init(void *memory, uint32_t slot_size, uint32_t slots)
{
    if (slot_size == 0 || slots == 0 || (slots & (slots - 1)) != 0) {
        return NULL;
    }
    struct ring *ring = memory;
    ring->slot_size = slot_size;
    ring->slots = slots;
    return ring;
}

void *ring_reserve(struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (head - tail >= ring->slots) {
        uint64_t dropped = atomic_load_explicit(&ring->dropped, memory_order_relaxed);
        atomic_store_explicit(&ring->dropped, dropped + 1, memory_order_relaxed);
        return NULL;
    }
    return slot_at(ring, head);
}

void ring_commit(struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

const void *ring_peek(struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    return head == tail ? NULL : slot_at(ring, tail);
}

void ring_release(struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

uint64_t ring_depth(const struct ring *ring)
{
    /* The tail first: it only follows the head, so the difference is never below zero. */
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    return head - tail;
}
