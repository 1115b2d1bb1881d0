/* Unit tests of common/clock. */
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_epoch_is_written_as_utc(void **state)
{
    (void)state;
    char buf[25];
    assert_string_equal(clock_format_utc(0, buf, sizeof buf), "1970-01-01T00:00:00.000Z");
}

static void milliseconds_are_cut_not_rounded(void **state)
{
    (void)state;
    char buf[25];
    uint64_t ns = 1769860800ULL * NS_PER_S + 999999999ULL;
    assert_string_equal(clock_format_utc(ns, buf, sizeof buf), "2026-01-31T12:00:00.999Z");
}

static void the_largest_time_still_fits(void **state)
{
    (void)state;
    char buf[25];
    assert_string_equal(clock_format_utc(UINT64_MAX, buf, sizeof buf), "2554-07-21T23:34:33.709Z");
}

static void a_buffer_too_small_becomes_empty(void **state)
{
    (void)state;
    char buf[24] = "x";
    assert_string_equal(clock_format_utc(0, buf, sizeof buf), "");
}

static void the_monotonic_clock_never_goes_back(void **state)
{
    (void)state;
    uint64_t before = clock_mono_ns();
    assert_true(before > 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_mono_ns();
        assert_true(now >= before);
        before = now;
    }
}

static void the_wall_clock_is_in_nanoseconds_of_this_century(void **state)
{
    (void)state;
    uint64_t year_2024 = 1704067200ULL * NS_PER_S;
    assert_true(clock_wall_ns() > year_2024);
}

static void a_period_is_over_in_time_and_at_once_when_the_clock_was_set_back(void **state)
{
    (void)state;
    assert_false(clock_is_due(109, 100, 10));
    assert_true(clock_is_due(110, 100, 10));
    assert_false(clock_is_due(95, 100, 10)); /* stamps may be a little ahead */
    assert_true(clock_is_due(5, 100, 10));
    assert_true(clock_is_due(UINT64_MAX, 0, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_epoch_is_written_as_utc),
        cmocka_unit_test(milliseconds_are_cut_not_rounded),
        cmocka_unit_test(the_largest_time_still_fits),
        cmocka_unit_test(a_buffer_too_small_becomes_empty),
        cmocka_unit_test(a_period_is_over_in_time_and_at_once_when_the_clock_was_set_back),
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(the_wall_clock_is_in_nanoseconds_of_this_century),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
