/* Unit tests of agent/blame: two deaths with the same dissector at work make it guilty. */
#include "agent/blame.h"

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

static void the_second_death_at_the_same_work_within_ten_minutes_is_blamed(void **state)
{
    (void)state;
    struct blame b = {0};
    assert_false(blame_note(&b, 92, second(100)));
    assert_false(blame_note(&b, 6, second(110)));
    assert_true(blame_note(&b, 92, second(699)));
}

static void deaths_far_apart_are_no_pattern(void **state)
{
    (void)state;
    struct blame b = {0};
    assert_false(blame_note(&b, 92, second(100)));
    assert_false(blame_note(&b, 92, second(700)));
    assert_true(blame_note(&b, 92, second(701)));
}

static void deaths_outside_any_dissector_blame_none(void **state)
{
    (void)state;
    struct blame b = {0};
    for (unsigned i = 0; i < 10; i++) {
        assert_false(blame_note(&b, 0, second(100 + i)));
        assert_false(blame_note(&b, 1, second(100 + i)));
    }
}

static void many_suspects_push_out_the_oldest(void **state)
{
    (void)state;
    struct blame b = {0};
    for (uint32_t crumb = 2; crumb < 2 + BLAME_SUSPECTS + 1; crumb++) {
        assert_false(blame_note(&b, crumb, second(crumb)));
    }
    assert_true(blame_note(&b, 3, second(100)));
    assert_false(blame_note(&b, 2, second(101)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_death_at_the_same_work_within_ten_minutes_is_blamed),
        cmocka_unit_test(deaths_far_apart_are_no_pattern),
        cmocka_unit_test(deaths_outside_any_dissector_blame_none),
        cmocka_unit_test(many_suspects_push_out_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
