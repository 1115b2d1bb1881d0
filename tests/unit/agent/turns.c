/* Unit tests of agent/turns: a loop that stands still, and one that may. */
#include "agent/turns.h"

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

static void a_loop_that_turns_never_stands_still(void **state)
{
    (void)state;
    struct turns t = {0};
    for (uint64_t s = 1; s < 100; s++) {
        assert_int_equal(turns_look(&t, s, false, second(s)), 0);
    }
}

static void standing_still_is_measured_from_the_last_turn(void **state)
{
    (void)state;
    struct turns t = {0};
    assert_int_equal(turns_look(&t, 7, false, second(100)), 0);
    assert_int_equal(turns_look(&t, 8, false, second(101)), 0);
    assert_int_equal(turns_look(&t, 8, false, second(102)), second(1));
    assert_int_equal(turns_look(&t, 8, false, second(131)), second(30));
}

static void who_does_not_run_need_not_turn(void **state)
{
    (void)state;
    struct turns t = {0};
    assert_int_equal(turns_look(&t, 8, false, second(100)), 0);
    assert_int_equal(turns_look(&t, 8, true, second(200)), 0);
    assert_int_equal(turns_look(&t, 8, false, second(201)), second(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_that_turns_never_stands_still),
        cmocka_unit_test(standing_still_is_measured_from_the_last_turn),
        cmocka_unit_test(who_does_not_run_need_not_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
