/* Unit tests of agent/counters: ten-second counters. */
#include "agent/counters.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define START_NS (1700000000ULL * NS_PER_S) /* a multiple of ten seconds */

enum { TOLD_MAX = 2048 };

struct told {
    size_t count;
    struct counter_record records[TOLD_MAX];
};

static struct told told;
static const struct counters_gauges gauges = {
    .flows = 7, .hosts = 3, .dropped = 11, .source_count = 1, .sources = {{"eth0", 5}}};

static void take(const struct counter_record *record, void *arg)
{
    (void)arg;
    assert_true(told.count < TOLD_MAX);
    told.records[told.count++] = *record;
}

static bool is_ten_net(enum addr_family family, const struct addr *addr, void *arg)
{
    (void)arg;
    return family == ADDR_IPV4 && addr->bytes[0] == 10;
}

static int forget(void **state)
{
    (void)state;
    memset(&told, 0, sizeof told);
    return 0;
}

static struct counters *counters_at(uint64_t now_ns)
{
    struct counters *c = counters_new(now_ns, take, is_ten_net, NULL, NULL);
    assert_non_null(c);
    struct counters_gauges zero = gauges;
    zero.dropped = zero.sources[0].dropped = 0;
    counters_tick(c, now_ns, &zero);
    return c;
}

static uint64_t second(uint64_t n)
{
    return START_NS + n * NS_PER_S;
}

static void add(struct counters *c, unsigned client, const char *app, uint32_t bytes,
                uint64_t at_ns)
{
    struct account a = {.at_ns = at_ns, .bytes = {bytes, 2 * bytes}, .packets = {1, 1}};
    a.key.family = ADDR_IPV4;
    memcpy(a.key.client.bytes, (uint8_t[]){10, 0, (uint8_t)(client >> 8), (uint8_t)client}, 4);
    memcpy(a.key.server.bytes, (uint8_t[]){192, 0, 2, 1}, 4);
    a.begins = 1;
    (void)snprintf(a.app, sizeof a.app, "%s", app);
    counters_account(c, &a);
}

/* The n-th told record of a kind. */
static const struct counter_record *told_of(enum counter_kind kind, size_t n)
{
    for (size_t i = 0; i < told.count; i++) {
        if (told.records[i].kind == kind && n-- == 0) {
            return &told.records[i];
        }
    }
    return NULL;
}

static size_t told_count(enum counter_kind kind)
{
    size_t count = 0;
    while (told_of(kind, count) != NULL) {
        count++;
    }
    return count;
}

static void an_interval_begins_at_a_multiple_of_ten_seconds(void **state)
{
    (void)state;
    struct counters *c = counters_at(second(7));
    add(c, 1, "TLS", 100, second(8));
    counters_tick(c, second(12), &gauges);
    assert_int_equal(told.count, 0); /* late accounts may still come */
    counters_tick(c, second(13), &gauges);
    assert_int_equal(told_of(COUNTER_TOTAL, 0)->start_ns, second(0));
    assert_int_equal(told_of(COUNTER_TOTAL, 0)->seconds, 10);
    counters_free(c);
}

static void a_record_tells_bytes_by_direction_and_the_gauges(void **state)
{
    (void)state;
    struct counters *c = counters_at(second(0));
    add(c, 1, "TLS", 100, second(1));
    counters_tick(c, second(13), &gauges);
    const struct counter_record *total = told_of(COUNTER_TOTAL, 0);
    assert_int_equal(total->bytes_out, 100);
    assert_int_equal(total->bytes_in, 200);
    assert_int_equal(total->packets, 2);
    assert_int_equal(total->flows, 7);
    assert_int_equal(total->hosts, 3);
    assert_int_equal(total->dropped, 11);
    const struct counter_record *interface = told_of(COUNTER_INTERFACE, 0);
    assert_string_equal(interface->name, "eth0");
    assert_int_equal(interface->bytes_in, 200);
    assert_int_equal(interface->dropped, 5);
    assert_int_equal(interface->flows, 1);
    assert_string_equal(told_of(COUNTER_APP, 0)->name, "TLS");
    counters_free(c);
}

static void a_host_counts_what_it_received_as_in(void **state)
{
    (void)state;
    struct counters *c = counters_at(second(0));
    add(c, 1, "TLS", 100, second(1));
    counters_tick(c, second(13), &gauges);
    assert_int_equal(told_count(COUNTER_HOST), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct counter_record *host = told_of(COUNTER_HOST, i);
        bool client = host->addr.bytes[0] == 10;
        assert_int_equal(host->local, client ? 1 : 0);
        assert_int_equal(host->bytes_in, client ? 200 : 100);
        assert_int_equal(host->bytes_out, client ? 100 : 200);
    }
    counters_free(c);
}

static void packets_of_the_next_interval_are_kept_for_it(void **state)
{
    (void)state;
    struct counters *c = counters_at(second(0));
    add(c, 1, "TLS", 100, second(11)); /* came before the first was closed */
    add(c, 1, "TLS", 1, second(9));    /* late */
    counters_tick(c, second(13), &gauges);
    assert_int_equal(told_of(COUNTER_TOTAL, 0)->bytes_out, 1);
    counters_tick(c, second(23), &gauges);
    assert_int_equal(told_of(COUNTER_TOTAL, 1)->bytes_out, 100);
    assert_int_equal(told_of(COUNTER_TOTAL, 1)->start_ns, second(10));
    counters_free(c);
}

static void what_comes_too_late_still_counts_once(void **state)
{
    (void)state;
    struct counters *c = counters_at(second(0));
    counters_tick(c, second(13), &gauges);
    add(c, 1, "TLS", 5, second(9));
    counters_tick(c, second(23), &gauges);
    counters_tick(c, second(33), &gauges);
    uint64_t sum = 0;
    for (size_t i = 0; i < told_count(COUNTER_TOTAL); i++) {
        sum += told_of(COUNTER_TOTAL, i)->bytes_out;
    }
    assert_int_equal(sum, 5);
    counters_free(c);
}

static void drops_are_deltas(void **state)
{
    (void)state;
    struct counters *c = counters_at(second(0));
    counters_tick(c, second(13), &gauges);
    struct counters_gauges later = gauges;
    later.dropped = 15;
    later.sources[0].dropped = 9;
    counters_tick(c, second(23), &later);
    assert_int_equal(told_of(COUNTER_TOTAL, 1)->dropped, 4);
    assert_int_equal(told_of(COUNTER_INTERFACE, 1)->dropped, 4);
    counters_free(c);
}

static void drops_of_the_time_before_are_not_told(void **state)
{
    (void)state;
    struct counters *c = counters_new(second(0), take, is_ten_net, NULL, NULL);
    assert_non_null(c);
    counters_tick(c, second(0), &gauges);
    counters_tick(c, second(13), &gauges);
    assert_int_equal(told_of(COUNTER_TOTAL, 0)->dropped, 0);
    assert_int_equal(told_of(COUNTER_INTERFACE, 0)->dropped, 0);
    counters_free(c);
}

static void only_the_busiest_applications_and_hosts_are_told(void **state)
{
    (void)state;
    struct counters *c = counters_at(second(0));
    for (unsigned i = 1; i <= 200; i++) {
        char app[16];
        (void)snprintf(app, sizeof app, "app%u", i);
        add(c, i, app, i, second(1));
    }
    counters_tick(c, second(13), &gauges);
    assert_int_equal(told_count(COUNTER_APP), COUNTERS_APPS);
    assert_int_equal(told_count(COUNTER_HOST), COUNTERS_HOSTS);
    assert_string_equal(told_of(COUNTER_APP, 0)->name, "app200");
    assert_int_equal(told_of(COUNTER_HOST, 0)->addr.bytes[0], 192); /* the server of all */
    assert_int_equal(told_of(COUNTER_HOST, 1)->addr.bytes[3], 200);
    counters_free(c);
}

static void a_long_sleep_makes_a_gap_and_no_flood(void **state)
{
    (void)state;
    struct counters *c = counters_at(second(0));
    add(c, 1, "TLS", 100, second(1));
    counters_tick(c, second(86400), &gauges);
    assert_in_range(told_count(COUNTER_TOTAL), 1, 2);
    told.count = 0;
    counters_tick(c, second(86413), &gauges);
    assert_int_equal(told_of(COUNTER_TOTAL, 0)->start_ns, second(86400));
    counters_free(c);
}

static void a_clock_set_back_goes_on_from_there(void **state)
{
    (void)state;
    struct counters *c = counters_at(second(3600));
    counters_tick(c, second(0), &gauges);
    add(c, 1, "TLS", 100, second(1));
    counters_tick(c, second(13), &gauges);
    assert_int_equal(told_of(COUNTER_TOTAL, 0)->start_ns, second(0));
    assert_int_equal(told_of(COUNTER_TOTAL, 0)->bytes_out, 100);
    counters_free(c);
}

static void the_end_tells_what_is_open(void **state)
{
    (void)state;
    struct counters *c = counters_at(second(0));
    add(c, 1, "TLS", 1, second(9));
    add(c, 1, "TLS", 2, second(11));
    counters_flush(c, &gauges);
    assert_int_equal(told_count(COUNTER_TOTAL), 2);
    assert_int_equal(told_of(COUNTER_TOTAL, 1)->bytes_out, 2);
    counters_free(c);
}

static void the_end_of_a_silent_flow_is_no_traffic(void **state)
{
    (void)state;
    struct counters *c = counters_at(START_NS);
    struct account a = {.at_ns = second(1), .ends = 1, .app = "DNS"};
    a.key.family = ADDR_IPV4;
    counters_account(c, &a);
    counters_flush(c, &gauges);
    for (size_t i = 0; i < told.count; i++) {
        assert_int_not_equal(told.records[i].kind, COUNTER_APP);
        assert_int_not_equal(told.records[i].kind, COUNTER_HOST);
    }
    counters_free(c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, forget)
    const struct CMUnitTest tests[] = {
        TEST(an_interval_begins_at_a_multiple_of_ten_seconds),
        TEST(a_record_tells_bytes_by_direction_and_the_gauges),
        TEST(a_host_counts_what_it_received_as_in),
        TEST(packets_of_the_next_interval_are_kept_for_it),
        TEST(what_comes_too_late_still_counts_once),
        TEST(drops_are_deltas),
        TEST(drops_of_the_time_before_are_not_told),
        TEST(only_the_busiest_applications_and_hosts_are_told),
        TEST(a_long_sleep_makes_a_gap_and_no_flood),
        TEST(a_clock_set_back_goes_on_from_there),
        TEST(the_end_tells_what_is_open),
        cmocka_unit_test_setup(the_end_of_a_silent_flow_is_no_traffic, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
