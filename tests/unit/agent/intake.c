/* Unit tests of agent/intake: what control takes out of shared memory. */
#include "agent/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

struct lab {
    struct engine_link link;
    struct intake intake;
    unsigned accounts, exporters;
    bool engine_writes; /* for each account taken, another comes */
};

static void put_account(struct lab *lab)
{
    struct account *a = ring_reserve(lab->link.lanes[0].accounts);
    assert_non_null(a);
    memset(a, 0, sizeof *a);
    a->key.family = ADDR_IPV4;
    ring_commit(lab->link.lanes[0].accounts);
}

static void put_exporter(struct lab *lab, uint8_t family, uint8_t source)
{
    struct exporter_view *v = ring_reserve(lab->link.lanes[0].exporters);
    assert_non_null(v);
    *v = (struct exporter_view){.family = family, .source = source};
    ring_commit(lab->link.lanes[0].exporters);
}

static void on_account(const struct account *account, void *arg)
{
    struct lab *lab = arg;
    assert_int_equal(account->key.family, ADDR_IPV4);
    lab->accounts++;
    if (lab->engine_writes) {
        put_account(lab);
    }
}

static void on_exporter(const struct exporter_view *view, void *arg)
{
    struct lab *lab = arg;
    assert_int_equal(view->family, ADDR_IPV6);
    lab->exporters++;
}

static int set_up(void **state)
{
    static struct lab lab;
    lab = (struct lab){.intake = {.account = on_account, .exporter = on_exporter, .arg = &lab}};
    *state = &lab;
    return engine_link_open(&lab.link, 1, NULL);
}

static int tear_down(void **state)
{
    struct lab *lab = *state;
    engine_link_close(&lab->link);
    return 0;
}

static void the_rest_is_what_waits_and_not_what_comes_meanwhile(void **state)
{
    struct lab *lab = *state;
    lab->engine_writes = true;
    for (int i = 0; i < 5000; i++) {
        put_account(lab);
    }
    intake_drain_rest(&lab->intake, &lab->link);
    assert_int_equal(lab->accounts, 5000);
    assert_int_equal(ring_depth(lab->link.lanes[0].accounts), 5000);
}

static void one_call_takes_a_bounded_number_and_says_that_more_waits(void **state)
{
    struct lab *lab = *state;
    for (int i = 0; i < 3000; i++) {
        put_account(lab);
    }
    assert_true(intake_drain(&lab->intake, &lab->link));
    assert_true(lab->accounts < 3000);
    assert_false(intake_drain(&lab->intake, &lab->link));
    assert_int_equal(lab->accounts, 3000);
    assert_int_equal(lab->intake.taken, 3000);
}

static void values_of_every_ring_are_checked_and_counted(void **state)
{
    struct lab *lab = *state;
    put_account(lab);
    put_exporter(lab, ADDR_IPV6, 0);
    put_exporter(lab, 9, 0);                          /* no such family */
    put_exporter(lab, ADDR_IPV6, ENGINE_MAX_SOURCES); /* no such source */
    assert_false(intake_drain(&lab->intake, &lab->link));
    assert_int_equal(lab->exporters, 1);
    assert_int_equal(lab->intake.taken, 4);
    assert_int_equal(lab->intake.malformed, 2);
}

#define INTAKE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INTAKE_TEST(the_rest_is_what_waits_and_not_what_comes_meanwhile),
        INTAKE_TEST(one_call_takes_a_bounded_number_and_says_that_more_waits),
        INTAKE_TEST(values_of_every_ring_are_checked_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
