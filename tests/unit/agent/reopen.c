/* Unit tests of agent/reopen: when a source that failed is worth another engine. */
#include "agent/reopen.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t second(uint64_t n)
{
    return n * NS_PER_S;
}

static const struct reopen_view well = {.failed = false, .usable = true};
static const struct reopen_view gone = {.failed = true, .usable = false};
static const struct reopen_view back = {.failed = true, .usable = true};

static void an_interface_that_is_gone_or_down_restarts_nothing(void **state)
{
    (void)state;
    struct reopen r = {0};
    for (uint64_t s = 0; s < 3600; s += 5) {
        assert_false(reopen_is_wanted(&r, &gone, 1, second(s)));
    }
}

static void an_interface_that_came_back_is_opened_at_once(void **state)
{
    (void)state;
    struct reopen r = {0};
    assert_false(reopen_is_wanted(&r, &well, 1, second(0)));
    assert_false(reopen_is_wanted(&r, &gone, 1, second(5)));
    assert_true(reopen_is_wanted(&r, &back, 1, second(10)));
}

static void a_fault_that_stays_is_tried_more_and_more_seldom(void **state)
{
    (void)state;
    struct reopen r = {0};
    unsigned tries = 0;
    for (uint64_t s = 0; s < 3600; s += 5) {
        tries += reopen_is_wanted(&r, &back, 1, second(s)) ? 1 : 0;
    }
    assert_in_range(tries, 6, 12);
}

static void an_interface_that_was_gone_between_two_looks_is_opened_again(void **state)
{
    (void)state;
    struct reopen r = {0};
    assert_false(reopen_is_wanted(&r, &well, 1, second(1000)));
    assert_false(reopen_is_wanted(&r, &back, 1, second(1005)));
    assert_true(reopen_is_wanted(&r, &back, 1, second(1020)));
    assert_false(reopen_is_wanted(&r, &well, 1, second(1025)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interface_that_is_gone_or_down_restarts_nothing),
        cmocka_unit_test(an_interface_that_came_back_is_opened_at_once),
        cmocka_unit_test(a_fault_that_stays_is_tried_more_and_more_seldom),
        cmocka_unit_test(an_interface_that_was_gone_between_two_looks_is_opened_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
