/* When a site has gone as a whole, and when an instance comes and goes too often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/fleet/sites.h"
#include "common/clock.h"

enum { SITE_MAX = 16 };

/* Seconds of a clock at which each went; 0: it is there. */
static struct site_count count_of(const uint64_t *gone_s, unsigned members)
{
    struct site_count c = {0};
    for (unsigned i = 0; i < members; i++) {
        site_count_add(&c, gone_s[i] * NS_PER_S);
    }
    for (unsigned i = 0; i < members; i++) {
        site_count_together(&c, gone_s[i] * NS_PER_S);
    }
    return c;
}

static void all_or_nearly_all_at_once_are_a_site(void **state)
{
    (void)state;
    static const struct {
        unsigned members;
        uint64_t gone_s[SITE_MAX];
        bool gone, away;
    } rows[] = {
        {1, {100}, false, false},                       /* a site of one is that one */
        {2, {100, 105}, true, true},                    /* both */
        {2, {100, 0}, false, false},                    /* half */
        {2, {100, 131}, false, true},                   /* both, but not at once */
        {3, {100, 110, 0}, false, false},               /* two of three are 67 % */
        {5, {100, 101, 102, 103, 0}, true, true},       /* 80 % */
        {5, {100, 101, 102, 0, 0}, false, false},       /* 60 % */
        {4, {100, 101, 102, 0}, false, false},          /* 75 % */
        {4, {10, 101, 102, 103}, false, true},          /* one long since: three of four now */
        {6, {10, 101, 102, 103, 104, 105}, true, true}, /* five of six */
        {3, {0, 0, 0}, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct site_count c = count_of(rows[i].gone_s, rows[i].members);
        assert_int_equal(site_has_gone(&c), rows[i].gone);
        assert_int_equal(site_is_away(&c), rows[i].away);
    }
}

static uint64_t at_s(uint64_t s)
{
    return (1000 + s) * NS_PER_S;
}

static void five_changes_in_ten_minutes_are_flapping(void **state)
{
    (void)state;
    struct flaps f = {0};
    for (uint64_t i = 0; i < 4; i++) {
        assert_false(flaps_note(&f, at_s(i * 140)));
    }
    assert_true(flaps_note(&f, at_s(560)));
    assert_false(flaps_note(&f, at_s(570))); /* told once */
    assert_true(f.flapping);
    assert_false(flaps_calm(&f, at_s(569))); /* a tick that began before the change */
    assert_false(flaps_calm(&f, at_s(570 + 600)));
    assert_true(flaps_calm(&f, at_s(570 + 601)));
    assert_false(f.flapping);
    assert_false(flaps_note(&f, at_s(1180))); /* counted anew */
}

static void one_that_flapped_before_a_restart_calms_down(void **state)
{
    (void)state;
    struct flaps f;
    flaps_resume(&f, at_s(0));
    assert_false(flaps_note(&f, at_s(1))); /* it is told already */
    assert_false(flaps_calm(&f, at_s(600)));
    assert_true(flaps_calm(&f, at_s(602)));
}

static void slow_changes_are_not(void **state)
{
    (void)state;
    struct flaps f = {0};
    for (uint64_t i = 0; i < 100; i++) {
        assert_false(flaps_note(&f, at_s(i * 151)));
    }
    assert_false(flaps_calm(&f, at_s(100000)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_or_nearly_all_at_once_are_a_site),
        cmocka_unit_test(five_changes_in_ten_minutes_are_flapping),
        cmocka_unit_test(one_that_flapped_before_a_restart_calms_down),
        cmocka_unit_test(slow_changes_are_not),
    };
    return cmocka_run_group_tests_name("sites", tests, NULL, NULL);
}
