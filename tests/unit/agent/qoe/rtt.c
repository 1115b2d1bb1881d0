/* Unit tests of agent/qoe/tcp_rtt, trips and samples. */
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
    assert_int_equal(r.trips.min_us, 20 * MS);
    assert_int_equal(r.trips.window.seen, 1);
}

static void an_ack_between_two_ends_is_none(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    goes(&r, 100, 0, 0);
    goes(&r, 200, 0, 0);
    comes(&r, 150, 0, 20 * MS);
    assert_int_equal(r.trips.window.seen, 0);
    comes(&r, 200, 0, 21 * MS);
    assert_int_equal(r.trips.window.seen, 1);
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
    assert_true(r.trips.window.seen > 30);
    assert_int_equal(r.trips.min_us, 20 * MS);
    assert_in_range(qoe_samples_median(&r.trips.window), 19990, 20010);
}

static void what_is_sent_again_leaves_no_round_trip(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    goes(&r, 100, 0, 0);
    goes(&r, 200, 0, 0);
    qoe_rtt_doubt(&r);
    comes(&r, 200, 0, 500 * MS);
    assert_int_equal(r.trips.window.seen, 0);
}

static void an_echoed_timestamp_measures_through_a_loss(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    goes(&r, 100, 7, 0);
    qoe_rtt_doubt(&r);
    goes(&r, 300, 9, 50 * MS);
    comes(&r, 100, 9, 90 * MS);
    assert_int_equal(r.trips.window.seen, 1);
    assert_int_equal(r.trips.min_us, 40 * MS);
}

static void a_timestamp_is_used_once(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    goes(&r, 100, 7, 0);
    comes(&r, 50, 7, 20 * MS);
    comes(&r, 50, 7, 900 * MS);
    assert_int_equal(r.trips.window.seen, 1);
}

static void a_median_is_not_moved_by_one_delayed_ack(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    for (unsigned i = 0; i < 4; i++) {
        qoe_trips_add(&r.trips, 10 * MS);
    }
    qoe_trips_add(&r.trips, 210 * MS);
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
    qoe_trips_add(&r.trips, 10 * MS);
    qoe_trips_add(&r.trips, 10 * MS);
    assert_false(qoe_rtt_close(&r, false).fresh);
    assert_int_equal(r.trips.window.seen, 2);
    qoe_trips_add(&r.trips, 10 * MS);
    assert_true(qoe_rtt_close(&r, false).fresh);
    assert_int_equal(r.trips.window.seen, 0);
}

/* Three windows at 1 ms and one busier one at 50 ms: a mean of their medians would be far off. */
static void a_record_tells_the_median_of_every_trip_whatever_the_windows(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    struct flow_record record;
    for (unsigned window = 0; window < 4; window++) {
        for (unsigned i = 0; i < (window == 3 ? 200 : 4); i++) {
            qoe_trips_add(&r.trips, window == 3 ? 50 * MS : 1 * MS);
        }
        (void)qoe_rtt_close(&r, false); /* what it says is for the score */
    }
    qoe_trips_add(&r.trips, 7 * MS); /* of the window that is open */
    qoe_trips_fill(&r.trips, true, SIDE_SERVER, &record);
    assert_in_range(record.rtt[SIDE_SERVER].median_us, 49970, 50000);
    assert_int_equal(record.rtt[SIDE_SERVER].min_us, 1 * MS);
    assert_int_equal(record.rtt[SIDE_SERVER].samples, 213);
    assert_int_equal(record.trips[SIDE_SERVER].total, 213);
}

static void a_person_sees_the_last_records_figures_until_there_are_new_ones(void **state)
{
    (void)state;
    struct qoe_trips t = {0};
    struct flow_record record;
    qoe_trips_add(&t, 20 * MS);
    qoe_trips_told(&t);
    qoe_trips_fill(&t, false, SIDE_CLIENT, &record);
    assert_in_range(record.rtt[SIDE_CLIENT].median_us, 19990, 20000);
    assert_int_equal(record.trips[SIDE_CLIENT].total, 0);
    qoe_trips_fill(&t, true, SIDE_CLIENT, &record);
    assert_int_equal(record.rtt[SIDE_CLIENT].samples, 0);
    qoe_trips_add(&t, 30 * MS);
    qoe_trips_fill(&t, false, SIDE_CLIENT, &record);
    assert_in_range(record.rtt[SIDE_CLIENT].median_us, 29980, 30000);
    assert_int_equal(record.rtt[SIDE_CLIENT].min_us, 20 * MS);
}

static void a_round_trip_beyond_ten_seconds_is_none(void **state)
{
    (void)state;
    struct qoe_rtt r = {0};
    goes(&r, 100, 0, 0);
    comes(&r, 100, 0, 11 * 1000 * MS);
    assert_int_equal(r.trips.window.seen, 0);
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
        cmocka_unit_test(a_record_tells_the_median_of_every_trip_whatever_the_windows),
        cmocka_unit_test(a_person_sees_the_last_records_figures_until_there_are_new_ones),
        cmocka_unit_test(a_round_trip_beyond_ten_seconds_is_none),
        cmocka_unit_test(latencies_are_kept_to_a_two_thousandth),
        cmocka_unit_test(many_samples_are_thinned_out_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
