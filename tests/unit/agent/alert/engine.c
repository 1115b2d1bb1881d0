/* Unit tests of agent/alert: the life of alerts. */
#include "agent/alert/engine.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_NS (1700000000ULL * NS_PER_S)

struct told {
    unsigned engaged, released, events;
    struct wire_alert last;
};

static void take(const struct wire_alert *alert, void *arg)
{
    struct told *told = arg;
    told->engaged += alert->action == ALERT_ENGAGE ? 1 : 0;
    told->released += alert->action == ALERT_RELEASE ? 1 : 0;
    told->events += alert->action == ALERT_EVENT ? 1 : 0;
    told->last = *alert;
}

static uint64_t second(uint64_t n)
{
    return START_NS + n * NS_PER_S;
}

static struct alert_engine *engine_at(const char *path, struct told *told, uint64_t now_ns)
{
    struct alert_options options = {.path = path, .name = "office-3", .take = take, .arg = told};
    struct alert_engine *a = alert_engine_open(&options, now_ns, NULL);
    assert_non_null(a);
    return a;
}

static struct finding finding_of(uint16_t kind, enum finding_action action, uint64_t at_ns)
{
    struct finding f = {
        .kind = kind, .action = (uint8_t)action, .entity = ENTITY_INTERFACE, .at_ns = at_ns};
    (void)snprintf(f.entity_id, sizeof f.entity_id, "eth0");
    (void)snprintf(f.detail, sizeof f.detail, "2 %% dropped");
    return f;
}

static void judge(struct alert_engine *a, uint16_t kind, enum finding_action action, uint64_t at_s)
{
    struct finding f = finding_of(kind, action, second(at_s));
    alert_engine_take(a, &f);
    alert_engine_tick(a, second(at_s));
}

static void a_condition_that_lasts_engages_once(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    for (uint64_t s = 0; s < 50; s += 10) {
        judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_BAD, s);
    }
    assert_int_equal(told.engaged, 1);
    assert_int_equal(alert_engine_engaged(a), 1);
    assert_int_equal(told.last.since_ns, second(0));
    assert_int_equal(told.last.score, alert_kind_find(ALERT_INTERFACE_PACKET_DROPS)->score);
    assert_string_equal(told.last.entity_id, "eth0");
    alert_engine_close(a);
}

static void one_that_lasts_long_is_told_anew_every_minute(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    for (uint64_t s = 0; s <= 180; s += 10) {
        judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_BAD, s);
    }
    assert_int_equal(told.engaged, 4);
    assert_int_equal(told.last.since_ns, second(0));
    alert_engine_close(a);
}

static void it_is_released_only_after_the_hold_time(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_BAD, 0);
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_GOOD, 10);
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_GOOD, 20);
    assert_int_equal(told.released, 0);
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_GOOD, 30);
    assert_int_equal(told.released, 1);
    assert_int_equal(told.last.since_ns, second(0));
    assert_int_equal(told.last.at_ns, second(30));
    assert_int_equal(alert_engine_engaged(a), 0);
    alert_engine_close(a);
}

static void a_relapse_within_the_hold_time_keeps_it(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_BAD, 0);
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_GOOD, 20);
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_BAD, 25);
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_GOOD, 35);
    assert_int_equal(told.engaged, 1);
    assert_int_equal(told.released, 0);
    alert_engine_close(a);
}

static void two_bad_judgements_of_three_are_needed_where_the_rule_says_so(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    judge(a, ALERT_AGENT_SPOOL_GROWING, FINDING_BAD, 0);
    judge(a, ALERT_AGENT_SPOOL_GROWING, FINDING_GOOD, 10);
    judge(a, ALERT_AGENT_SPOOL_GROWING, FINDING_GOOD, 20);
    judge(a, ALERT_AGENT_SPOOL_GROWING, FINDING_BAD, 30);
    assert_int_equal(told.engaged, 0);
    judge(a, ALERT_AGENT_SPOOL_GROWING, FINDING_GOOD, 40);
    judge(a, ALERT_AGENT_SPOOL_GROWING, FINDING_BAD, 50);
    assert_int_equal(told.engaged, 1);
    alert_engine_close(a);
}

static void a_scan_is_released_a_minute_after_nothing_more_is_told(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    judge(a, ALERT_PORT_SCAN_VERTICAL, FINDING_BAD, 0);
    alert_engine_tick(a, second(59));
    assert_int_equal(told.released, 0);
    alert_engine_tick(a, second(60));
    assert_int_equal(told.released, 1);
    alert_engine_close(a);
}

static void a_clock_set_back_holds_no_alert_until_it_has_caught_up(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(90000));
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_BAD, 90000);
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_BAD, 10);
    assert_int_equal(told.released, 0);
    for (uint64_t s = 20; s <= 60; s += 10) {
        judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_GOOD, s);
    }
    assert_int_equal(told.released, 1);
    alert_engine_close(a);
}

static void alerts_of_one_kind_on_two_keys_are_two(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    struct finding f = finding_of(ALERT_PORT_SCAN_VERTICAL, FINDING_BAD, second(0));
    (void)snprintf(f.key, sizeof f.key, "10.0.0.1");
    alert_engine_take(a, &f);
    (void)snprintf(f.key, sizeof f.key, "10.0.0.2");
    alert_engine_take(a, &f);
    assert_int_equal(told.engaged, 2);
    assert_int_equal(alert_engine_engaged(a), 2);
    alert_engine_close(a);
}

static void old_packet_time_does_not_release_at_once(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(1000000));
    struct finding f = finding_of(ALERT_PORT_SCAN_VERTICAL, FINDING_BAD, second(0));
    alert_engine_take(a, &f);
    alert_engine_tick(a, second(1000001));
    assert_int_equal(told.engaged, 1);
    assert_int_equal(told.released, 0);
    alert_engine_close(a);
}

static void an_alert_on_the_agent_has_its_name(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    struct finding f = {.kind = ALERT_AGENT_STARTED,
                        .action = FINDING_EVENT,
                        .entity = ENTITY_AGENT,
                        .at_ns = second(0)};
    alert_engine_take(a, &f);
    assert_int_equal(told.events, 1);
    assert_string_equal(told.last.entity_id, "office-3");
    alert_engine_close(a);
}

static void beyond_the_cap_conditions_are_refused_and_counted(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    struct finding f = finding_of(ALERT_PORT_SCAN_VERTICAL, FINDING_BAD, second(0));
    for (unsigned i = 0; i < ALERTS_MAX + 5; i++) {
        (void)snprintf(f.key, sizeof f.key, "%u", i);
        alert_engine_take(a, &f);
    }
    assert_int_equal(alert_engine_engaged(a), ALERTS_MAX);
    assert_int_equal(alert_engine_refused(a), 5);
    alert_engine_close(a);
}

/* ---- the state file ---- */

static char path[64];

static int make_path(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/picket-alerts-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0) {
        return -1;
    }
    (void)close(fd);
    return unlink(path);
}

static int remove_path(void **state)
{
    char aside[sizeof path + 8];
    (void)state;
    (void)unlink(path);
    (void)snprintf(aside, sizeof aside, "%s.bad", path);
    (void)unlink(aside);
    return 0;
}

static void an_engaged_alert_survives_a_restart(void **state)
{
    (void)state;
    struct told before = {0};
    struct alert_engine *a = engine_at(path, &before, second(0));
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_BAD, 0);
    alert_engine_close(a);

    struct told after = {0};
    a = engine_at(path, &after, second(3600));
    assert_int_equal(alert_engine_engaged(a), 1);
    alert_engine_tick(a, second(3601));
    assert_int_equal(after.engaged + after.released, 0); /* not told again, not released */
    size_t at = 0;
    const struct alert_state *s = alert_engine_next(a, &at);
    assert_non_null(s);
    assert_int_equal(s->since_ns, second(0));
    assert_string_equal(s->detail, "2 % dropped");
    alert_engine_close(a);
}

static void after_a_restart_a_fresh_judgement_releases_it(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(path, &told, second(0));
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_BAD, 0);
    alert_engine_close(a);

    a = engine_at(path, &told, second(3600));
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_GOOD, 3610);
    assert_int_equal(told.released, 0); /* the hold time counts from the restart */
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_GOOD, 3630);
    assert_int_equal(told.released, 1);
    assert_int_equal(told.last.since_ns, second(0));
    alert_engine_close(a);

    a = engine_at(path, &told, second(4000));
    assert_int_equal(alert_engine_engaged(a), 0);
    alert_engine_close(a);
}

static void after_a_restart_one_that_nobody_judges_is_released_in_its_quiet_time(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(path, &told, second(0));
    judge(a, ALERT_PORT_SCAN_VERTICAL, FINDING_BAD, 0);
    alert_engine_close(a);

    a = engine_at(path, &told, second(3600));
    alert_engine_tick(a, second(3659));
    assert_int_equal(told.released, 0);
    alert_engine_tick(a, second(3660));
    assert_int_equal(told.released, 1);
    alert_engine_close(a);
}

static void write_state(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void a_torn_state_file_is_put_aside(void **state)
{
    (void)state;
    struct told told = {0};
    write_state("{\"v\":1,\"alerts\":[{\"kind\":");
    struct alert_engine *a = engine_at(path, &told, second(0));
    assert_int_equal(alert_engine_engaged(a), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    alert_engine_close(a);
}

static bool has_seven(const char *id, void *arg)
{
    (void)arg;
    return strcmp(id, "7") == 0;
}

static void engage_of(struct alert_engine *a, const char *owner)
{
    struct finding f = finding_of(ALERT_AM_CERT_EXPIRY, FINDING_BAD, second(0));
    (void)snprintf(f.key, sizeof f.key, "%s", owner);
    (void)snprintf(f.owner, sizeof f.owner, "%s", owner);
    alert_engine_take(a, &f);
}

static void what_hangs_on_a_deleted_item_is_released_also_after_a_restart(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(path, &told, second(0));
    engage_of(a, "snmp/7");
    engage_of(a, "snmp/8");
    engage_of(a, "probe/8");
    engage_of(a, "");
    alert_engine_flush(a, second(1));
    alert_engine_close(a);
    a = engine_at(path, &told, second(2));
    assert_int_equal(alert_engine_engaged(a), 4);
    alert_engine_keep(a, "snmp/", has_seven, NULL, second(3));
    assert_int_equal(told.released, 1);
    assert_string_equal(told.last.key, "snmp/8");
    assert_int_equal(alert_engine_engaged(a), 3);
    alert_engine_close(a);
}

/* ---- conditions of a flow ---- */

/* A call that sounds bad, or well again. */
static void judge_call(struct alert_engine *a, enum finding_action action, uint64_t at_s)
{
    struct flow_record flow = {.flow_id = 7};
    flow.key.family = (uint8_t)addr_parse("192.0.2.10", &flow.key.client);
    assert_int_equal(addr_parse("192.0.2.20", &flow.key.server), flow.key.family);
    flow.key.protocol = 17;
    flow.key.client_port = 40000;
    flow.key.server_port = 30000;
    (void)snprintf(flow.protocol, sizeof flow.protocol, "RTP");
    (void)snprintf(flow.app, sizeof flow.app, "SIP call");
    (void)snprintf(flow.host, sizeof flow.host, "pbx.example");
    struct finding f = {.kind = ALERT_RTP_MOS_BAD,
                        .action = (uint8_t)action,
                        .entity = ENTITY_FLOW,
                        .at_ns = second(at_s),
                        .flow = &flow};
    (void)snprintf(f.entity_id, sizeof f.entity_id, "7");
    (void)snprintf(f.key, sizeof f.key, "s2c");
    alert_engine_take(a, &f);
    alert_engine_tick(a, second(at_s));
}

static void assert_names_the_call(const struct wire_alert *alert)
{
    char client[ADDR_TEXT_SIZE], server[ADDR_TEXT_SIZE];
    const enum addr_family family = (enum addr_family)alert->flow.family;
    assert_true(alert->has_flow);
    assert_int_equal(alert->flow_id, 7);
    assert_string_equal(addr_format(family, &alert->flow.client, client), "192.0.2.10");
    assert_string_equal(addr_format(family, &alert->flow.server, server), "192.0.2.20");
    assert_int_equal(alert->flow.client_port, 40000);
    assert_int_equal(alert->flow.server_port, 30000);
    assert_int_equal(alert->flow.protocol, 17);
    assert_string_equal(alert->protocol, "RTP");
    assert_string_equal(alert->app, "SIP call");
    assert_string_equal(alert->host, "pbx.example");
}

static void a_bad_call_says_whose_it_is_to_its_end(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    judge_call(a, FINDING_BAD, 0);
    judge_call(a, FINDING_BAD, 10);
    assert_int_equal(told.engaged, 1);
    assert_names_the_call(&told.last);
    judge_call(a, FINDING_GOOD, 1000);
    assert_int_equal(told.released, 1);
    assert_names_the_call(&told.last);
    alert_engine_close(a);
}

static void it_says_so_also_after_a_restart(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(path, &told, second(0));
    judge_call(a, FINDING_BAD, 0);
    judge_call(a, FINDING_BAD, 10);
    judge(a, ALERT_INTERFACE_PACKET_DROPS, FINDING_BAD, 11); /* on no flow */
    alert_engine_close(a);

    told = (struct told){0};
    a = engine_at(path, &told, second(3600));
    assert_int_equal(alert_engine_engaged(a), 2);
    judge_call(a, FINDING_GOOD, 3601);
    assert_int_equal(told.released, 1);
    assert_names_the_call(&told.last);
    alert_engine_tick(a, second(36000));
    assert_int_equal(told.released, 2);
    assert_false(told.last.has_flow);
    alert_engine_close(a);
}

static void an_older_file_is_read_without_its_flows(void **state)
{
    (void)state;
    struct told told = {0};
    write_state("{\"v\":1,\"alerts\":[{\"kind\":92,\"entity\":1,\"id\":\"7\",\"key\":\"s2c\","
                "\"since_ns\":5,\"count\":1,\"detail\":\"MOS 2.1\",\"owner\":\"\"}]}");
    struct alert_engine *a = engine_at(path, &told, second(0));
    assert_int_equal(alert_engine_engaged(a), 1);
    judge_call(a, FINDING_GOOD, 1000);
    assert_int_equal(told.released, 1);
    assert_false(told.last.has_flow);
    alert_engine_close(a);
}

static void a_file_with_a_wrong_flow_is_put_aside(void **state)
{
    (void)state;
    struct told told = {0};
    write_state("{\"v\":1,\"alerts\":[{\"kind\":92,\"entity\":1,\"id\":\"7\",\"key\":\"s2c\","
                "\"since_ns\":5,\"count\":1,\"detail\":\"MOS 2.1\",\"owner\":\"\","
                "\"flow\":{\"id\":\"7\",\"client\":\"192.0.2.10\",\"server\":\"nobody\"}}]}");
    struct alert_engine *a = engine_at(path, &told, second(0));
    assert_int_equal(alert_engine_engaged(a), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    alert_engine_close(a);
}

/* ---- flow alerts ---- */

static struct flow_record flow_number(uint16_t client_port)
{
    struct flow_record r = {.flow_id = client_port};
    r.key.family = ADDR_IPV4;
    r.key.protocol = 6;
    r.key.client_port = client_port;
    r.key.server_port = 443;
    r.key.client.bytes[0] = 10;
    r.key.server.bytes[0] = 192;
    (void)snprintf(r.app, sizeof r.app, "TLS");
    (void)snprintf(r.host, sizeof r.host, "server.example");
    return r;
}

static void flow_event(struct alert_engine *a, uint16_t kind, uint16_t client_port, uint64_t at_s)
{
    struct flow_record flow = flow_number(client_port);
    struct finding f = {.kind = kind,
                        .action = FINDING_EVENT,
                        .entity = ENTITY_FLOW,
                        .at_ns = second(at_s),
                        .flow = &flow};
    (void)snprintf(f.entity_id, sizeof f.entity_id, "%u", client_port);
    alert_engine_take(a, &f);
}

static void a_storm_of_like_flow_alerts_is_told_twice_a_minute(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    for (uint16_t i = 1; i <= 1000; i++) {
        flow_event(a, ALERT_NDPI_TLS_WEAK_CIPHER, i, 0);
    }
    assert_int_equal(told.events, 1);
    assert_true(told.last.has_flow);
    assert_int_equal(told.last.flow.client_port, 1);
    alert_engine_tick(a, second(60));
    assert_int_equal(told.events, 2);
    assert_int_equal(told.last.flow_id, 1000);
    assert_string_equal(told.last.entity_id, "1000");
    assert_string_equal(told.last.host, "server.example");
    assert_non_null(strstr(told.last.detail, "999 times more"));
    assert_int_equal(alert_engine_flow_alerts(a), 1);
    alert_engine_close(a);
}

/* On one flow, broken rule by rule. */
static void rule_event(struct alert_engine *a, const char *rule, uint64_t flow_id)
{
    struct flow_record flow = {.flow_id = flow_id};
    struct finding f = {.kind = ALERT_ACL_VIOLATION,
                        .action = FINDING_EVENT,
                        .entity = ENTITY_FLOW,
                        .at_ns = second(0),
                        .flow = &flow};
    (void)snprintf(f.key, sizeof f.key, "%s", rule);
    (void)snprintf(f.detail, sizeof f.detail, "Rule \"%s\" denies it", rule);
    alert_engine_take(a, &f);
}

static void rules_are_told_apart_and_the_summary_names_its_own(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    rule_event(a, "one", 1);
    rule_event(a, "two", 1);
    assert_int_equal(told.events, 2);
    rule_event(a, "one", 2);
    alert_engine_tick(a, second(60));
    assert_int_equal(told.events, 3);
    assert_string_equal(told.last.key, "one");
    assert_non_null(strstr(told.last.detail, "Rule \"one\" denies it; seen 1 times more"));
    alert_engine_close(a);
}

static void another_kind_or_the_next_quiet_minute_is_told_again(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    flow_event(a, ALERT_NDPI_TLS_WEAK_CIPHER, 1, 0);
    flow_event(a, ALERT_NDPI_TLS_OBSOLETE_VERSION, 1, 0);
    assert_int_equal(told.events, 2);
    alert_engine_tick(a, second(61));
    assert_int_equal(told.events, 2); /* nothing was held back */
    flow_event(a, ALERT_NDPI_TLS_WEAK_CIPHER, 2, 62);
    assert_int_equal(told.events, 3);
    alert_engine_close(a);
}

static void what_was_held_back_is_told_at_the_end(void **state)
{
    (void)state;
    struct told told = {0};
    struct alert_engine *a = engine_at(NULL, &told, second(0));
    flow_event(a, ALERT_NDPI_TLS_WEAK_CIPHER, 1, 0);
    flow_event(a, ALERT_NDPI_TLS_WEAK_CIPHER, 2, 1);
    alert_engine_flush(a, second(2));
    assert_int_equal(told.events, 2);
    assert_non_null(strstr(told.last.detail, "1 times more"));
    alert_engine_close(a);
}

int main(void)
{
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_path, remove_path)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_condition_that_lasts_engages_once),
        cmocka_unit_test(one_that_lasts_long_is_told_anew_every_minute),
        cmocka_unit_test(it_is_released_only_after_the_hold_time),
        cmocka_unit_test(a_relapse_within_the_hold_time_keeps_it),
        cmocka_unit_test(two_bad_judgements_of_three_are_needed_where_the_rule_says_so),
        cmocka_unit_test(a_scan_is_released_a_minute_after_nothing_more_is_told),
        cmocka_unit_test(a_clock_set_back_holds_no_alert_until_it_has_caught_up),
        cmocka_unit_test(alerts_of_one_kind_on_two_keys_are_two),
        cmocka_unit_test(old_packet_time_does_not_release_at_once),
        cmocka_unit_test(an_alert_on_the_agent_has_its_name),
        cmocka_unit_test(beyond_the_cap_conditions_are_refused_and_counted),
        FILE_TEST(an_engaged_alert_survives_a_restart),
        FILE_TEST(after_a_restart_a_fresh_judgement_releases_it),
        FILE_TEST(after_a_restart_one_that_nobody_judges_is_released_in_its_quiet_time),
        FILE_TEST(a_torn_state_file_is_put_aside),
        FILE_TEST(what_hangs_on_a_deleted_item_is_released_also_after_a_restart),
        cmocka_unit_test(a_bad_call_says_whose_it_is_to_its_end),
        FILE_TEST(it_says_so_also_after_a_restart),
        FILE_TEST(an_older_file_is_read_without_its_flows),
        FILE_TEST(a_file_with_a_wrong_flow_is_put_aside),
        cmocka_unit_test(a_storm_of_like_flow_alerts_is_told_twice_a_minute),
        cmocka_unit_test(rules_are_told_apart_and_the_summary_names_its_own),
        cmocka_unit_test(another_kind_or_the_next_quiet_minute_is_told_again),
        cmocka_unit_test(what_was_held_back_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
