/* Unit tests of agent/detect: the capture, the agent itself, nDPI's risks. */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define START_NS (1700000000ULL * NS_PER_S)

static const struct detect_settings settings = {
    .scan_ports = 20, .scan_hosts = 50, .window_ns = 60ULL * NS_PER_S};

/* The last finding of each kind. */
struct found {
    unsigned count[1024];
    struct finding last[1024];
};

static void take(const struct finding *f, void *arg)
{
    struct found *found = arg;
    assert_true(f->kind < 1024);
    found->count[f->kind]++;
    found->last[f->kind] = *f;
}

static struct found found;
static const struct finding_sink out = {.take = take, .arg = &found};

static int forget_findings(void **state)
{
    (void)state;
    memset(&found, 0, sizeof found);
    return 0;
}

static struct agent_sample sample_at(uint64_t second, uint64_t packets, uint64_t dropped)
{
    struct agent_sample s = {.now_ns = START_NS + second * NS_PER_S,
                             .source_count = 1,
                             .engine_generation = 1,
                             .control_generation = 1,
                             .flows_max = 100};
    (void)snprintf(s.sources[0].name, sizeof s.sources[0].name, "eth0");
    s.sources[0].state = SAMPLE_SOURCE_RUNNING;
    s.sources[0].packets = packets;
    s.sources[0].dropped = dropped;
    return s;
}

static void more_than_one_percent_of_drops_is_bad_until_below_half_of_it(void **state)
{
    (void)state;
    void *capture = detector_site_capture.open(&settings, NULL);
    uint64_t dropped = 0;
    for (uint64_t i = 0; i < 20; i++) {
        dropped += i < 6 ? 20 : 0; /* 2 % of a thousand packets in ten seconds */
        struct agent_sample s = sample_at(i * 10, i * 1000, dropped);
        detector_site_capture.tick(capture, &s, &out);
        const struct finding *f = &found.last[ALERT_INTERFACE_PACKET_DROPS];
        if (i == 3) {
            assert_int_equal(f->action, FINDING_BAD);
            assert_string_equal(f->entity_id, "eth0");
        }
        if (i == 8) { /* between the thresholds: 60 of 6,060 in the last minute */
            assert_int_equal(f->action, FINDING_BAD);
        }
    }
    assert_int_equal(found.last[ALERT_INTERFACE_PACKET_DROPS].action, FINDING_GOOD);
    detector_site_capture.close(capture);
}

static void a_clock_set_back_is_no_silence_and_stops_no_judging(void **state)
{
    (void)state;
    void *capture = detector_site_capture.open(&settings, NULL);
    for (uint64_t i = 1; i < 4; i++) {
        struct agent_sample s = sample_at(100000 + i * 10, i * 1000, 0);
        detector_site_capture.tick(capture, &s, &out);
    }
    unsigned before = found.count[ALERT_INTERFACE_NO_TRAFFIC];
    for (uint64_t i = 0; i < 3; i++) {
        struct agent_sample s = sample_at(i * 10, 3000, 0);
        detector_site_capture.tick(capture, &s, &out);
    }
    assert_int_equal(found.count[ALERT_INTERFACE_NO_TRAFFIC], before + 3);
    assert_int_equal(found.last[ALERT_INTERFACE_NO_TRAFFIC].action, FINDING_GOOD);
    detector_site_capture.close(capture);
}

static void a_handful_of_drops_is_no_loss(void **state)
{
    (void)state;
    void *capture = detector_site_capture.open(&settings, NULL);
    for (uint64_t i = 0; i < 7; i++) {
        struct agent_sample s = sample_at(i * 10, i * 10, i);
        detector_site_capture.tick(capture, &s, &out);
    }
    assert_int_equal(found.last[ALERT_INTERFACE_PACKET_DROPS].action, FINDING_GOOD);
    detector_site_capture.close(capture);
}

static void a_failed_source_says_why(void **state)
{
    (void)state;
    void *capture = detector_site_capture.open(&settings, NULL);
    struct agent_sample s = sample_at(0, 0, 0);
    s.sources[0].state = SAMPLE_SOURCE_FAILED;
    (void)snprintf(s.sources[0].error, sizeof s.sources[0].error, "no such device");
    detector_site_capture.tick(capture, &s, &out);
    const struct finding *f = &found.last[ALERT_INTERFACE_NO_TRAFFIC];
    assert_int_equal(f->action, FINDING_BAD);
    assert_non_null(strstr(f->detail, "no such device"));
    detector_site_capture.close(capture);
}

static void silence_is_told_only_where_there_was_traffic(void **state)
{
    (void)state;
    void *capture = detector_site_capture.open(&settings, NULL);
    for (uint64_t i = 0; i < 100; i++) { /* never a packet */
        struct agent_sample s = sample_at(i * 10, 0, 0);
        detector_site_capture.tick(capture, &s, &out);
    }
    assert_int_equal(found.last[ALERT_INTERFACE_NO_TRAFFIC].action, FINDING_GOOD);
    struct agent_sample s = sample_at(1000, 5, 0);
    detector_site_capture.tick(capture, &s, &out);
    s = sample_at(1290, 5, 0);
    detector_site_capture.tick(capture, &s, &out);
    assert_int_equal(found.last[ALERT_INTERFACE_NO_TRAFFIC].action, FINDING_GOOD);
    s = sample_at(1310, 5, 0);
    detector_site_capture.tick(capture, &s, &out);
    assert_int_equal(found.last[ALERT_INTERFACE_NO_TRAFFIC].action, FINDING_BAD);
    detector_site_capture.close(capture);
}

static void packets_without_a_flow_mean_a_full_table(void **state)
{
    (void)state;
    void *capture = detector_site_capture.open(&settings, NULL);
    struct agent_sample s = sample_at(0, 0, 0);
    detector_site_capture.tick(capture, &s, &out);
    assert_int_equal(found.last[ALERT_FLOW_TABLE_FULL].action, FINDING_GOOD);
    s = sample_at(10, 0, 0);
    s.table_dropped = 1;
    s.flows = 85;
    detector_site_capture.tick(capture, &s, &out);
    assert_int_equal(found.last[ALERT_FLOW_TABLE_FULL].action, FINDING_BAD);
    s.now_ns += 10ULL * NS_PER_S; /* still nearly full */
    detector_site_capture.tick(capture, &s, &out);
    assert_int_equal(found.last[ALERT_FLOW_TABLE_FULL].action, FINDING_BAD);
    s.now_ns += 10ULL * NS_PER_S;
    s.flows = 10;
    detector_site_capture.tick(capture, &s, &out);
    assert_int_equal(found.last[ALERT_FLOW_TABLE_FULL].action, FINDING_GOOD);
    detector_site_capture.close(capture);
}

static void another_configuration_is_told_once_and_the_first_one_not(void **state)
{
    (void)state;
    void *agent = detector_site_agent.open(&settings, NULL);
    struct agent_sample s = sample_at(0, 0, 0);
    s.config_revision = 5;
    detector_site_agent.tick(agent, &s, &out);
    assert_int_equal(found.count[ALERT_AGENT_CONFIG_CHANGED], 0);
    for (uint64_t i = 1; i < 4; i++) {
        s.now_ns += NS_PER_S;
        s.config_revision = 6;
        detector_site_agent.tick(agent, &s, &out);
    }
    assert_int_equal(found.count[ALERT_AGENT_CONFIG_CHANGED], 1);
    s.reloads = 1;
    detector_site_agent.tick(agent, &s, &out);
    detector_site_agent.tick(agent, &s, &out);
    assert_int_equal(found.count[ALERT_AGENT_CONFIG_CHANGED], 2);
    detector_site_agent.close(agent);
}

static void a_first_sample_tells_that_the_agent_started(void **state)
{
    (void)state;
    void *agent = detector_site_agent.open(&settings, NULL);
    struct agent_sample s = sample_at(0, 0, 0);
    detector_site_agent.tick(agent, &s, &out);
    detector_site_agent.tick(agent, &s, &out);
    assert_int_equal(found.count[ALERT_AGENT_STARTED], 1);
    assert_int_equal(found.count[ALERT_AGENT_CRASHED], 0);
    detector_site_agent.close(agent);
}

static void a_control_that_came_back_is_told_as_a_crash_of_control(void **state)
{
    (void)state;
    void *agent = detector_site_agent.open(&settings, NULL);
    struct agent_sample s = sample_at(0, 0, 0);
    s.control_generation = 2;
    s.engine_generation = 5;
    detector_site_agent.tick(agent, &s, &out);
    assert_int_equal(found.count[ALERT_AGENT_STARTED], 0);
    assert_int_equal(found.count[ALERT_AGENT_CRASHED], 1);
    assert_string_equal(found.last[ALERT_AGENT_CRASHED].key, "control");
    detector_site_agent.close(agent);
}

static void a_new_engine_after_a_signal_is_told_with_the_dissector(void **state)
{
    (void)state;
    void *agent = detector_site_agent.open(&settings, NULL);
    struct agent_sample s = sample_at(0, 0, 0);
    detector_site_agent.tick(agent, &s, &out);
    s.engine_generation = 2;
    s.engine_exit = SIGSEGV;
    (void)snprintf(s.engine_in_hand, sizeof s.engine_in_hand, "TLS");
    detector_site_agent.tick(agent, &s, &out);
    assert_int_equal(found.count[ALERT_AGENT_CRASHED], 1);
    const struct finding *f = &found.last[ALERT_AGENT_CRASHED];
    assert_non_null(strstr(f->detail, "signal SEGV"));
    assert_non_null(strstr(f->detail, "TLS"));
    assert_null(strstr(f->detail, "switched off"));
    s.engine_generation = 3;
    s.engine_switched_off = true;
    detector_site_agent.tick(agent, &s, &out);
    assert_non_null(
        strstr(f->detail, "dissector at work: TLS, for the second time: it is switched off"));
    detector_site_agent.close(agent);
}

static void an_engine_restarted_for_new_settings_is_no_crash(void **state)
{
    (void)state;
    void *agent = detector_site_agent.open(&settings, NULL);
    struct agent_sample s = sample_at(0, 0, 0);
    detector_site_agent.tick(agent, &s, &out);
    s.engine_generation = 2; /* wait status 0: it ended in order */
    detector_site_agent.tick(agent, &s, &out);
    assert_int_equal(found.count[ALERT_AGENT_CRASHED], 0);
    detector_site_agent.close(agent);
}

static void each_new_risk_is_one_finding_of_its_number(void **state)
{
    (void)state;
    struct record r = {.at_ns = START_NS, .kind = RECORD_RISK};
    r.new_risks = 1ULL << 7 | 1ULL << 36 | 1ULL << 63; /* 63 is in no catalogue */
    r.flow.flow_id = 99;
    (void)snprintf(r.flow.host, sizeof r.flow.host, "www.example");
    detector_flow_risk.observe(NULL, &r, &out);
    assert_int_equal(found.count[7], 1);
    assert_int_equal(found.count[36], 1);
    assert_int_equal(found.count[63], 0);
    assert_int_equal(found.last[7].action, FINDING_EVENT);
    assert_string_equal(found.last[7].entity_id, "99");
    assert_string_equal(found.last[7].detail, "www.example");
}

static void a_flow_record_repeats_no_risk(void **state)
{
    (void)state;
    struct record r = {.at_ns = START_NS, .kind = RECORD_FLOW};
    r.new_risks = r.flow.risks = 1ULL << 7;
    detector_flow_risk.observe(NULL, &r, &out);
    assert_int_equal(found.count[7], 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, forget_findings)
    const struct CMUnitTest tests[] = {
        TEST(more_than_one_percent_of_drops_is_bad_until_below_half_of_it),
        TEST(a_handful_of_drops_is_no_loss),
        TEST(a_failed_source_says_why),
        TEST(silence_is_told_only_where_there_was_traffic),
        TEST(packets_without_a_flow_mean_a_full_table),
        TEST(another_configuration_is_told_once_and_the_first_one_not),
        TEST(a_first_sample_tells_that_the_agent_started),
        TEST(a_control_that_came_back_is_told_as_a_crash_of_control),
        TEST(a_new_engine_after_a_signal_is_told_with_the_dissector),
        TEST(an_engine_restarted_for_new_settings_is_no_crash),
        TEST(each_new_risk_is_one_finding_of_its_number),
        TEST(a_flow_record_repeats_no_risk),
        TEST(a_clock_set_back_is_no_silence_and_stops_no_judging),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
