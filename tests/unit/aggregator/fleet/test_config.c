/* What follows when an agent has not the configuration that it is to have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/fleet/inner.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <string.h>

#define SECOND ((uint64_t)NS_PER_S)

struct stage {
    struct fleet fleet;
    struct metrics metrics;
    unsigned alerts;
    struct wire_alert last;
};
static struct stage stage;

static int publish(void *arg, const char *subject, const void *bytes, size_t len, struct err *e)
{
    (void)arg;
    (void)subject;
    (void)bytes;
    (void)len;
    (void)e;
    return 0;
}

static bool submit(void *arg, struct job *job)
{
    struct stage *s = arg;
    if (job->kind == JOB_ALERT) {
        s->alerts++;
        s->last = job->as.alert.alert;
    }
    job_free(job);
    return true;
}

static bool tell(void *arg, const struct web_event *event)
{
    struct web_event copy = *event;
    (void)arg;
    web_event_done(&copy);
    return true;
}

static struct instance *pisa(void)
{
    return instances_by_id(&stage.fleet.instances, 1);
}

static int set_up(void **state)
{
    struct instance_row row = {.id = 1, .name = "pisa-1", .state = PRESENCE_UP};
    (void)state;
    memset(&stage, 0, sizeof stage);
    stage.fleet.options = (struct fleet_options){.metrics = &stage.metrics,
                                                 .publish = publish,
                                                 .submit = submit,
                                                 .tell_web = tell,
                                                 .arg = &stage};
    row.config = (struct instance_config){
        .wanted = 3, .wanted_hash = "abc", .in_force = 2, .in_force_hash = "old"};
    return instances_init(&stage.fleet.instances, NULL) == 0 &&
                   instances_add(&stage.fleet.instances, &row) != NULL
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    instances_done(&stage.fleet.instances);
    return 0;
}

static void report(const struct config_report *r, uint64_t at_s)
{
    char bytes[2048];
    size_t len = config_report_pack(r, bytes, sizeof bytes);
    struct message m = {.name = "pisa-1", .word = "cfg", .bytes = bytes, .len = len};
    assert_true(len > 0);
    config_report(&stage.fleet, pisa(), &m, at_s * SECOND);
}

static void drift_is_an_alert_after_five_minutes_until_it_is_mended(void **state)
{
    (void)state;
    for (uint64_t s = 100; s < 400; s += 5) {
        config_beat(&stage.fleet, pisa(), 2, s * SECOND);
    }
    assert_int_equal(stage.alerts, 0);
    config_beat(&stage.fleet, pisa(), 2, 400 * SECOND);
    config_beat(&stage.fleet, pisa(), 2, 405 * SECOND);
    assert_int_equal(stage.alerts, 1);
    assert_int_equal(stage.last.kind, ALERT_FLEET_CONFIG_DRIFT);
    assert_int_equal(stage.last.action, ALERT_ENGAGE);
    assert_non_null(strstr(stage.last.detail, "revision 2 is in force, and is to be 3"));
    assert_int_equal(pisa()->centre_alerts, 1);
    report(&(struct config_report){.revision = 3, .hash = "abc"}, 410);
    assert_int_equal(stage.alerts, 2);
    assert_int_equal(stage.last.action, ALERT_RELEASE);
    assert_int_equal(pisa()->centre_alerts, 0);
}

static void the_time_that_it_was_away_is_no_drift(void **state)
{
    (void)state;
    config_beat(&stage.fleet, pisa(), 2, 100 * SECOND);
    (void)judge(&stage.fleet, pisa(), (struct presence_event){.kind = PRESENCE_EVENT_BYE},
                102 * SECOND, "goodbye");
    config_beat(&stage.fleet, pisa(), 2, 1000 * SECOND);
    assert_int_equal(stage.alerts, 0);
    config_beat(&stage.fleet, pisa(), 2, 1299 * SECOND);
    assert_int_equal(stage.alerts, 0);
    config_beat(&stage.fleet, pisa(), 2, 1300 * SECOND);
    assert_int_equal(stage.alerts, 1);
}

static void a_hello_begins_the_five_minutes_anew(void **state)
{
    (void)state;
    struct hello hello = {.boot = "boot-1", .version = "1", .host = "h", .os = "linux"};
    char bytes[HELLO_MAX];
    size_t len = hello_pack(&hello, bytes, sizeof bytes);
    struct message m = {.name = "pisa-1", .word = "hello", .bytes = bytes, .len = len};
    assert_true(len > 0);
    config_beat(&stage.fleet, pisa(), 2, 100 * SECOND);
    hear_up(&stage.fleet, &m, 1000 * SECOND);
    config_beat(&stage.fleet, pisa(), 2, 1001 * SECOND);
    assert_int_equal(stage.alerts, 0);
    config_beat(&stage.fleet, pisa(), 2, 1301 * SECOND);
    assert_int_equal(stage.alerts, 1);
}

static void a_refusal_is_told_with_its_reason(void **state)
{
    (void)state;
    struct config_report refusal = {
        .revision = 2, .hash = "old", .refused = 3, .reason = "acl: no memory"};
    report(&refusal, 100);
    config_beat(&stage.fleet, pisa(), 2, 401 * SECOND);
    assert_int_equal(stage.alerts, 1);
    assert_non_null(strstr(stage.last.detail, "the agent refuses it: acl: no memory"));
}

static void one_engaged_before_a_restart_of_the_centre_is_released(void **state)
{
    (void)state;
    pisa()->config.drift = true;
    pisa()->centre_alerts = 1;
    config_beat(&stage.fleet, pisa(), 2, 10 * SECOND);
    assert_int_equal(stage.alerts, 0); /* it goes on */
    report(&(struct config_report){.revision = 3, .hash = "abc"}, 20);
    assert_int_equal(stage.last.action, ALERT_RELEASE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(drift_is_an_alert_after_five_minutes_until_it_is_mended),
        TEST(the_time_that_it_was_away_is_no_drift),
        TEST(a_hello_begins_the_five_minutes_anew),
        TEST(a_refusal_is_told_with_its_reason),
        TEST(one_engaged_before_a_restart_of_the_centre_is_released),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
