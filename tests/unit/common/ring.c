/* Unit tests of common/ring. */
#include "common/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SMALL = 4, MANY = 200000 };

static void *memory; /* of the ring in hand */

static struct ring *make(uint32_t slot_size, uint32_t slots)
{
    size_t size = (ring_size(slot_size, slots) + 63) / 64 * 64;
    memory = aligned_alloc(64, size);
    assert_non_null(memory);
    memset(memory, 0, size);
    return ring_new(memory, slot_size, slots);
}

static void drop(struct ring *ring)
{
    ring_free(ring);
    free(memory);
}

static bool put(struct ring *ring, uint64_t value)
{
    uint64_t *slot = ring_reserve(ring);
    if (slot == NULL) {
        return false;
    }
    *slot = value;
    ring_commit(ring);
    return true;
}

static uint64_t take(struct ring *ring)
{
    const uint64_t *slot = ring_peek(ring);
    assert_non_null(slot);
    uint64_t value = *slot;
    ring_release(ring);
    return value;
}

static void values_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;
    struct ring *ring = make(sizeof(uint64_t), SMALL);
    for (uint64_t round = 0; round < 10; round++) {
        assert_true(put(ring, round));
        assert_true(put(ring, round + 100));
        assert_int_equal(ring_depth(ring), 2);
        assert_int_equal(take(ring), round);
        assert_int_equal(take(ring), round + 100);
    }
    assert_null(ring_peek(ring));
    drop(ring);
}

static void a_full_ring_drops_the_newest_and_counts_it(void **state)
{
    (void)state;
    struct ring *ring = make(sizeof(uint64_t), SMALL);
    for (uint64_t i = 0; i < SMALL; i++) {
        assert_true(put(ring, i));
    }
    assert_false(put(ring, 99));
    assert_false(put(ring, 99));
    assert_int_equal(ring_dropped(ring), 2);
    for (uint64_t i = 0; i < SMALL; i++) {
        assert_int_equal(take(ring), i);
    }
    assert_true(put(ring, 5));
    assert_int_equal(take(ring), 5);
    drop(ring);
}

static void a_slot_reserved_but_not_committed_is_not_seen(void **state)
{
    (void)state;
    struct ring *ring = make(sizeof(uint64_t), SMALL);
    void *first = ring_reserve(ring);
    assert_non_null(first);
    assert_null(ring_peek(ring));
    assert_ptr_equal(ring_reserve(ring), first);
    ring_commit(ring);
    assert_ptr_equal(ring_peek(ring), first);
    drop(ring);
}

static void slots_of_an_odd_size_are_aligned_and_inside_the_memory(void **state)
{
    (void)state;
    struct ring *ring = make(13, SMALL);
    const uint8_t *end = (const uint8_t *)memory + ring_size(13, SMALL);
    for (int i = 0; i < SMALL; i++) {
        uint8_t *slot = ring_reserve(ring);
        assert_int_equal((uintptr_t)slot % 8, 0);
        assert_true(slot + 13 <= end);
        memset(slot, i, 13);
        ring_commit(ring);
    }
    for (int i = 0; i < SMALL; i++) {
        const uint8_t *slot = ring_peek(ring);
        assert_int_equal(slot[0], i);
        assert_int_equal(slot[12], i);
        ring_release(ring);
    }
    drop(ring);
}

static void a_size_that_is_no_power_of_two_is_refused(void **state)
{
    (void)state;
    _Alignas(64) uint8_t place[1024] = {0};
    assert_null(ring_new(place, 8, 3));
    assert_null(ring_new(place, 8, 0));
    assert_null(ring_new(place, 0, 4));
    struct ring *ring = ring_new(place, 8, 4);
    assert_non_null(ring);
    ring_free(ring);
}

/* The other side may write any nonsense into the indexes: depth and slots stay inside. */
static void a_peer_gone_bad_cannot_lead_outside_the_memory(void **state)
{
    (void)state;
    struct ring *ring = make(64, SMALL);
    memset(memory, 0xA5, 8); /* the head */
    assert_int_equal(ring_depth(ring), SMALL);
    const uint8_t *start = memory, *slot = ring_peek(ring);
    assert_true(slot >= start && slot + 64 <= start + ring_size(64, SMALL));
    drop(ring);
}

/* Puts MANY values, again and again where the ring is full. */
static void *produce(void *arg)
{
    struct ring *ring = arg;
    for (uint64_t i = 0; i < MANY;) {
        i += put(ring, i) ? 1 : 0;
    }
    return NULL;
}

static uint64_t consume_in_order(struct ring *ring)
{
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < MANY;) {
        const uint64_t *slot = ring_peek(ring);
        if (slot != NULL) {
            wrong += *slot != i ? 1 : 0;
            ring_release(ring);
            i++;
        }
    }
    return wrong;
}

static void two_threads_pass_every_value_once_and_in_order(void **state)
{
    (void)state;
    struct ring *ring = make(sizeof(uint64_t), 64);
    pthread_t producer;
    assert_int_equal(pthread_create(&producer, NULL, produce, ring), 0);
    assert_int_equal(consume_in_order(ring), 0);
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_int_equal(ring_depth(ring), 0);
    drop(ring);
}

static void two_processes_share_a_ring(void **state)
{
    (void)state;
    size_t size = ring_size(sizeof(uint64_t), 64);
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    struct ring *ring = ring_new(shared, sizeof(uint64_t), 64);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)produce(ring);
        _exit(0);
    }
    assert_int_equal(consume_in_order(ring), 0);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    ring_free(ring);
    assert_int_equal(munmap(shared, size), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_out_in_the_order_they_went_in),
        cmocka_unit_test(a_full_ring_drops_the_newest_and_counts_it),
        cmocka_unit_test(a_slot_reserved_but_not_committed_is_not_seen),
        cmocka_unit_test(slots_of_an_odd_size_are_aligned_and_inside_the_memory),
        cmocka_unit_test(a_size_that_is_no_power_of_two_is_refused),
        cmocka_unit_test(a_peer_gone_bad_cannot_lead_outside_the_memory),
        cmocka_unit_test(two_threads_pass_every_value_once_and_in_order),
        cmocka_unit_test(two_processes_share_a_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
