/* Unit tests of common/latency: codes, the median of many shapes, and sums of sums. */
#include "common/latency.h"

#include "common/reader.h"
#include "common/writer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MANY = 20000, SEEDS = 20 };

/* A plain generator, so that every run sees the same. */
static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    return *seed >> 33;
}

static double uniform(uint64_t *seed)
{
    return ((double)next(seed) + 1) / ((double)(1ull << 31) + 1);
}

static double normal(uint64_t *seed)
{
    return sqrt(-2 * log(uniform(seed))) * cos(6.283185307179586 * uniform(seed));
}

/* The i-th of `count` latencies of a shape, µs. */
typedef double (*shape_fn)(uint64_t *seed, unsigned i, unsigned count);

static double narrow(uint64_t *seed, unsigned i, unsigned count)
{
    (void)i, (void)count;
    return 20000 * exp(0.1 * normal(seed));
}

static double wide(uint64_t *seed, unsigned i, unsigned count)
{
    (void)i, (void)count;
    return 3000 * exp(2 * normal(seed));
}

static double pareto(uint64_t *seed, unsigned i, unsigned count)
{
    (void)i, (void)count;
    return 500 / pow(uniform(seed), 1.2);
}

/* Delayed ACKs: two in five wait for 40 ms. */
static double bimodal(uint64_t *seed, unsigned i, unsigned count)
{
    (void)i, (void)count;
    double base = 900 * exp(0.3 * normal(seed));
    return uniform(seed) < 0.4 ? base + 40000 : base;
}

/* The queue fills: the round trip grows to tenfold. */
static double rising(uint64_t *seed, unsigned i, unsigned count)
{
    return 10000 * (1 + 9.0 * i / count) * exp(0.1 * normal(seed));
}

/* The way changes: most of the time, but not at first, it is fifty times as long. */
static double jumping(uint64_t *seed, unsigned i, unsigned count)
{
    return (i < 2 * count / 5 ? 1000 : 50000) * exp(0.2 * normal(seed));
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double error_of(uint32_t found, uint32_t *all, unsigned count)
{
    qsort(all, count, sizeof *all, by_size);
    double truth = all[(count - 1) / 2];
    return fabs(found - truth) / truth;
}

/* The greatest error of the median over seeds; fed in `parts` that are then joined. */
static double worst_error(shape_fn shape, unsigned count, unsigned parts)
{
    static uint32_t all[MANY];
    double worst = 0;
    for (uint64_t s = 1; s <= SEEDS; s++) {
        uint64_t seed = s;
        struct latencies whole = {0};
        struct latencies part = {0};
        for (unsigned i = 0; i < count; i++) {
            double us = shape(&seed, i, count);
            all[i] = us < 1 ? 1 : us > 4e9 ? (uint32_t)4e9 : (uint32_t)us;
            latencies_add(&part, all[i], 1);
            if ((i + 1) % (count / parts) == 0 || i + 1 == count) {
                latencies_merge(&whole, &part);
                part = (struct latencies){0};
            }
        }
        assert_int_equal(whole.total, count);
        assert_true(latencies_are_sound(&whole));
        double error = error_of(latencies_median(&whole), all, count);
        worst = error > worst ? error : worst;
    }
    return worst;
}

static void a_code_is_true_to_a_two_thousandth_and_keeps_the_order(void **state)
{
    (void)state;
    uint16_t before = 0;
    assert_int_equal(latency_us(latency_code(0)), 1);
    for (uint64_t us = 1; us <= UINT32_MAX; us += us / 700 + 1) {
        uint32_t back = latency_us(latency_code((uint32_t)us));
        assert_in_range(back, us - us / 2048, us);
        assert_true(latency_code((uint32_t)us) >= before);
        before = latency_code((uint32_t)us);
    }
    assert_int_equal(latency_code(UINT32_MAX), UINT16_MAX);
}

static void few_latencies_have_their_true_median(void **state)
{
    (void)state;
    struct latencies l = {0};
    assert_int_equal(latencies_median(&l), 0);
    for (uint32_t us = LATENCY_BINS; us >= 1; us--) {
        latencies_add(&l, us * 10, 1);
    }
    assert_int_equal(latencies_median(&l), LATENCY_BINS / 2 * 10); /* the lower of two */
}

/* Bounds are for the worst of all seeds; what real flows show is in golden/rtt.py. */
static void a_median_of_many_is_near_for_every_shape_however_it_is_joined(void **state)
{
    (void)state;
    static const struct {
        shape_fn shape;
        double most;
    } shapes[] = {
        {narrow, 0.01}, {bimodal, 0.04}, {pareto, 0.05},
        {wide, 0.10},   {rising, 0.10},  {jumping, 0.08},
    };
    static const unsigned counts[] = {25, 60, 200, 1000, MANY};
    for (unsigned i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (unsigned c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            assert_true(worst_error(shapes[i].shape, counts[c], 1) <= shapes[i].most);
            assert_true(worst_error(shapes[i].shape, counts[c], 5) <= shapes[i].most);
        }
    }
}

/* Averaging the parts' medians would say 25 ms. */
static void parts_are_joined_by_their_latencies_not_by_their_medians(void **state)
{
    (void)state;
    struct latencies quiet = {0};
    struct latencies busy = {0};
    latencies_add(&quiet, 1000, 51);
    latencies_add(&busy, 50000, 49);
    latencies_merge(&quiet, &busy);
    assert_int_equal(quiet.total, 100);
    assert_in_range(latencies_median(&quiet), 999, 1000);
}

static void a_sum_that_is_full_counts_no_further(void **state)
{
    (void)state;
    struct latencies l = {0};
    latencies_add(&l, 1000, UINT32_MAX - 1);
    latencies_add(&l, 2000, 5);
    assert_int_equal(l.total, UINT32_MAX);
    assert_true(latencies_are_sound(&l));
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct latencies l = {0};
    struct latencies back;
    uint8_t buf[LATENCIES_PACKED_MAX];
    for (uint32_t i = 1; i < 1000; i++) {
        latencies_add(&l, i * i, i % 3 == 0 ? 1000 : 1);
    }
    struct writer w = writer_of(buf, sizeof buf);
    latencies_write(&w, &l);
    assert_false(w.full);
    struct reader in = reader_of(buf, writer_len(&w));
    latencies_read(&in, &back);
    assert_false(in.bad);
    assert_int_equal(reader_left(&in), 0);
    assert_memory_equal(&back, &l, sizeof l);
}

static void what_no_honest_sender_writes_is_refused(void **state)
{
    (void)state;
    static const uint8_t too_many[] = {LATENCY_BINS + 1, 0};
    static const uint8_t empty_bin[] = {1, 5, 0, 0};
    static const uint8_t falling[] = {2, 9, 0, 1, 5, 0, 1};
    static const uint8_t overfull[] = {2, 5, 0, 255, 255, 255, 255, 255, 9, 0, 1};
    static const struct {
        const uint8_t *bytes;
        size_t len;
    } bad[] = {
        {empty_bin, sizeof empty_bin}, {falling, sizeof falling}, {overfull, sizeof overfull}};
    struct latencies l;
    struct reader in = reader_of(too_many, sizeof too_many);
    latencies_read(&in, &l);
    assert_true(in.bad);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        in = reader_of(bad[i].bytes, bad[i].len);
        latencies_read(&in, &l);
        assert_false(in.bad);
        assert_false(latencies_are_sound(&l));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_true_to_a_two_thousandth_and_keeps_the_order),
        cmocka_unit_test(few_latencies_have_their_true_median),
        cmocka_unit_test(a_median_of_many_is_near_for_every_shape_however_it_is_joined),
        cmocka_unit_test(parts_are_joined_by_their_latencies_not_by_their_medians),
        cmocka_unit_test(a_sum_that_is_full_counts_no_further),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(what_no_honest_sender_writes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
