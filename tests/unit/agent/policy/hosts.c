/* Unit tests of the policies: classes, applications, services and when they hold. */
#include "agent/policy/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/agent/policy/scene.h"

static struct hosts_policy hosts;
static struct hosts_breach found[HOSTS_BREACHES_MAX];

static void take(const char *text)
{
    struct err e = {0};
    json_t *items = json_loads(text, 0, NULL);
    assert_non_null(items);
    assert_int_equal(hosts_take(&hosts, items, &e), 0);
    json_decref(items);
}

static int forget(void **state)
{
    (void)state;
    hosts_done(&hosts);
    return 0;
}

static size_t judge(const struct record *record)
{
    struct rule_flow f = scene_flow(record);
    return hosts_judge(&hosts, &f, found);
}

static size_t talk(const char *client, const char *server)
{
    struct record r = scene_record(client, 4000, server, 443, IPPROTO_TCP, "TLS");
    return judge(&r);
}

#define ITEM(id, name, rest) "{\"id\":" #id ",\"name\":\"" name "\"," rest "}"
#define CLASSES                                                                                    \
    "[" ITEM(1, "cameras", "\"class\":\"restricted\",\"hosts\":[\"10.1.0.0/16\"]") "," ITEM(       \
        2, "servers",                                                                              \
        "\"class\":\"core\",\"hosts\":[\"10.2.0.0/16\"]") "," ITEM(3, "updates",                   \
                                                                   "\"class\":\"trusted\",\"hosts\":[\"192.0.2.7\",\"10.3.0.7\"]") "]"

static void a_restricted_host_reaches_neither_the_internet_nor_core_hosts(void **state)
{
    (void)state;
    take(CLASSES);
    assert_int_equal(talk("10.1.0.5", "198.51.100.1"), 1);
    assert_int_equal(found[0].kind, HOSTS_TO_INTERNET);
    assert_string_equal(found[0].entry->head.name, "cameras");
    assert_int_equal(talk("198.51.100.1", "10.1.0.5"), 1); /* nor is it reached from there */
    assert_false(found[0].by_client);
    assert_int_equal(talk("10.1.0.5", "192.0.2.7"), 0);
    assert_int_equal(talk("10.1.0.5", "10.9.0.1"), 0);
    assert_int_equal(talk("10.1.0.5", "224.0.0.251"), 0);
    assert_int_equal(talk("10.1.0.5", "10.2.0.1"), 2); /* broken on both sides */
    assert_int_equal(found[0].kind, HOSTS_TO_CORE);
    assert_int_equal(found[1].kind, HOSTS_CORE_TO_UNLISTED);
}

static void a_core_host_talks_to_core_and_trusted_hosts_alone(void **state)
{
    (void)state;
    take(CLASSES);
    assert_int_equal(talk("10.2.0.1", "10.2.0.2"), 0);
    assert_int_equal(talk("10.2.0.1", "10.3.0.7"), 0);
    assert_int_equal(talk("10.2.0.1", "10.9.0.1"), 1);
    assert_int_equal(found[0].kind, HOSTS_CORE_TO_UNLISTED);
}

static size_t use(const char *client, const char *server, const char *app, const char *category)
{
    struct record r = scene_record(client, 4000, server, 443, IPPROTO_TCP, app);
    (void)snprintf(r.flow.category, sizeof r.flow.category, "%s", category);
    return judge(&r);
}

static void applications_are_allowed_to_who_begins_and_denied_to_both(void **state)
{
    (void)state;
    take("[" ITEM(1, "tills",
                  "\"hosts\":[\"10.1.0.0/16\"],\"apps_allowed\":[\"TLS\"],"
                  "\"categories_allowed\":[\"Network\"]") "]");
    assert_int_equal(use("10.1.0.5", "192.0.2.1", "TLS", "Web"), 0);
    assert_int_equal(use("10.1.0.5", "192.0.2.1", "DNS", "Network"), 0);
    assert_int_equal(use("10.1.0.5", "192.0.2.1", "SSH", "RemoteAccess"), 1);
    assert_int_equal(found[0].kind, HOSTS_APP);
    assert_int_equal(use("10.9.0.5", "10.1.0.5", "SSH", "RemoteAccess"), 0);
    take("[" ITEM(1, "tills",
                  "\"hosts\":[\"10.1.0.0/16\"],\"apps_denied\":[\"BitTorrent\"],"
                  "\"categories_denied\":[\"Game\"]") "]");
    assert_int_equal(use("10.1.0.5", "192.0.2.1", "BitTorrent", "Download"), 1);
    assert_int_equal(use("192.0.2.1", "10.1.0.5", "BitTorrent", "Download"), 1);
    assert_int_equal(use("10.1.0.5", "192.0.2.1", "Steam", "Game"), 1);
    assert_int_equal(use("10.1.0.5", "192.0.2.1", "SSH", "RemoteAccess"), 0);
}

static void a_service_that_is_not_listed_is_told_once_it_answers(void **state)
{
    (void)state;
    take("[" ITEM(1, "web",
                  "\"hosts\":[\"10.1.0.5\"],\"services\":[\"tcp/443\",\"tcp/8000-8010\"]") "]");
    struct record good = scene_record("10.9.0.1", 4000, "10.1.0.5", 8003, IPPROTO_TCP, "HTTP");
    struct record bad = scene_record("10.9.0.1", 4000, "10.1.0.5", 22, IPPROTO_TCP, "SSH");
    struct record refused = bad;
    refused.flow.status = FLOW_REFUSED;
    assert_int_equal(judge(&good), 0);
    assert_int_equal(judge(&refused), 0);
    assert_int_equal(judge(&bad), 1);
    assert_int_equal(found[0].kind, HOSTS_SERVICE);
    bad.known = bad.news = KNOWN_FLOW | KNOWN_APP;
    assert_int_equal(judge(&bad), 0);
}

static void a_local_host_is_known_by_its_hardware_address_too(void **state)
{
    (void)state;
    take("[" ITEM(1, "tv", "\"class\":\"restricted\",\"hosts\":[\"02:00:00:00:00:07\"]") "]");
    struct record r = scene_record("10.9.0.1", 4000, "192.0.2.1", 443, IPPROTO_TCP, "TLS");
    r.flow.client_mac = (struct mac){{2, 0, 0, 0, 0, 7}};
    assert_int_equal(judge(&r), 1);
    /* A remote host behind a router that happens to have it. */
    struct record far = scene_record("192.0.2.1", 4000, "198.51.100.1", 443, IPPROTO_TCP, "TLS");
    far.flow.client_mac = r.flow.client_mac;
    assert_int_equal(judge(&far), 0);
}

#define WINDOW(days, from, to)                                                                     \
    "[" ITEM(1, "x",                                                                               \
             "\"class\":\"restricted\",\"hosts\":[\"10.1.0.0/16\"],\"days\":[" days "],"           \
             "\"from\":\"" from "\",\"to\":\"" to "\"") "]"

/* The flows of the scene are seen on a Tuesday at 17:00. */
static void a_policy_holds_in_its_window_alone_also_over_midnight(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
    static const struct {
        const char *item;
        size_t breaches;
    } cases[] = {
        {WINDOW("\"mon\",\"tue\"", "08:00", "18:00"), 1}, {WINDOW("\"mon\"", "08:00", "18:00"), 0},
        {WINDOW("\"tue\"", "17:00", "24:00"), 1},         {WINDOW("\"tue\"", "08:00", "17:00"), 0},
        {WINDOW("\"tue\"", "16:00", "02:00"), 1},         {WINDOW("\"mon\"", "20:00", "18:00"), 1},
        {WINDOW("\"tue\"", "20:00", "18:00"), 0},         {WINDOW("", "00:00", "00:00"), 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        take(cases[i].item);
        assert_int_equal(talk("10.1.0.5", "192.0.2.1"), cases[i].breaches);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_restricted_host_reaches_neither_the_internet_nor_core_hosts,
                                  forget),
        cmocka_unit_test_teardown(a_core_host_talks_to_core_and_trusted_hosts_alone, forget),
        cmocka_unit_test_teardown(applications_are_allowed_to_who_begins_and_denied_to_both,
                                  forget),
        cmocka_unit_test_teardown(a_service_that_is_not_listed_is_told_once_it_answers, forget),
        cmocka_unit_test_teardown(a_local_host_is_known_by_its_hardware_address_too, forget),
        cmocka_unit_test_teardown(a_policy_holds_in_its_window_alone_also_over_midnight, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
