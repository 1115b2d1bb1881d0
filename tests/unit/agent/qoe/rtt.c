/* Unit tests of agent/qoe/tcp_rtt and samples. */
#include "agent/qoe/tcp_rtt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS 1000u

static void goes(struct qoe_rtt *r, uint32_t end, uint32_t stamp, uint32_t at_us)
{
    const struct tcp_segment tcp = {.len = 100, .stamp = stamp, .stamped = stamp != 0};
    qoe_rtt_arm(r, &tcp, end, at_us);
}

static void comes(struct qoe_rtt *r, uint32_t ack, uint32_t echo, uint32_t at_us)
{
    const struct tcp_segment tcp = {
        .flags = TCP_ACK, .ack = ack, .echo = echo, .stamp = 1, .stamped = echo != 0};
    qoe_rtt_ack(r, &tcp, at_us);
}

static void an_ack_of_a_segments_end_is_a_round_trip(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    goes(&r, 100, 0, 0);
    comes(&r, 100, 0, 20 * MS);
    assert_int_equal(r.min_us, 20 * MS);
    assert_int_equal(r.window.seen, 1);
}

static void an_ack_between_two_ends_is_none(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    goes(&r, 100, 0, 0);
    goes(&r, 200, 0, 0);
    comes(&r, 150, 0, 20 * MS);
    assert_int_equal(r.window.seen, 0);
    comes(&r, 200, 0, 21 * MS);
    assert_int_equal(r.window.seen, 1);
}

static void a_full_pipe_keeps_the_first_marks_and_still_measures(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    for (uint32_t i = 0; i < 100; i++) {
        goes(&r, 100 * (i + 1), 0, i * 2 * MS); /* ten under way at a time */
        if (i >= 10) {
            comes(&r, 100 * (i - 9), 0, (i - 10) * 2 * MS + 20 * MS);
        }
    }
    assert_true(r.window.seen > 30);
    assert_int_equal(r.min_us, 20 * MS);
    assert_in_range(qoe_samples_median(&r.window), 19990, 20010);
}

static void what_is_sent_again_leaves_no_round_trip(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    goes(&r, 100, 0, 0);
    goes(&r, 200, 0, 0);
    qoe_rtt_doubt(&r);
    comes(&r, 200, 0, 500 * MS);
    assert_int_equal(r.window.seen, 0);
}

static void an_echoed_timestamp_measures_through_a_loss(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    goes(&r, 100, 7, 0);
    qoe_rtt_doubt(&r);
    goes(&r, 300, 9, 50 * MS);
    comes(&r, 100, 9, 90 * MS);
    assert_int_equal(r.window.seen, 1);
    assert_int_equal(r.min_us, 40 * MS);
}

static void a_timestamp_is_used_once(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    goes(&r, 100, 7, 0);
    comes(&r, 50, 7, 20 * MS);
    comes(&r, 50, 7, 900 * MS);
    assert_int_equal(r.window.seen, 1);
}

static void a_median_is_not_moved_by_one_delayed_ack(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    for (unsigned i = 0; i < 4; i++) {
        qoe_rtt_add(&r, 10 * MS);
    }
    qoe_rtt_add(&r, 210 * MS);
    struct qoe_rtt_window w = qoe_rtt_close(&r, false);
    assert_true(w.fresh);
    assert_in_range(w.median_us, 9995, 10005);
    assert_true(w.var_known);
    assert_int_equal(w.var_us, 50 * MS);
}

static void two_round_trips_stay_for_the_next_window(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    qoe_rtt_add(&r, 10 * MS);
    qoe_rtt_add(&r, 10 * MS);
    assert_false(qoe_rtt_close(&r, false).fresh);
    assert_int_equal(r.window.seen, 2);
    qoe_rtt_add(&r, 10 * MS);
    assert_true(qoe_rtt_close(&r, false).fresh);
    assert_int_equal(r.window.seen, 0);
}

static void a_round_trip_beyond_ten_seconds_is_none(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    goes(&r, 100, 0, 0);
    comes(&r, 100, 0, 11 * 1000 * MS);
    assert_int_equal(r.window.seen, 0);
}

static void latencies_are_kept_to_a_two_thousandth(void **state)
{
    (void)state;
    for (uint32_t us = 1; us < 100000000; us = us * 9 / 8 + 1) {
        struct qoe_samples s = {0};
        qoe_samples_add(&s, us);
        assert_in_range(qoe_samples_median(&s), us - us / 2000, us);
    }
}

static void many_samples_are_thinned_out_evenly(void **state)
{
    (void)state;
    struct qoe_samples s = {0};
    for (uint32_t i = 1; i <= 1000; i++) {
        qoe_samples_add(&s, i);
    }
    assert_int_equal(s.seen, 1000);
    assert_in_range(qoe_samples_median(&s), 350, 650);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ack_of_a_segments_end_is_a_round_trip),
        cmocka_unit_test(an_ack_between_two_ends_is_none),
        cmocka_unit_test(a_full_pipe_keeps_the_first_marks_and_still_measures),
        cmocka_unit_test(what_is_sent_again_leaves_no_round_trip),
        cmocka_unit_test(an_echoed_timestamp_measures_through_a_loss),
        cmocka_unit_test(a_timestamp_is_used_once),
        cmocka_unit_test(a_median_is_not_moved_by_one_delayed_ack),
        cmocka_unit_test(two_round_trips_stay_for_the_next_window),
        cmocka_unit_test(a_round_trip_beyond_ten_seconds_is_none),
        cmocka_unit_test(latencies_are_kept_to_a_two_thousandth),
        cmocka_unit_test(many_samples_are_thinned_out_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
