/* The instances in memory: how they are found, their spark line, and what the web sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/fleet/instances.h"
#include "common/clock.h"

#include <string.h>

#define SECOND ((uint64_t)NS_PER_S)
#define KEY_A  "UAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY_B  "UBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"

static struct instances set;

static int set_up(void **state)
{
    (void)state;
    struct err e = {0};
    return instances_init(&set, &e);
}

static int tear_down(void **state)
{
    (void)state;
    instances_done(&set);
    return 0;
}

static struct instance *add(int32_t id, const char *name)
{
    struct instance_row row = {.id = id, .state = PRESENCE_UP, .site = "pisa", .centre_alerts = 1};
    memcpy(row.name, name, strlen(name) + 1);
    struct instance *i = instances_add(&set, &row);
    assert_non_null(i);
    return i;
}

static void an_instance_is_found_by_name_number_and_key(void **state)
{
    (void)state;
    struct instance *i = add(7, "pisa-1");
    (void)add(8, "pisa-10");
    struct key_row key = {.nkey = KEY_A, .instance_id = 7};
    assert_int_equal(instances_add_key(&set, &key), 0);
    assert_ptr_equal(instances_by_name(&set, "pisa-1"), i);
    assert_ptr_equal(instances_by_id(&set, 7), i);
    assert_ptr_equal(instances_by_key(&set, KEY_A), i);
    assert_null(instances_by_name(&set, "pisa"));
    assert_null(instances_by_key(&set, KEY_B));
}

static void a_revoked_key_finds_nobody(void **state)
{
    (void)state;
    (void)add(7, "pisa-1");
    struct key_row keys[] = {{.nkey = KEY_A, .instance_id = 7, .revoked_s = 1}};
    assert_int_equal(instances_set_keys(&set, keys, 1), 0);
    assert_null(instances_by_key(&set, KEY_A));
    assert_false(instances_has_good_key(&set, 7));
}

static void a_new_list_of_keys_replaces_the_old_one(void **state)
{
    (void)state;
    (void)add(7, "pisa-1");
    struct key_row first = {.nkey = KEY_A, .instance_id = 7};
    struct key_row second = {.nkey = KEY_B, .instance_id = 7};
    assert_int_equal(instances_set_keys(&set, &first, 1), 0);
    assert_int_equal(instances_set_keys(&set, &second, 1), 0);
    assert_null(instances_by_key(&set, KEY_A));
    assert_non_null(instances_by_key(&set, KEY_B));
    assert_true(instances_has_good_key(&set, 7));
}

static void a_missed_heartbeat_leaves_a_hole_in_the_spark_line(void **state)
{
    (void)state;
    struct instance *i = add(7, "pisa-1");
    instance_spark(i, 100, 10 * SECOND);
    instance_spark(i, 200, 15 * SECOND + SECOND / 2); /* heartbeats come a little early or late */
    instance_spark(i, 300, 25 * SECOND + SECOND / 2);
    assert_int_equal(i->spark_count, 4);
    assert_int_equal(i->spark_bps[1], 200);
    assert_true(i->spark_bps[2] == SPARK_NONE);
    assert_int_equal(i->spark_bps[3], 300);
}

static void the_spark_line_keeps_the_newest_points(void **state)
{
    (void)state;
    struct instance *i = add(7, "pisa-1");
    for (uint64_t n = 0; n < SPARK_POINTS + 5; n++) {
        instance_spark(i, n, (n + 1) * 5 * SECOND);
    }
    assert_int_equal(i->spark_count, SPARK_POINTS);
    assert_int_equal(i->spark_bps[0], 5);
    assert_int_equal(i->spark_bps[SPARK_POINTS - 1], SPARK_POINTS + 4);
}

static void an_absence_of_hours_empties_the_line_once(void **state)
{
    (void)state;
    struct instance *i = add(7, "pisa-1");
    instance_spark(i, 1, SECOND);
    instance_spark(i, 2, 100000 * SECOND);
    assert_int_equal(i->spark_count, SPARK_POINTS);
    assert_true(i->spark_bps[0] == SPARK_NONE);
    assert_int_equal(i->spark_bps[SPARK_POINTS - 1], 2);
}

static void the_view_adds_the_centre_s_alerts_to_the_agent_s(void **state)
{
    (void)state;
    struct instance *i = add(7, "pisa-1");
    struct instance_view view;
    instance_view_fill(i, &view);
    assert_false(view.has_beat);
    assert_int_equal(view.alerts_engaged, 1);
    i->has_beat = true;
    i->beat.engaged = 2;
    i->beat.bps = 9;
    instance_view_fill(i, &view);
    assert_int_equal(view.alerts_engaged, 3);
    assert_int_equal(view.throughput_bps, 9);
    assert_true(view.answering);
}

static struct instance *add_known(uint64_t client)
{
    struct instance *i = add(7, "pisa-1");
    i->unseen_client = false;
    instance_client_came(i, client);
    return i;
}

static void the_end_of_its_one_connection_is_the_end_of_the_agent(void **state)
{
    (void)state;
    assert_true(instance_client_went(add_known(1), 1));
}

static void the_late_end_of_an_old_connection_says_nothing_of_the_new_one(void **state)
{
    (void)state;
    struct instance *i = add_known(1);
    instance_client_came(i, 2);
    assert_false(instance_client_went(i, 1));
    assert_true(instance_client_went(i, 2));
}

static void a_second_connection_under_its_key_may_come_and_go(void **state)
{
    (void)state;
    struct instance *i = add_known(1);
    instance_client_came(i, 2);
    assert_false(instance_client_went(i, 2));
    assert_true(instance_client_went(i, 1));
}

static void a_connection_that_came_before_the_centre_may_end_too(void **state)
{
    (void)state;
    struct instance *i = add(7, "pisa-1");
    instance_client_came(i, 9);
    assert_false(instance_client_went(i, 9));
    assert_true(instance_client_went(i, 1));
}

static void a_hello_without_a_known_connection_came_on_one_that_nobody_told_us_of(void **state)
{
    (void)state;
    struct instance *i = add(7, "pisa-1");
    instance_client_greeted(i);
    instance_client_came(i, 9);
    assert_false(instance_client_went(i, 9));
    assert_true(instance_client_went(i, 1));
}

static void a_hello_after_a_log_in_came_on_that_connection(void **state)
{
    (void)state;
    struct instance *i = add(7, "pisa-1");
    instance_client_came(i, 1);
    instance_client_greeted(i);
    assert_true(instance_client_went(i, 1));
}

static void more_connections_than_are_kept_push_out_the_oldest(void **state)
{
    (void)state;
    struct instance *i = add_known(1);
    for (uint64_t client = 2; client <= CLIENTS_MAX + 1; client++) {
        instance_client_came(i, client);
    }
    assert_int_equal(i->client_count, CLIENTS_MAX);
    assert_false(instance_client_went(i, 1));
    assert_int_equal(i->client_count, CLIENTS_MAX);
}

static void the_clock_is_judged_by_the_median(void **state)
{
    (void)state;
    struct instance i = {0};
    assert_int_equal(instance_skew(&i, 100), 100);
    assert_int_equal(instance_skew(&i, -9000), -9000); /* of two, the lower */
    assert_int_equal(instance_skew(&i, 120), 100);
    assert_int_equal(instance_skew(&i, 110), 100);
    assert_int_equal(instance_skew(&i, 130), 110);
    assert_int_equal(instance_skew(&i, INT64_MAX), 120); /* the first goes */
    for (int n = 0; n < SKEW_BEATS; n++) {
        (void)instance_skew(&i, -5000);
    }
    assert_int_equal(instance_skew(&i, 7), -5000); /* one that was held up */
}

static void two_starts_in_turn_are_twins_and_a_restart_is_none(void **state)
{
    (void)state;
    struct instance i = {0};
    uint64_t now_ns = 1000ull * NS_PER_S;
    assert_false(instance_boot(&i, "a", now_ns));
    assert_false(instance_boot(&i, "a", now_ns += NS_PER_S));
    assert_false(instance_boot(&i, "b", now_ns += NS_PER_S)); /* a restart */
    assert_false(instance_boot(&i, "b", now_ns += NS_PER_S));
    assert_false(instance_boot(&i, "c", now_ns += NS_PER_S)); /* and another */
    assert_true(instance_boot(&i, "b", now_ns += NS_PER_S));
    assert_true(instance_boot(&i, "c", now_ns += NS_PER_S));
    assert_false(instance_boot(&i, "b", now_ns += 60ull * NS_PER_S)); /* long since */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_instance_is_found_by_name_number_and_key, set_up,
                                        tear_down),
        cmocka_unit_test(the_clock_is_judged_by_the_median),
        cmocka_unit_test(two_starts_in_turn_are_twins_and_a_restart_is_none),
        cmocka_unit_test_setup_teardown(a_revoked_key_finds_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_list_of_keys_replaces_the_old_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missed_heartbeat_leaves_a_hole_in_the_spark_line, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_spark_line_keeps_the_newest_points, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_absence_of_hours_empties_the_line_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_view_adds_the_centre_s_alerts_to_the_agent_s, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_end_of_its_one_connection_is_the_end_of_the_agent,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_late_end_of_an_old_connection_says_nothing_of_the_new_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_connection_under_its_key_may_come_and_go, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_connection_that_came_before_the_centre_may_end_too,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_hello_without_a_known_connection_came_on_one_that_nobody_told_us_of, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(a_hello_after_a_log_in_came_on_that_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(more_connections_than_are_kept_push_out_the_oldest, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("instances", tests, NULL, NULL);
}
