/* Unit tests of agent/asset: hosts and what they come to. */
#include "agent/asset/host.h"
#include "agent/asset/site.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define START_NS (1700000000ULL * NS_PER_S)

static struct addr_prefix ten_net;

static struct addr addr_of(const char *text)
{
    struct addr addr = {0};
    assert_int_not_equal(addr_parse(text, &addr), ADDR_NONE);
    return addr;
}

static struct host_table *table_of(size_t max)
{
    assert_int_equal(addr_prefix_parse("10.0.0.0/8", &ten_net), 0);
    struct host_table *t =
        host_table_new(max, (struct networks){.prefixes = &ten_net, .count = 1}, NULL);
    assert_non_null(t);
    return t;
}

static struct account account_of(const char *client, const char *server, uint64_t at_ns)
{
    return (struct account){
        .at_ns = at_ns,
        .key = {.client = addr_of(client),
                .server = addr_of(server),
                .client_port = 40000,
                .server_port = 443,
                .family = ADDR_IPV4,
                .protocol = IPPROTO_TCP},
        .client_mac = {{2, 0, 0, 0, 0, 1}},
        .server_mac = {{2, 0, 0, 0, 0, 2}},
        .bytes = {100, 900},
        .packets = {1, 2},
        .begins = 1,
        .app = "TLS",
    };
}

static const struct host *host_at(const struct host_table *t, const char *text)
{
    struct host_key key = {.addr = addr_of(text), .family = ADDR_IPV4};
    return host_table_get(t, &key);
}

static void both_ends_of_a_flow_are_booked(void **state)
{
    (void)state;
    struct host_table *t = table_of(10);
    struct account a = account_of("10.0.0.1", "192.0.2.1", START_NS);
    host_table_account(t, &a);
    const struct host *client = host_at(t, "10.0.0.1");
    const struct host *server = host_at(t, "192.0.2.1");
    assert_non_null(client);
    assert_non_null(server);
    assert_int_equal(client->bytes_out, 100);
    assert_int_equal(client->bytes_in, 900);
    assert_int_equal(server->bytes_out, 900);
    assert_int_equal(server->packets_in, 1);
    assert_true(client->local);
    assert_false(server->local);
    host_table_free(t);
}

static void a_remote_host_does_not_get_its_routers_mac(void **state)
{
    (void)state;
    struct host_table *t = table_of(10);
    struct account a = account_of("10.0.0.1", "192.0.2.1", START_NS);
    host_table_account(t, &a);
    assert_int_equal(host_at(t, "10.0.0.1")->mac.bytes[5], 1);
    assert_int_equal(host_at(t, "192.0.2.1")->mac.bytes[5], 0);
    host_table_free(t);
}

static void groups_and_broadcasts_are_no_hosts(void **state)
{
    (void)state;
    struct host_table *t = table_of(10);
    struct account a = account_of("0.0.0.0", "255.255.255.255", START_NS);
    host_table_account(t, &a);
    a = account_of("10.0.0.1", "224.0.0.251", START_NS);
    host_table_account(t, &a);
    assert_int_equal(host_table_count(t), 1);
    host_table_free(t);
}

static void a_host_beyond_the_cap_is_refused_and_counted(void **state)
{
    (void)state;
    struct host_table *t = table_of(2);
    struct account a = account_of("10.0.0.1", "10.0.0.2", START_NS);
    host_table_account(t, &a);
    a = account_of("10.0.0.3", "10.0.0.1", START_NS);
    host_table_account(t, &a);
    assert_int_equal(host_table_count(t), 2);
    assert_int_equal(host_table_refused(t), 1);
    assert_int_equal(host_at(t, "10.0.0.1")->bytes_out, 100 + 900);
    host_table_free(t);
}

static void live_flows_rise_and_fall_and_never_below_zero(void **state)
{
    (void)state;
    struct host_table *t = table_of(10);
    struct account a = account_of("10.0.0.1", "10.0.0.2", START_NS);
    host_table_account(t, &a);
    host_table_account(t, &a);
    assert_int_equal(host_at(t, "10.0.0.1")->flows, 2);
    a.begins = 0;
    a.ends = 1;
    for (int i = 0; i < 3; i++) {
        host_table_account(t, &a);
    }
    assert_int_equal(host_at(t, "10.0.0.1")->flows, 0);
    host_table_free(t);
}

static void a_flow_told_in_one_account_leaves_no_live_flow(void **state)
{
    (void)state;
    struct host_table *t = table_of(10);
    struct account a = account_of("10.0.0.1", "10.0.0.2", START_NS);
    a.ends = 1;
    host_table_account(t, &a);
    assert_int_equal(host_at(t, "10.0.0.1")->flows, 0);
    host_table_free(t);
}

static void only_an_answered_port_is_a_service(void **state)
{
    (void)state;
    struct host_table *t = table_of(10);
    struct account a = account_of("10.0.0.1", "10.0.0.2", START_NS);
    a.bytes[DIR_S2C] = 0;
    host_table_account(t, &a);
    assert_int_equal(host_at(t, "10.0.0.2")->service_count, 0);
    a.bytes[DIR_S2C] = 1;
    host_table_account(t, &a);
    host_table_account(t, &a);
    assert_int_equal(host_at(t, "10.0.0.2")->service_count, 1);
    assert_int_equal(host_at(t, "10.0.0.2")->services[0].port, 443);
    host_table_free(t);
}

static void a_rate_is_an_average_and_falls_to_zero_in_silence(void **state)
{
    (void)state;
    struct host_table *t = table_of(10);
    for (uint64_t second = 0; second <= HOST_RATE_S; second++) {
        struct account a = account_of("10.0.0.1", "10.0.0.2", START_NS + second * NS_PER_S);
        host_table_account(t, &a);
    }
    const struct host *h = host_at(t, "10.0.0.1");
    uint64_t now_ns = START_NS + HOST_RATE_S * (uint64_t)NS_PER_S;
    assert_int_equal(host_bps_out(h, now_ns), 800);
    assert_int_equal(host_bps_in(h, now_ns), 7200);
    assert_int_equal(host_bps_in(h, now_ns + 60ULL * NS_PER_S), 0);
    host_table_free(t);
}

static void a_remote_host_is_forgotten_before_a_local_one(void **state)
{
    (void)state;
    struct host_table *t = table_of(10);
    struct account a = account_of("10.0.0.1", "192.0.2.1", START_NS);
    host_table_account(t, &a);
    host_table_sweep(t, START_NS + 3600ULL * NS_PER_S);
    assert_non_null(host_at(t, "10.0.0.1"));
    assert_null(host_at(t, "192.0.2.1"));
    assert_int_equal(host_at(t, "10.0.0.1")->flows, 0);
    host_table_free(t);
}

static void a_server_is_named_by_its_clients_but_not_by_dns(void **state)
{
    (void)state;
    struct host_table *t = table_of(10);
    struct account a = account_of("10.0.0.1", "192.0.2.1", START_NS);
    host_table_account(t, &a);
    struct flow_record r = {.key = a.key, .protocol = "DNS", .host = "asked.example"};
    host_table_learn(t, &r);
    assert_string_equal(host_at(t, "192.0.2.1")->name, "");
    (void)snprintf(r.protocol, sizeof r.protocol, "TLS");
    (void)snprintf(r.host, sizeof r.host, "www.example");
    host_table_learn(t, &r);
    assert_string_equal(host_at(t, "192.0.2.1")->name, "www.example");
    (void)snprintf(r.host, sizeof r.host, "192.0.2.1"); /* an address is no name */
    host_table_learn(t, &r);
    assert_string_equal(host_at(t, "192.0.2.1")->name, "www.example");
    host_table_free(t);
}

static void the_site_counts_hosts_seen_in_the_last_five_minutes(void **state)
{
    (void)state;
    struct host_table *t = table_of(10);
    struct account a = account_of("10.0.0.1", "192.0.2.1", START_NS);
    host_table_account(t, &a);
    a = account_of("10.0.0.2", "10.0.0.3", START_NS + 200ULL * NS_PER_S);
    host_table_account(t, &a);
    struct site_totals site = site_totals(t, START_NS + 301ULL * NS_PER_S);
    assert_int_equal(site.active, 2);
    assert_int_equal(site.active_local, 2);
    assert_int_equal(site.services, 1);
    host_table_free(t);
}

static void a_silent_end_counts_down_and_brings_no_forgotten_host_back(void **state)
{
    (void)state;
    struct host_table *t = table_of(16);
    struct account begins = account_of("10.0.0.1", "192.0.2.1", START_NS);
    struct account ends = account_of("10.0.0.1", "192.0.2.9", START_NS);
    ends.begins = 0;
    ends.ends = 1;
    memset(ends.bytes, 0, sizeof ends.bytes);
    memset(ends.packets, 0, sizeof ends.packets);
    host_table_account(t, &begins);
    assert_int_equal(host_at(t, "10.0.0.1")->flows, 1);
    host_table_account(t, &ends);
    assert_int_equal(host_at(t, "10.0.0.1")->flows, 0);
    assert_null(host_at(t, "192.0.2.9"));
    host_table_free(t);
}

static void a_clock_set_back_leaves_no_host_active_for_ever(void **state)
{
    (void)state;
    struct host_table *t = table_of(16);
    const uint64_t ahead_ns = START_NS + 86400ULL * NS_PER_S;
    struct account a = account_of("10.0.0.1", "192.0.2.1", ahead_ns);
    host_table_account(t, &a);
    host_table_sweep(t, START_NS);
    assert_int_equal(host_at(t, "10.0.0.1")->last_ns, START_NS);
    host_table_sweep(t, START_NS + 1000ULL * NS_PER_S);
    assert_null(host_at(t, "192.0.2.1"));
    host_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_of_a_flow_are_booked),
        cmocka_unit_test(a_remote_host_does_not_get_its_routers_mac),
        cmocka_unit_test(groups_and_broadcasts_are_no_hosts),
        cmocka_unit_test(a_host_beyond_the_cap_is_refused_and_counted),
        cmocka_unit_test(live_flows_rise_and_fall_and_never_below_zero),
        cmocka_unit_test(a_flow_told_in_one_account_leaves_no_live_flow),
        cmocka_unit_test(only_an_answered_port_is_a_service),
        cmocka_unit_test(a_rate_is_an_average_and_falls_to_zero_in_silence),
        cmocka_unit_test(a_remote_host_is_forgotten_before_a_local_one),
        cmocka_unit_test(a_server_is_named_by_its_clients_but_not_by_dns),
        cmocka_unit_test(the_site_counts_hosts_seen_in_the_last_five_minutes),
        cmocka_unit_test(a_silent_end_counts_down_and_brings_no_forgotten_host_back),
        cmocka_unit_test(a_clock_set_back_leaves_no_host_active_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
