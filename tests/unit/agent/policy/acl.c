/* Unit tests of the access control list: order, conditions, and when a judgement is certain. */
#include "agent/policy/acl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/agent/policy/scene.h"

static struct acl acl;

static void take(const char *text)
{
    struct err e = {0};
    json_t *items = json_loads(text, 0, NULL);
    assert_non_null(items);
    assert_int_equal(acl_take(&acl, items, &e), 0);
    json_decref(items);
}

static int forget(void **state)
{
    (void)state;
    acl_done(&acl);
    return 0;
}

/* The name of the rule that denies, "" for none. */
static const char *judge(const struct record *record)
{
    struct rule_flow f = scene_flow(record);
    const struct acl_entry *entry = acl_judge(&acl, &f);
    return entry != NULL ? entry->head.name : "";
}

#define RULE(id, name, rest) "{\"id\":" #id ",\"name\":\"" name "\"," rest "}"

static void the_first_rule_that_matches_decides(void **state)
{
    (void)state;
    take("[" RULE(1, "admins", "\"action\":\"allow\",\"client\":[\"10.0.0.5\"]") "," RULE(
        2, "ssh",
        "\"action\":\"deny\",\"server_ports\":[\"22\"]") "," RULE(3, "rest",
                                                                  "\"action\":\"deny\",\"server\":[\"10.0.0.9\"]") "]");
    struct record admin = scene_record("10.0.0.5", 4000, "10.0.0.9", 22, IPPROTO_TCP, "SSH");
    struct record other = scene_record("10.0.0.6", 4000, "10.0.0.9", 22, IPPROTO_TCP, "SSH");
    struct record web = scene_record("10.0.0.6", 4000, "10.0.0.9", 80, IPPROTO_TCP, "HTTP");
    struct record far = scene_record("10.0.0.6", 4000, "10.0.0.8", 80, IPPROTO_TCP, "HTTP");
    assert_string_equal(judge(&admin), "");
    assert_string_equal(judge(&other), "ssh");
    assert_string_equal(judge(&web), "rest");
    assert_string_equal(judge(&far), ""); /* no rule: allowed */
    assert_int_equal(acl.entries[0].head.hits, 1);
    assert_int_equal(acl.entries[1].head.hits, 1);
    assert_int_equal(acl.entries[2].head.hits, 1);
}

static void every_condition_that_is_set_must_hold(void **state)
{
    (void)state;
    struct record f = scene_record("10.0.0.6", 4000, "192.0.2.9", 8080, IPPROTO_TCP, "HTTP");
    static const struct {
        const char *rule;
        bool matches;
    } cases[] = {
        {RULE(1, "x", "\"action\":\"deny\",\"transport\":\"udp\""), false},
        {RULE(1, "x", "\"action\":\"deny\",\"transport\":\"tcp\""), true},
        {RULE(1, "x", "\"action\":\"deny\",\"server_ports\":[\"80\",\"8000-8079\"]"), false},
        {RULE(1, "x", "\"action\":\"deny\",\"server_ports\":[\"80\",\"8000-8080\"]"), true},
        {RULE(1, "x", "\"action\":\"deny\",\"client\":[\"10.0.0.0/29\"]"), true},
        {RULE(1, "x", "\"action\":\"deny\",\"client\":[\"10.0.0.0/30\"]"), false},
        {RULE(1, "x", "\"action\":\"deny\",\"server\":[\"2001:db8::/32\"]"), false},
        {RULE(1, "x", "\"action\":\"deny\",\"direction\":\"outbound\""), true},
        {RULE(1, "x", "\"action\":\"deny\",\"direction\":\"internal\""), false},
        {RULE(1, "x", "\"action\":\"deny\",\"direction\":\"inbound\""), false},
        {RULE(1, "x", "\"action\":\"deny\",\"vlan\":7"), false},
        {RULE(1, "x", "\"action\":\"deny\",\"apps\":[\"http\"]"), true},
        {RULE(1, "x", "\"action\":\"deny\",\"apps\":[\"SSH\"]"), false},
        {RULE(1, "x", "\"action\":\"deny\",\"categories\":[\"Web\"]"), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "[%s]", cases[i].rule);
        take(text);
        assert_string_equal(judge(&f), cases[i].matches ? "x" : "");
    }
}

static void a_rule_about_an_application_holds_the_judgement_until_the_verdict(void **state)
{
    (void)state;
    take("[" RULE(1, "web", "\"action\":\"allow\",\"apps\":[\"HTTP\"]") "," RULE(
        2, "all", "\"action\":\"deny\"") "]");
    struct record f = scene_record("10.0.0.6", 4000, "10.0.0.9", 80, IPPROTO_TCP, "Unknown");
    f.known = f.news = KNOWN_FLOW;
    assert_string_equal(judge(&f), ""); /* it may turn out to be HTTP */
    struct record later = scene_record("10.0.0.6", 4000, "10.0.0.9", 80, IPPROTO_TCP, "TLS");
    later.news = KNOWN_APP;
    assert_string_equal(judge(&later), "all");
}

static void what_is_certain_at_once_is_told_at_once_and_not_again(void **state)
{
    (void)state;
    take("[" RULE(1, "ports", "\"action\":\"deny\",\"server_ports\":[\"23\"]") "," RULE(
        2, "app", "\"action\":\"deny\",\"apps\":[\"Telnet\"]") "]");
    struct record f = scene_record("10.0.0.6", 4000, "10.0.0.9", 23, IPPROTO_TCP, "Unknown");
    f.known = f.news = KNOWN_FLOW;
    assert_string_equal(judge(&f), "ports");
    struct record later = scene_record("10.0.0.6", 4000, "10.0.0.9", 23, IPPROTO_TCP, "Telnet");
    later.news = KNOWN_APP;
    assert_string_equal(judge(&later), "");
    assert_int_equal(acl.entries[0].head.hits, 1);
}

static void a_rule_on_trial_counts_and_decides_nothing(void **state)
{
    (void)state;
    take("[" RULE(1, "trial", "\"action\":\"observe\",\"apps\":[\"HTTP\"]") "," RULE(
        2, "all", "\"action\":\"deny\"") "]");
    struct record f = scene_record("10.0.0.6", 4000, "10.0.0.9", 80, IPPROTO_TCP, "HTTP");
    assert_string_equal(judge(&f), "all");
    assert_int_equal(acl.entries[0].head.hits, 1);
}

static void hits_stay_with_the_rule_when_the_list_changes(void **state)
{
    (void)state;
    struct record f = scene_record("10.0.0.6", 4000, "10.0.0.9", 80, IPPROTO_TCP, "HTTP");
    take("[" RULE(7, "all", "\"action\":\"deny\"") "]");
    assert_string_equal(judge(&f), "all");
    take("[" RULE(8, "first", "\"action\":\"observe\"") "," RULE(7, "renamed",
                                                                 "\"action\":\"deny\"") "]");
    assert_int_equal(acl.entries[0].head.hits, 0);
    assert_int_equal(acl.entries[1].head.hits, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_first_rule_that_matches_decides, forget),
        cmocka_unit_test_teardown(every_condition_that_is_set_must_hold, forget),
        cmocka_unit_test_teardown(a_rule_about_an_application_holds_the_judgement_until_the_verdict,
                                  forget),
        cmocka_unit_test_teardown(what_is_certain_at_once_is_told_at_once_and_not_again, forget),
        cmocka_unit_test_teardown(a_rule_on_trial_counts_and_decides_nothing, forget),
        cmocka_unit_test_teardown(hits_stay_with_the_rule_when_the_list_changes, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
