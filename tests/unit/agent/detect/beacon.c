/* Unit tests of agent/detect/host_beacon.c: what is steady, what is not, and how often it is told.
 */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define START_S 1700000000ull /* 22:13 UTC */

struct found {
    unsigned periodic, detected, strong;
    struct finding last;
};

static void take(const struct finding *f, void *arg)
{
    struct found *found = arg;
    assert_int_equal(f->action, FINDING_EVENT);
    found->periodic += f->kind == ALERT_PERIODIC_FLOW;
    found->detected += f->kind == ALERT_BEACON_DETECTED;
    found->strong += f->kind == ALERT_BEACON_STRONG;
    found->last = *f;
}

static struct record ended(uint64_t at_s, uint32_t bytes, uint8_t server)
{
    struct record r = {.at_ns = (at_s + 1) * NS_PER_S, .kind = RECORD_FLOW};
    r.flow.key.family = ADDR_IPV4;
    r.flow.key.protocol = IPPROTO_TCP;
    r.flow.key.server_port = 443;
    memcpy(r.flow.key.client.bytes, (uint8_t[]){10, 0, 0, 1}, 4);
    memcpy(r.flow.key.server.bytes, (uint8_t[]){198, 51, 100, server}, 4);
    r.flow.first_ns = at_s * NS_PER_S;
    r.flow.packets[DIR_S2C] = 4;
    r.flow.bytes[DIR_C2S] = bytes;
    r.flow.final = true;
    return r;
}

/* Connections for so many hours, the next after what `gap` gives. */
static struct found watch(double hours, double (*gap)(void), unsigned size_jitter)
{
    struct found found = {0};
    struct finding_sink sink = {take, &found};
    void *state = detector_host_beacon.open(NULL, NULL);
    srandom(11);
    for (double at = 0; at < hours * 3600; at += gap()) {
        uint32_t size = 500 + (size_jitter > 0 ? (uint32_t)random() % size_jitter : 0);
        struct record r = ended(START_S + (uint64_t)at, size, 7);
        detector_host_beacon.observe(state, &r, &sink);
    }
    detector_host_beacon.close(state);
    return found;
}

static double uniform(void)
{
    return ((double)random() + 1) / ((double)RAND_MAX + 2);
}

static double each_minute(void)
{
    return 60;
}

static double with_a_tenth(void)
{
    return 60 * (0.9 + 0.2 * uniform());
}

static double with_a_third(void)
{
    return 60 * (0.7 + 0.6 * uniform());
}

static double poisson(void)
{
    return -300 * log(uniform());
}

static void a_day_of_steady_calls_is_a_beacon(void **state)
{
    (void)state;
    struct found exact = watch(24, each_minute, 0), tenth = watch(24, with_a_tenth, 0);
    assert_int_equal(exact.strong, 1);
    assert_int_equal(tenth.strong, 1);
    assert_non_null(strstr(exact.last.detail, "every 60 s"));
    assert_string_equal(exact.last.entity_id, "10.0.0.1");
    assert_string_equal(exact.last.key, "198.51.100.7 443");
    struct found third = watch(24, with_a_third, 0);
    assert_true(third.detected >= 1);
}

static void half_an_hour_is_not_enough(void **state)
{
    (void)state;
    struct found found = watch(0.5, each_minute, 0);
    assert_int_equal(found.detected + found.strong, 0);
}

static void people_are_no_beacons(void **state)
{
    (void)state;
    struct found found = watch(8, poisson, 20000);
    assert_int_equal(found.periodic + found.detected + found.strong, 0);
}

static void neighbours_and_clocks_are_left_alone(void **state)
{
    (void)state;
    struct found found = {0};
    struct finding_sink sink = {take, &found};
    void *s = detector_host_beacon.open(NULL, NULL);
    for (uint64_t at = 0; at < 24 * 3600; at += 60) {
        struct record inside = ended(START_S + at, 500, 7);
        memcpy(inside.flow.key.server.bytes, (uint8_t[]){10, 0, 0, 9}, 4);
        struct record clock = ended(START_S + at, 500, 7);
        clock.flow.key.protocol = IPPROTO_UDP;
        clock.flow.key.server_port = 123;
        detector_host_beacon.observe(s, &inside, &sink);
        detector_host_beacon.observe(s, &clock, &sink);
    }
    detector_host_beacon.close(s);
    assert_int_equal(found.periodic + found.detected + found.strong, 0);
}

static void a_flood_of_servers_stays_bounded(void **state)
{
    (void)state;
    struct found found = {0};
    struct finding_sink sink = {take, &found};
    void *s = detector_host_beacon.open(NULL, NULL);
    for (uint32_t i = 0; i < 50000; i++) {
        struct record r = ended(START_S + i / 100, 500, (uint8_t)i);
        memcpy(r.flow.key.server.bytes, &i, 4);
        r.flow.key.server.bytes[0] = 93;
        detector_host_beacon.observe(s, &r, &sink);
    }
    detector_host_beacon.close(s);
    assert_int_equal(found.periodic + found.detected + found.strong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_of_steady_calls_is_a_beacon),
        cmocka_unit_test(half_an_hour_is_not_enough),
        cmocka_unit_test(people_are_no_beacons),
        cmocka_unit_test(neighbours_and_clocks_are_left_alone),
        cmocka_unit_test(a_flood_of_servers_stays_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
