/* Unit tests of the network configuration: who is expected, for whom, and who is no false alarm. */
#include "agent/policy/netconf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/agent/policy/scene.h"

static struct netconf netconf;

static void take(const char *text)
{
    struct err e = {0};
    json_t *items = json_loads(text, 0, NULL);
    assert_non_null(items);
    assert_int_equal(netconf_take(&netconf, items, &e), 0);
    json_decref(items);
}

static int open_scene(void **state)
{
    (void)state;
    struct err e = {0};
    return netconf_open(&netconf, &e);
}

static int close_scene(void **state)
{
    (void)state;
    netconf_done(&netconf);
    return 0;
}

/* The address of the server that is told, "" for none. */
static const char *judge(const struct record *record)
{
    static char text[ADDR_TEXT_SIZE];
    struct netconf_breach b;
    struct rule_flow f = scene_flow(record);
    return netconf_judge_server(&netconf, &f, &b) ? addr_format(b.family, &b.server, text) : "";
}

static const char *dns(const char *client, const char *server)
{
    struct record r = scene_record(client, 4000, server, 53, IPPROTO_UDP, "DNS");
    return judge(&r);
}

#define ITEM(id, role, rest) "{\"id\":" #id ",\"name\":\"" role "\",\"role\":\"" role "\"," rest "}"

static void another_server_than_the_listed_is_told(void **state)
{
    (void)state;
    take("[" ITEM(1, "dns", "\"servers\":[\"10.0.0.53\"]") "]");
    assert_string_equal(dns("10.0.0.5", "10.0.0.53"), "");
    assert_string_equal(dns("10.0.0.5", "8.8.8.8"), "8.8.8.8");
    assert_string_equal(dns("192.0.2.1", "10.0.0.9"), "10.0.0.9"); /* ours serves the world */
    assert_string_equal(dns("192.0.2.1", "192.0.2.53"), "");       /* nobody of ours */
    assert_int_equal(netconf.entries[0].head.hits, 2);
}

static void a_listed_server_may_itself_ask_others(void **state)
{
    (void)state;
    take("[" ITEM(1, "dns", "\"servers\":[\"10.0.0.53\"]") "," ITEM(
        2, "ntp", "\"servers\":[\"10.0.0.1\"]") "]");
    struct record peer = scene_record("10.0.0.1", 123, "192.0.2.123", 123, IPPROTO_UDP, "NTP");
    struct record back = scene_record("192.0.2.123", 123, "10.0.0.1", 123, IPPROTO_UDP, "NTP");
    struct record odd = scene_record("10.0.0.8", 123, "192.0.2.123", 123, IPPROTO_UDP, "NTP");
    assert_string_equal(dns("10.0.0.53", "192.0.2.53"), "");
    assert_string_equal(judge(&peer), "");
    assert_string_equal(judge(&back), "");
    assert_string_equal(judge(&odd), "192.0.2.123");
}

static void an_answer_that_was_seen_first_still_shows_who_serves(void **state)
{
    (void)state;
    take("[" ITEM(1, "dns", "\"servers\":[\"10.0.0.53\"]") "]");
    struct record good = scene_record("10.0.0.53", 53, "10.0.0.5", 4000, IPPROTO_UDP, "DNS");
    struct record bad = scene_record("8.8.8.8", 53, "10.0.0.5", 4000, IPPROTO_UDP, "DNS");
    assert_string_equal(judge(&good), "");
    assert_string_equal(judge(&bad), "8.8.8.8");
}

static void nothing_is_judged_before_an_answer_and_each_flow_once(void **state)
{
    (void)state;
    take("[" ITEM(1, "dns", "\"servers\":[\"10.0.0.53\"]") "]");
    struct record r = scene_record("10.0.0.5", 4000, "8.8.8.8", 53, IPPROTO_UDP, "DNS");
    r.known = r.news = KNOWN_FLOW | KNOWN_APP;
    assert_string_equal(judge(&r), "");
    r.known |= KNOWN_ANSWERED;
    r.news = KNOWN_ANSWERED;
    assert_string_equal(judge(&r), "8.8.8.8");
    r.news = 0;
    assert_string_equal(judge(&r), "");
}

static void an_item_holds_for_its_clients_alone(void **state)
{
    (void)state;
    take("[" ITEM(1, "dns", "\"servers\":[\"10.1.0.53\"],\"clients\":[\"10.1.0.0/16\"]") "," ITEM(
        2, "dns", "\"servers\":[\"10.2.0.53\"],\"clients\":[\"10.2.0.0/16\"]") "]");
    assert_string_equal(dns("10.1.0.5", "10.1.0.53"), "");
    assert_string_equal(dns("10.1.0.5", "10.2.0.53"), "10.2.0.53");
    assert_string_equal(dns("10.3.0.5", "8.8.8.8"), ""); /* nothing is said of it */
}

static void a_list_of_ipv4_servers_says_nothing_of_ipv6(void **state)
{
    (void)state;
    take("[" ITEM(1, "dns", "\"servers\":[\"10.0.0.53\"]") "]");
    assert_string_equal(dns("fd00::5", "2001:db8::53"), "");
    take("[" ITEM(1, "dns", "\"servers\":[\"10.0.0.53\",\"fd00::53\"]") "]");
    assert_string_equal(dns("fd00::5", "2001:db8::53"), "2001:db8::53");
}

static void a_foreign_dhcp_server_is_told_by_its_offer(void **state)
{
    (void)state;
    take("[" ITEM(1, "dhcp", "\"servers\":[\"10.0.0.1\"]") "]");
    struct record discover =
        scene_record("0.0.0.0", 68, "255.255.255.255", 67, IPPROTO_UDP, "DHCP");
    discover.known = discover.news = KNOWN_FLOW | KNOWN_APP;
    struct record good = scene_record("10.0.0.1", 67, "255.255.255.255", 68, IPPROTO_UDP, "DHCP");
    struct record bad = scene_record("10.0.0.66", 67, "255.255.255.255", 68, IPPROTO_UDP, "DHCP");
    struct record renewal = scene_record("10.0.0.5", 68, "10.0.0.66", 67, IPPROTO_UDP, "DHCP");
    assert_string_equal(judge(&discover), "");
    assert_string_equal(judge(&good), "");
    assert_string_equal(judge(&bad), "10.0.0.66");
    assert_string_equal(judge(&renewal), "10.0.0.66");
}

static const struct mac router = {{2, 0, 0, 0, 0, 1}}, rogue = {{2, 0, 0, 0, 0, 9}};

static bool gateway(const struct mac *mac, uint64_t packets)
{
    struct record r = scene_record("10.0.0.5", 4000, "192.0.2.80", 443, IPPROTO_TCP, "TLS");
    struct netconf_breach b;
    r.flow.server_mac = *mac;
    r.flow.packets[0] = packets;
    r.flow.packets[1] = 0;
    struct rule_flow f = scene_flow(&r);
    return netconf_judge_gateway(&netconf, &f, &b);
}

static void a_gateway_that_is_not_listed_is_told_from_ten_packets_on(void **state)
{
    (void)state;
    take("[" ITEM(1, "gateway", "\"servers\":[\"02:00:00:00:00:01\"]") "]");
    assert_false(gateway(&router, 100));
    assert_false(gateway(&rogue, 9));
    assert_true(gateway(&rogue, 1));
}

static void a_gateway_that_is_listed_by_address_is_learned_before_it_is_judged(void **state)
{
    (void)state;
    take("[" ITEM(1, "gateway", "\"servers\":[\"10.0.0.1\"]") "]");
    assert_false(gateway(&rogue, 100)); /* which hardware the address has is not known yet */
    struct record r = scene_record("10.0.0.1", 4000, "10.0.0.53", 53, IPPROTO_UDP, "DNS");
    struct netconf_breach b;
    r.flow.client_mac = router;
    struct rule_flow f = scene_flow(&r);
    assert_false(netconf_judge_gateway(&netconf, &f, &b));
    assert_false(gateway(&router, 100));
    assert_true(gateway(&rogue, 100));
}

int main(void)
{
#define SCENE(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)
    const struct CMUnitTest tests[] = {
        SCENE(another_server_than_the_listed_is_told),
        SCENE(a_listed_server_may_itself_ask_others),
        SCENE(an_answer_that_was_seen_first_still_shows_who_serves),
        SCENE(nothing_is_judged_before_an_answer_and_each_flow_once),
        SCENE(an_item_holds_for_its_clients_alone),
        SCENE(a_list_of_ipv4_servers_says_nothing_of_ipv6),
        SCENE(a_foreign_dhcp_server_is_told_by_its_offer),
        SCENE(a_gateway_that_is_not_listed_is_told_from_ten_packets_on),
        SCENE(a_gateway_that_is_listed_by_address_is_learned_before_it_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
