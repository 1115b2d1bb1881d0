/* Rates from counters: wraps, restarts, resets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent/poll/rates.h"

enum { TEN_S_CS = 1000, TEN_S_MS = 10000 };

static struct counter_reading reading_at(uint64_t mono_ms, uint32_t uptime_cs, uint64_t octets)
{
    return (struct counter_reading){.mono_ms = mono_ms,
                                    .uptime_cs = uptime_cs,
                                    .bits = 64,
                                    .packet_bits = 64,
                                    .speed_bps = 1000000000,
                                    .in.octets = octets,
                                    .out.octets = octets};
}

static void ten_seconds_of_a_megabyte_are_eight_hundred_kilobits_a_second(void **state)
{
    (void)state;
    struct device_interface i = {.speed_bps = 1000000000};
    struct counter_reading before = reading_at(0, 500, 5000);
    struct counter_reading now = reading_at(TEN_S_MS, 500 + TEN_S_CS, 1005000);
    assert_int_equal(rates_between(&before, &now, &i), RATES_OK);
    assert_int_equal(i.span_ms, TEN_S_MS);
    assert_int_equal(interface_bps(i.in.octets, i.span_ms), 800000);
    assert_int_equal(interface_use(&i), 0); /* 0.08 % */
}

static void the_time_is_the_devices_not_ours(void **state)
{
    (void)state;
    struct device_interface i = {0};
    struct counter_reading before = reading_at(0, 500, 0);
    struct counter_reading now = reading_at(13000, 500 + TEN_S_CS, 1000); /* 3 s under way */
    assert_int_equal(rates_between(&before, &now, &i), RATES_OK);
    assert_int_equal(i.span_ms, TEN_S_MS);
}

static void a_64_bit_counter_that_wraps_is_counted_on(void **state)
{
    (void)state;
    struct device_interface i = {0};
    struct counter_reading before = reading_at(0, 500, UINT64_MAX - 99);
    struct counter_reading now = reading_at(TEN_S_MS, 500 + TEN_S_CS, 900);
    assert_int_equal(rates_between(&before, &now, &i), RATES_OK);
    assert_int_equal(i.in.octets, 1000);
}

static void a_32_bit_counter_that_wraps_is_counted_on(void **state)
{
    (void)state;
    struct device_interface i = {0};
    struct counter_reading before = reading_at(0, 500, UINT32_MAX - 99);
    struct counter_reading now = reading_at(TEN_S_MS, 500 + TEN_S_CS, 900);
    before.bits = now.bits = 32;
    assert_int_equal(rates_between(&before, &now, &i), RATES_OK);
    assert_int_equal(i.in.octets, 1000);
}

static void a_64_bit_counter_that_was_cleared_by_hand_gives_no_rate(void **state)
{
    (void)state;
    struct device_interface i = {0};
    struct counter_reading before = reading_at(0, 500, 5000000000);
    struct counter_reading now = reading_at(TEN_S_MS, 500 + TEN_S_CS, 900);
    assert_int_equal(rates_between(&before, &now, &i), RATES_IMPOSSIBLE);
    assert_int_equal(i.span_ms, 0);
}

static void a_32_bit_fall_that_is_more_than_the_interface_carries_gives_no_rate(void **state)
{
    (void)state;
    struct device_interface i = {0};
    struct counter_reading before = reading_at(0, 500, 2000000000);
    struct counter_reading now = reading_at(TEN_S_MS, 500 + TEN_S_CS, 900);
    before.bits = now.bits = 32;
    now.speed_bps = 10000000; /* at most 12.5 MB in ten seconds; the wrap would be 2.3 GB */
    assert_int_equal(rates_between(&before, &now, &i), RATES_IMPOSSIBLE);
}

static void a_counter_that_only_rose_is_believed_beyond_a_wrong_speed(void **state)
{
    (void)state;
    struct device_interface i = {.speed_bps = 9000};
    struct counter_reading before = reading_at(0, 500, 0);
    struct counter_reading now = reading_at(TEN_S_MS, 500 + TEN_S_CS, 1000000);
    now.speed_bps = 9000; /* a tunnel */
    assert_int_equal(rates_between(&before, &now, &i), RATES_OK);
    assert_int_equal(interface_bps(i.in.octets, i.span_ms), 800000);
}

static void a_restart_gives_no_rate(void **state)
{
    (void)state;
    struct device_interface i = {0};
    struct counter_reading before = reading_at(0, 500000, 5000);
    struct counter_reading now = reading_at(60000, 2000, 6000);
    assert_true(rates_restarted(&before, &now));
    assert_int_equal(rates_between(&before, &now, &i), RATES_RESTART);
}

static void a_restart_soon_after_the_start_is_one_although_uptime_rose(void **state)
{
    (void)state;
    struct counter_reading before = reading_at(0, 3000, 0);    /* up for 30 s */
    struct counter_reading now = reading_at(60000, 4000, 100); /* a minute later: up for 40 s */
    assert_true(rates_restarted(&before, &now));
}

static void an_uptime_that_wraps_after_497_days_is_no_restart(void **state)
{
    (void)state;
    struct device_interface i = {0};
    struct counter_reading before = reading_at(0, UINT32_MAX - 499, 1000);
    struct counter_reading now = reading_at(TEN_S_MS, 500, 2000);
    assert_false(rates_restarted(&before, &now));
    assert_int_equal(rates_between(&before, &now, &i), RATES_OK);
    assert_int_equal(i.span_ms, TEN_S_MS);
}

static void a_discontinuity_of_the_interface_gives_no_rate(void **state)
{
    (void)state;
    struct device_interface i = {0};
    struct counter_reading before = reading_at(0, 500, 1000);
    struct counter_reading now = reading_at(TEN_S_MS, 500 + TEN_S_CS, 2000);
    now.discontinuity_cs = 900;
    assert_int_equal(rates_between(&before, &now, &i), RATES_DISCONTINUITY);
}

static void an_uptime_that_stands_still_leaves_our_own_clock(void **state)
{
    (void)state;
    struct device_interface i = {0};
    struct counter_reading before = reading_at(0, 500, 1000);
    struct counter_reading now = reading_at(TEN_S_MS, 500, 2000);
    assert_int_equal(rates_between(&before, &now, &i), RATES_OK);
    assert_int_equal(i.span_ms, TEN_S_MS);
}

static void errors_that_were_cleared_are_no_burst_of_errors(void **state)
{
    (void)state;
    struct device_interface i = {0};
    struct counter_reading before = reading_at(0, 500, 1000);
    struct counter_reading now = reading_at(TEN_S_MS, 500 + TEN_S_CS, 2000);
    before.in.errors = 70;
    now.in.errors = 0;
    before.out.errors = UINT32_MAX - 1;
    now.out.errors = 3; /* this one has wrapped */
    assert_int_equal(rates_between(&before, &now, &i), RATES_OK);
    assert_int_equal(i.in.errors, 0);
    assert_int_equal(i.out.errors, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_seconds_of_a_megabyte_are_eight_hundred_kilobits_a_second),
        cmocka_unit_test(the_time_is_the_devices_not_ours),
        cmocka_unit_test(a_64_bit_counter_that_wraps_is_counted_on),
        cmocka_unit_test(a_32_bit_counter_that_wraps_is_counted_on),
        cmocka_unit_test(a_64_bit_counter_that_was_cleared_by_hand_gives_no_rate),
        cmocka_unit_test(a_32_bit_fall_that_is_more_than_the_interface_carries_gives_no_rate),
        cmocka_unit_test(a_counter_that_only_rose_is_believed_beyond_a_wrong_speed),
        cmocka_unit_test(a_restart_gives_no_rate),
        cmocka_unit_test(a_restart_soon_after_the_start_is_one_although_uptime_rose),
        cmocka_unit_test(an_uptime_that_wraps_after_497_days_is_no_restart),
        cmocka_unit_test(a_discontinuity_of_the_interface_gives_no_rate),
        cmocka_unit_test(an_uptime_that_stands_still_leaves_our_own_clock),
        cmocka_unit_test(errors_that_were_cleared_are_no_burst_of_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
