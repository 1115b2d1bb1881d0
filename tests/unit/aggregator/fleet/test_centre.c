/* When the centre may judge: the two links, the grace after them, and many gone at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/fleet/centre.h"
#include "common/clock.h"

#define SECOND ((uint64_t)NS_PER_S)

static struct centre well_since_long(void)
{
    struct centre c = {0};
    centre_bus(&c, true, 1 * SECOND);
    centre_database(&c, true);
    return c;
}

static void it_starts_blind(void **state)
{
    (void)state;
    struct centre c = {0};
    assert_int_equal(centre_see(&c, SECOND).state, CENTRE_BLIND);
    assert_int_equal(centre_see(&c, SECOND).reason, CENTRE_BUS_DOWN);
}

static void a_grace_of_thirty_seconds_follows_the_start(void **state)
{
    (void)state;
    struct centre c = well_since_long();
    assert_int_equal(centre_see(&c, 30 * SECOND).state, CENTRE_GRACE);
    assert_int_equal(centre_see(&c, 31 * SECOND).state, CENTRE_OK);
}

static void the_return_of_the_bus_begins_a_grace(void **state)
{
    (void)state;
    struct centre c = well_since_long();
    centre_bus(&c, false, 100 * SECOND);
    assert_int_equal(centre_see(&c, 100 * SECOND).state, CENTRE_BLIND);
    centre_bus(&c, true, 103 * SECOND);
    assert_int_equal(centre_see(&c, 132 * SECOND).state, CENTRE_GRACE);
    assert_int_equal(centre_see(&c, 133 * SECOND).state, CENTRE_OK);
}

static void in_a_grace_only_those_who_were_heard_since_it_began_are_judged(void **state)
{
    (void)state;
    struct centre c = well_since_long();
    centre_bus(&c, false, 100 * SECOND);
    centre_bus(&c, true, 103 * SECOND);
    assert_false(centre_judges(&c, 99 * SECOND, 110 * SECOND));
    assert_true(centre_judges(&c, 104 * SECOND, 110 * SECOND));
    assert_true(centre_judges(&c, 99 * SECOND, 133 * SECOND));
}

static void an_absent_database_blinds_and_its_return_needs_no_grace(void **state)
{
    (void)state;
    struct centre c = well_since_long();
    centre_database(&c, false);
    assert_int_equal(centre_see(&c, 100 * SECOND).reason, CENTRE_DATABASE_DOWN);
    centre_database(&c, true);
    assert_int_equal(centre_see(&c, 101 * SECOND).state, CENTRE_OK);
}

static void more_than_half_of_five_at_once_freezes_judgement(void **state)
{
    (void)state;
    struct centre c = well_since_long();
    struct centre_census census = {.expected = 5, .silent = 3, .newly_silent = 3};
    centre_count(&c, &census, 100 * SECOND);
    assert_int_equal(centre_see(&c, 100 * SECOND).reason, CENTRE_MANY_DOWN);
    census = (struct centre_census){.expected = 5, .silent = 2};
    centre_count(&c, &census, 110 * SECOND);
    assert_int_equal(centre_see(&c, 110 * SECOND).state, CENTRE_OK);
}

static void three_of_four_are_judged_one_by_one(void **state)
{
    (void)state;
    struct centre c = well_since_long();
    struct centre_census census = {.expected = 4, .silent = 3, .newly_silent = 3};
    centre_count(&c, &census, 100 * SECOND);
    assert_int_equal(centre_see(&c, 100 * SECOND).state, CENTRE_OK);
}

static void many_down_for_five_minutes_is_the_truth(void **state)
{
    (void)state;
    struct centre c = well_since_long();
    struct centre_census census = {.expected = 6, .silent = 6, .newly_silent = 6};
    centre_count(&c, &census, 100 * SECOND);
    census.newly_silent = 0;
    centre_count(&c, &census, 399 * SECOND);
    assert_int_equal(centre_see(&c, 399 * SECOND).state, CENTRE_BLIND);
    assert_int_equal(centre_see(&c, 400 * SECOND).state, CENTRE_OK);
}

static void a_stall_of_this_process_gives_a_short_grace(void **state)
{
    (void)state;
    struct centre c = well_since_long();
    centre_stalled(&c, 100 * SECOND);
    assert_int_equal(centre_see(&c, 109 * SECOND).state, CENTRE_GRACE);
    assert_int_equal(centre_see(&c, 110 * SECOND).state, CENTRE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_blind),
        cmocka_unit_test(a_grace_of_thirty_seconds_follows_the_start),
        cmocka_unit_test(the_return_of_the_bus_begins_a_grace),
        cmocka_unit_test(in_a_grace_only_those_who_were_heard_since_it_began_are_judged),
        cmocka_unit_test(an_absent_database_blinds_and_its_return_needs_no_grace),
        cmocka_unit_test(more_than_half_of_five_at_once_freezes_judgement),
        cmocka_unit_test(three_of_four_are_judged_one_by_one),
        cmocka_unit_test(many_down_for_five_minutes_is_the_truth),
        cmocka_unit_test(a_stall_of_this_process_gives_a_short_grace),
    };
    return cmocka_run_group_tests_name("centre", tests, NULL, NULL);
}
