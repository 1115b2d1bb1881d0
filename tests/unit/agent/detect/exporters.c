/* Unit tests of agent/detect/site_exporters.c: what is found of flow exporters, by their figures.
 */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define START_NS (1700000000ULL * NS_PER_S)

static const struct detect_settings settings;
static void *detector;
static struct finding last[1024]; /* of each kind; action 0: none */
static unsigned events;

static void take(const struct finding *f, void *arg)
{
    (void)arg;
    assert_true(f->kind < 1024);
    last[f->kind] = *f;
    events += f->action == FINDING_EVENT ? 1 : 0;
}

static const struct finding_sink out = {.take = take};

static int begin(void **state)
{
    (void)state;
    memset(last, 0, sizeof last);
    events = 0;
    detector = detector_site_exporters.open(&settings, NULL);
    return detector == NULL;
}

static int end(void **state)
{
    (void)state;
    detector_site_exporters.close(detector);
    return 0;
}

static struct exporter_view router(void)
{
    return (struct exporter_view){.addr = {.bytes = {192, 0, 2, 1}},
                                  .family = ADDR_IPV4,
                                  .versions = COLLECT_V5,
                                  .number = 1,
                                  .sampling = 1,
                                  .last_ns = START_NS,
                                  .gap_ns = 5ULL * NS_PER_S,
                                  .datagrams = 100,
                                  .flows = 1000};
}

/* Judges so many seconds after the start; count 0: control has forgotten it. */
static void judge(const struct exporter_view *view, size_t count, uint64_t second)
{
    struct agent_sample s = {.now_ns = START_NS + second * NS_PER_S,
                             .source_count = 1,
                             .exporters = view,
                             .exporter_count = count};
    (void)snprintf(s.sources[0].name, sizeof s.sources[0].name, "routers");
    detector_site_exporters.tick(detector, &s, &out);
}

static void silence_is_bad_after_a_minute_and_three_usual_pauses(void **state)
{
    (void)state;
    struct exporter_view x = router();
    judge(&x, 1, 10);
    assert_int_equal(last[ALERT_EXPORTER_SILENT].action, FINDING_GOOD);
    judge(&x, 1, 50);
    assert_int_equal(last[ALERT_EXPORTER_SILENT].action, FINDING_GOOD);
    judge(&x, 1, 60);
    assert_int_equal(last[ALERT_EXPORTER_SILENT].action, FINDING_BAD);
    assert_string_equal(last[ALERT_EXPORTER_SILENT].entity_id, "192.0.2.1");
    assert_string_equal(last[ALERT_EXPORTER_SILENT].key, "routers");
    x.gap_ns = 40ULL * NS_PER_S;
    judge(&x, 1, 110);
    assert_int_equal(last[ALERT_EXPORTER_SILENT].action, FINDING_GOOD);
    judge(&x, 1, 120);
    assert_int_equal(last[ALERT_EXPORTER_SILENT].action, FINDING_BAD);
}

static void an_exporter_heard_once_has_five_minutes(void **state)
{
    (void)state;
    struct exporter_view x = router();
    x.datagrams = 1;
    judge(&x, 1, 290);
    assert_int_equal(last[ALERT_EXPORTER_SILENT].action, FINDING_GOOD);
    judge(&x, 1, 300);
    assert_int_equal(last[ALERT_EXPORTER_SILENT].action, FINDING_BAD);
}

static void loss_above_one_percent_in_five_minutes_is_bad_until_it_ages_out(void **state)
{
    (void)state;
    struct exporter_view x = router();
    for (uint64_t i = 1; i < 80; i++) {
        x.last_ns = START_NS + i * 10 * NS_PER_S;
        x.flows += 100;
        x.lost_flows += i == 10 ? 40 : 0; /* of 3,000 in five minutes */
        judge(&x, 1, i * 10);
        unsigned wanted = i >= 10 && i < 40 ? FINDING_BAD : FINDING_GOOD;
        assert_int_equal(last[ALERT_EXPORTER_SEQUENCE_LOSS].action, wanted);
    }
}

static void counts_that_begin_again_are_no_loss(void **state)
{
    (void)state;
    struct exporter_view x = router();
    x.lost_flows = 500;
    judge(&x, 1, 10);
    assert_int_equal(last[ALERT_EXPORTER_SEQUENCE_LOSS].action, FINDING_GOOD);
    x.flows = 10; /* the engine was started anew */
    x.lost_flows = 0;
    judge(&x, 1, 20);
    assert_int_equal(last[ALERT_EXPORTER_SEQUENCE_LOSS].action, FINDING_GOOD);
}

static void data_without_a_template_is_bad_only_when_it_lasts(void **state)
{
    (void)state;
    struct exporter_view x = router();
    for (uint64_t i = 1; i < 10; i++) {
        x.untemplated += 3;
        judge(&x, 1, i * 10);
        unsigned wanted = i >= 8 ? FINDING_BAD : FINDING_GOOD; /* the first look is the base */
        assert_int_equal(last[ALERT_EXPORTER_TEMPLATE_MISSING].action, wanted);
    }
    judge(&x, 1, 100);
    assert_int_equal(last[ALERT_EXPORTER_TEMPLATE_MISSING].action, FINDING_GOOD);
}

static void another_sampling_rate_is_an_event(void **state)
{
    (void)state;
    struct exporter_view x = router();
    judge(&x, 1, 10);
    assert_int_equal(events, 0);
    x.sampling = 100;
    judge(&x, 1, 20);
    judge(&x, 1, 30);
    assert_int_equal(events, 1);
    assert_string_equal(last[ALERT_EXPORTER_SAMPLING_CHANGED].detail,
                        "one packet in 100, before in 1");
}

static void senders_that_are_not_allowed_are_bad_while_they_send(void **state)
{
    (void)state;
    struct exporter_view x = router();
    x.number = 0;
    judge(&x, 1, 10);
    assert_int_equal(last[ALERT_EXPORTER_UNKNOWN].action, FINDING_BAD);
    assert_string_equal(last[ALERT_EXPORTER_UNKNOWN].entity_id, "routers");
    assert_non_null(strstr(last[ALERT_EXPORTER_UNKNOWN].detail, "192.0.2.1"));
    judge(&x, 1, 20);
    assert_int_equal(last[ALERT_EXPORTER_UNKNOWN].action, FINDING_GOOD);
    assert_int_equal(last[ALERT_EXPORTER_SILENT].action, 0);
}

static void nobody_waits_for_an_exporter_that_was_forgotten(void **state)
{
    (void)state;
    struct exporter_view x = router();
    judge(&x, 1, 100);
    assert_int_equal(last[ALERT_EXPORTER_SILENT].action, FINDING_BAD);
    judge(NULL, 0, 110);
    assert_int_equal(last[ALERT_EXPORTER_SILENT].action, FINDING_GOOD);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(silence_is_bad_after_a_minute_and_three_usual_pauses),
        CASE(an_exporter_heard_once_has_five_minutes),
        CASE(loss_above_one_percent_in_five_minutes_is_bad_until_it_ages_out),
        CASE(counts_that_begin_again_are_no_loss),
        CASE(data_without_a_template_is_bad_only_when_it_lasts),
        CASE(another_sampling_rate_is_an_event),
        CASE(senders_that_are_not_allowed_are_bad_while_they_send),
        CASE(nobody_waits_for_an_exporter_that_was_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
