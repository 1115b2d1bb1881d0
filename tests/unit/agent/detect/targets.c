/* Unit tests of agent/detect: devices over SNMP and active probes. */
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

#define START_NS (1790000000ULL * NS_PER_S)
static const struct detect_settings settings = {0};

/* The last finding of each kind. */
static struct {
    unsigned count[1024];
    struct finding last[1024];
} found;

static void take(const struct finding *f, void *arg)
{
    (void)arg;
    assert_true(f->kind < 1024);
    found.count[f->kind]++;
    found.last[f->kind] = *f;
}
static const struct finding_sink out = {.take = take};

static int forget_findings(void **state)
{
    (void)state;
    memset(&found, 0, sizeof found);
    return 0;
}

static enum finding_action last(uint16_t kind)
{
    assert_true(found.count[kind] > 0);
    return (enum finding_action)found.last[kind].action;
}

static struct device_record status(enum device_state state)
{
    return (struct device_record){
        .kind = DEVICE_STATUS,
        .device = "7",
        .at_ns = START_NS,
        .status = {
            .state = (uint8_t)state, .cpu = CPU_UNKNOWN, .name = "core", .host = "192.0.2.7"}};
}

/* A gigabit interface that carried this many permille of its speed in for ten seconds. */
static struct device_record port(uint64_t permille)
{
    return (struct device_record){
        .kind = DEVICE_INTERFACE,
        .device = "7",
        .at_ns = START_NS,
        .interface = {.key = "Gi1/0/1",
                      .admin = ADMIN_UP,
                      .oper = OPER_UP,
                      .speed_bps = 1000000000,
                      .span_ms = 10000,
                      .in = {.octets = permille * 1250000, .packets = 1000000}}};
}

static void silence_is_no_judgement_on_credentials(void **state)
{
    (void)state;
    void *d = detector_site_devices.open(&settings, NULL);
    struct device_record r = status(DEVICE_TIMEOUT);
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(last(ALERT_SNMP_DEVICE_UNREACHABLE), FINDING_BAD);
    assert_int_equal(found.count[ALERT_SNMP_AUTH_FAILURE], 0);
    r = status(DEVICE_WRONG_DIGEST);
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(last(ALERT_SNMP_DEVICE_UNREACHABLE), FINDING_GOOD); /* it answers */
    assert_int_equal(last(ALERT_SNMP_AUTH_FAILURE), FINDING_BAD);
    assert_string_equal(found.last[ALERT_SNMP_AUTH_FAILURE].entity_id, "core");
    r = status(DEVICE_UP);
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(last(ALERT_SNMP_AUTH_FAILURE), FINDING_GOOD);
    detector_site_devices.close(d);
}

static void a_full_interface_stays_full_until_below_the_lower_threshold(void **state)
{
    (void)state;
    static const struct {
        uint64_t permille;
        enum finding_action high, critical;
    } steps[] = {
        {750, FINDING_GOOD, FINDING_GOOD}, {810, FINDING_BAD, FINDING_GOOD},
        {960, FINDING_BAD, FINDING_BAD},   {860, FINDING_BAD, FINDING_BAD},
        {840, FINDING_BAD, FINDING_GOOD},  {710, FINDING_BAD, FINDING_GOOD},
        {690, FINDING_GOOD, FINDING_GOOD}, {750, FINDING_GOOD, FINDING_GOOD},
    };
    void *d = detector_site_devices.open(&settings, NULL);
    struct device_record r = status(DEVICE_UP);
    detector_site_devices.device(d, &r, &out);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        r = port(steps[i].permille);
        detector_site_devices.device(d, &r, &out);
        assert_int_equal(last(ALERT_SNMP_IF_USAGE_HIGH), steps[i].high);
        assert_int_equal(last(ALERT_SNMP_IF_USAGE_CRITICAL), steps[i].critical);
    }
    assert_string_equal(found.last[ALERT_SNMP_IF_USAGE_HIGH].entity_id, "core Gi1/0/1");
    detector_site_devices.close(d);
}

static void a_port_that_never_was_up_is_not_lost(void **state)
{
    (void)state;
    void *d = detector_site_devices.open(&settings, NULL);
    struct device_record r = port(0);
    r.interface.oper = OPER_DOWN;
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(found.count[ALERT_SNMP_IF_OPER_CHANGE], 0);
    r.interface.oper = OPER_UP;
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(last(ALERT_SNMP_IF_OPER_CHANGE), FINDING_GOOD);
    r.interface.oper = OPER_DOWN;
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(last(ALERT_SNMP_IF_OPER_CHANGE), FINDING_BAD);
    r.interface.admin = ADMIN_DOWN; /* somebody has switched it off: that is no loss */
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(last(ALERT_SNMP_IF_OPER_CHANGE), FINDING_GOOD);
    assert_int_equal(last(ALERT_SNMP_IF_ADMIN_CHANGE), FINDING_EVENT);
    detector_site_devices.close(d);
}

static void errors_count_from_one_in_a_thousand_on(void **state)
{
    (void)state;
    void *d = detector_site_devices.open(&settings, NULL);
    struct device_record r = port(10);
    r.interface.in.errors = 1000; /* of a million packets: just the limit */
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(last(ALERT_SNMP_IF_ERRORS), FINDING_GOOD);
    r.interface.out.errors = 1;
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(last(ALERT_SNMP_IF_ERRORS), FINDING_BAD);
    r.interface.in = (struct interface_counts){.packets = 10, .errors = 3}; /* too few to tell */
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(last(ALERT_SNMP_IF_ERRORS), FINDING_GOOD);
    detector_site_devices.close(d);
}

static void a_busy_device_and_one_that_began_anew_are_told(void **state)
{
    (void)state;
    void *d = detector_site_devices.open(&settings, NULL);
    struct device_record r = status(DEVICE_UP);
    r.status.cpu = 900;
    r.status.memory_used = 950000;
    r.status.memory_total = 1000000;
    r.status.restarted = true;
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(last(ALERT_SNMP_CPU_HIGH), FINDING_BAD);
    assert_int_equal(last(ALERT_SNMP_MEMORY_HIGH), FINDING_BAD);
    assert_int_equal(last(ALERT_SNMP_DEVICE_RESTART), FINDING_EVENT);
    r.status.cpu = 800; /* between the two thresholds: as it was */
    r.status.memory_used = 840000;
    detector_site_devices.device(d, &r, &out);
    assert_int_equal(last(ALERT_SNMP_CPU_HIGH), FINDING_BAD);
    assert_int_equal(last(ALERT_SNMP_MEMORY_HIGH), FINDING_GOOD);
    detector_site_devices.close(d);
}

static struct probe_record run(enum probe_kind kind, enum probe_state state)
{
    return (struct probe_record){.probe = "3",
                                 .name = "shop",
                                 .target = "shop.example",
                                 .kind = (uint8_t)kind,
                                 .state = (uint8_t)state,
                                 .at_ns = START_NS,
                                 .warn_days = 21};
}

static void a_certificate_is_judged_by_the_days_that_are_set(void **state)
{
    (void)state;
    enum { DAY_S = 86400 };
    const uint64_t now_s = START_NS / NS_PER_S;
    struct probe_record r = run(PROBE_HTTP, PROBE_OK);
    r.cert_end_s = now_s + 22ull * DAY_S;
    detector_site_probes.probe(NULL, &r, &out);
    assert_int_equal(last(ALERT_AM_CERT_EXPIRY), FINDING_GOOD);
    r.cert_end_s = now_s + 20ull * DAY_S;
    detector_site_probes.probe(NULL, &r, &out);
    assert_int_equal(last(ALERT_AM_CERT_EXPIRY), FINDING_BAD);
    r = run(PROBE_HTTP, PROBE_BAD_CERTIFICATE); /* it has ended: the page is down as well */
    r.cert_end_s = now_s - DAY_S;
    detector_site_probes.probe(NULL, &r, &out);
    assert_int_equal(last(ALERT_AM_CERT_EXPIRY), FINDING_BAD);
    assert_int_equal(last(ALERT_AM_HTTP_DOWN), FINDING_BAD);
}

static void a_page_with_the_wrong_status_is_there_but_not_well(void **state)
{
    (void)state;
    struct probe_record r = run(PROBE_HTTP, PROBE_WRONG_STATUS);
    r.rtt_us = 3000000;
    detector_site_probes.probe(NULL, &r, &out);
    assert_int_equal(last(ALERT_AM_HTTP_DOWN), FINDING_GOOD);
    assert_int_equal(last(ALERT_AM_HTTP_STATUS), FINDING_BAD);
    assert_int_equal(last(ALERT_AM_HTTP_SLOW), FINDING_BAD);
    r = run(PROBE_HTTP, PROBE_WRONG_CONTENT);
    detector_site_probes.probe(NULL, &r, &out);
    assert_int_equal(last(ALERT_AM_HTTP_STATUS), FINDING_GOOD);
    assert_int_equal(last(ALERT_AM_HTTP_CONTENT), FINDING_BAD);
}

static void echoes_and_ports_are_told_apart_and_a_limit_is_kept(void **state)
{
    (void)state;
    struct probe_record r = run(PROBE_ICMP, PROBE_OK);
    r.sent = 10;
    r.received = 7;
    r.rtt_us = 30000;
    r.limit_us = 20000;
    detector_site_probes.probe(NULL, &r, &out);
    assert_int_equal(last(ALERT_AM_ICMP_LOSS), FINDING_BAD);
    assert_int_equal(last(ALERT_AM_ICMP_UNREACHABLE), FINDING_GOOD);
    assert_int_equal(last(ALERT_AM_RTT_THRESHOLD), FINDING_BAD);
    r = run(PROBE_TCP, PROBE_REFUSED);
    detector_site_probes.probe(NULL, &r, &out);
    assert_int_equal(last(ALERT_AM_TCP_PORT_DOWN), FINDING_BAD);
    assert_string_equal(found.last[ALERT_AM_TCP_PORT_DOWN].key, "shop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(silence_is_no_judgement_on_credentials, forget_findings),
        cmocka_unit_test_setup(a_full_interface_stays_full_until_below_the_lower_threshold,
                               forget_findings),
        cmocka_unit_test_setup(a_port_that_never_was_up_is_not_lost, forget_findings),
        cmocka_unit_test_setup(errors_count_from_one_in_a_thousand_on, forget_findings),
        cmocka_unit_test_setup(a_busy_device_and_one_that_began_anew_are_told, forget_findings),
        cmocka_unit_test_setup(a_certificate_is_judged_by_the_days_that_are_set, forget_findings),
        cmocka_unit_test_setup(a_page_with_the_wrong_status_is_there_but_not_well, forget_findings),
        cmocka_unit_test_setup(echoes_and_ports_are_told_apart_and_a_limit_is_kept,
                               forget_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
