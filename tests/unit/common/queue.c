/* Unit tests of common/queue. */
#include "common/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include <cmocka.h>

#include <pthread.h>

enum { SLOTS = 3, PRODUCERS = 3, EACH = 5000, LONG_MS = 20000 };

static struct queue *queue_of_ints(void)
{
    struct queue *q = queue_new(sizeof(int), SLOTS, NULL, NULL, NULL);
    assert_non_null(q);
    return q;
}

static void fill(struct queue *q)
{
    for (int i = 0; i < SLOTS; i++) {
        assert_true(queue_push(q, &i));
    }
}

static void values_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;
    struct queue *q = queue_of_ints();
    int value = -1;
    for (int round = 0; round < 3; round++) {
        fill(q);
        assert_int_equal(queue_depth(q), SLOTS);
        for (int i = 0; i < SLOTS; i++) {
            assert_true(queue_pop(q, &value));
            assert_int_equal(value, i);
        }
        assert_false(queue_pop(q, &value));
    }
    queue_free(q);
}

static void a_full_queue_refuses_and_counts(void **state)
{
    (void)state;
    struct queue *q = queue_of_ints();
    int value = 9;
    fill(q);
    assert_false(queue_push(q, &value));
    assert_int_equal(queue_dropped(q), 1);
    assert_int_equal(queue_depth(q), SLOTS);
    queue_free(q);
}

static void waiting_for_room_in_a_full_queue_ends_at_its_time(void **state)
{
    (void)state;
    struct queue *q = queue_of_ints();
    int value = 9;
    fill(q);
    uint64_t before = clock_mono_ns();
    assert_false(queue_push_wait(q, &value, 20));
    assert_true(clock_mono_ns() - before >= 20ULL * NS_PER_MS);
    assert_int_equal(queue_dropped(q), 0);
    queue_free(q);
}

static void waiting_for_a_value_ends_at_its_time(void **state)
{
    (void)state;
    struct queue *q = queue_of_ints();
    int value = 9;
    uint64_t before = clock_mono_ns();
    assert_false(queue_pop_wait(q, &value, 20));
    assert_true(clock_mono_ns() - before >= 20ULL * NS_PER_MS);
    assert_int_equal(value, 9);
    queue_free(q);
}

static void *pop_one(void *arg)
{
    int value = -1;
    return queue_pop_wait(arg, &value, LONG_MS) && value == 0 ? arg : NULL;
}

static void a_pop_makes_room_for_a_waiting_push(void **state)
{
    (void)state;
    struct queue *q = queue_of_ints();
    fill(q);
    pthread_t popper;
    assert_int_equal(pthread_create(&popper, NULL, pop_one, q), 0);
    int value = 9;
    assert_true(queue_push_wait(q, &value, LONG_MS));
    void *popped = NULL;
    assert_int_equal(pthread_join(popper, &popped), 0);
    assert_ptr_equal(popped, q);
    queue_free(q);
}

static void *wait_until_closed(void *arg)
{
    int value = -1;
    uint64_t before = clock_mono_ns();
    bool popped = queue_pop_wait(arg, &value, LONG_MS);
    return !popped && clock_mono_ns() - before < (uint64_t)LONG_MS * NS_PER_MS ? arg : NULL;
}

static void closing_wakes_who_waits(void **state)
{
    (void)state;
    struct queue *q = queue_of_ints();
    pthread_t waiter;
    assert_int_equal(pthread_create(&waiter, NULL, wait_until_closed, q), 0);
    queue_close(q);
    void *woken = NULL;
    assert_int_equal(pthread_join(waiter, &woken), 0);
    assert_ptr_equal(woken, q);
    queue_free(q);
}

static void a_closed_queue_takes_nothing_but_gives_what_is_inside(void **state)
{
    (void)state;
    struct queue *q = queue_of_ints();
    int value = 7;
    assert_true(queue_push(q, &value));
    queue_close(q);
    assert_false(queue_push(q, &value));
    assert_false(queue_push_wait(q, &value, LONG_MS));
    assert_int_equal(queue_dropped(q), 1);
    value = 0;
    assert_true(queue_pop_wait(q, &value, LONG_MS));
    assert_int_equal(value, 7);
    assert_false(queue_pop_wait(q, &value, LONG_MS));
    queue_free(q);
}

static void count_wake(void *arg)
{
    (*(int *)arg)++;
}

static void each_push_that_is_taken_wakes(void **state)
{
    (void)state;
    int wakes = 0;
    struct queue *q = queue_new(sizeof(int), 1, count_wake, &wakes, NULL);
    int value = 1;
    assert_true(queue_push(q, &value));
    assert_false(queue_push(q, &value));
    assert_int_equal(wakes, 1);
    assert_true(queue_pop(q, &value));
    assert_true(queue_push_wait(q, &value, 0));
    assert_int_equal(wakes, 2);
    queue_free(q);
}

static void a_queue_of_nothing_or_of_too_much_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    assert_null(queue_new(0, 1, NULL, NULL, &e));
    assert_int_equal(e.code, ERR_ARG);
    assert_null(queue_new(8, 0, NULL, NULL, &e));
    assert_null(queue_new(SIZE_MAX / 2, 3, NULL, NULL, &e));
    queue_free(NULL);
}

static void *push_many(void *arg)
{
    for (int i = 0; i < EACH; i++) {
        if (!queue_push_wait(arg, &i, LONG_MS)) {
            return NULL;
        }
    }
    return arg;
}

static void many_producers_lose_nothing_under_back_pressure(void **state)
{
    (void)state;
    struct queue *q = queue_of_ints();
    pthread_t producers[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_create(&producers[i], NULL, push_many, q), 0);
    }
    long sum = 0;
    for (int i = 0; i < PRODUCERS * EACH; i++) {
        int value = 0;
        assert_true(queue_pop_wait(q, &value, LONG_MS));
        sum += value;
    }
    for (int i = 0; i < PRODUCERS; i++) {
        void *done = NULL;
        assert_int_equal(pthread_join(producers[i], &done), 0);
        assert_ptr_equal(done, q);
    }
    assert_int_equal(sum, (long)PRODUCERS * EACH * (EACH - 1) / 2);
    queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_out_in_the_order_they_went_in),
        cmocka_unit_test(a_full_queue_refuses_and_counts),
        cmocka_unit_test(waiting_for_room_in_a_full_queue_ends_at_its_time),
        cmocka_unit_test(waiting_for_a_value_ends_at_its_time),
        cmocka_unit_test(a_pop_makes_room_for_a_waiting_push),
        cmocka_unit_test(closing_wakes_who_waits),
        cmocka_unit_test(a_closed_queue_takes_nothing_but_gives_what_is_inside),
        cmocka_unit_test(each_push_that_is_taken_wakes),
        cmocka_unit_test(a_queue_of_nothing_or_of_too_much_is_refused),
        cmocka_unit_test(many_producers_lose_nothing_under_back_pressure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
