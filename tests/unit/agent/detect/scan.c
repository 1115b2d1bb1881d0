/* Unit tests of agent/detect: port scans by counting and by the sequential test. */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#define START_NS (1700000000ULL * NS_PER_S)

static const struct detect_settings settings = {
    .scan_ports = 20, .scan_hosts = 50, .window_ns = 60ULL * NS_PER_S};

/* What was found, by kind, and the last of it. */
struct found {
    unsigned vertical, horizontal, trw;
    struct finding last;
};

static void take(const struct finding *f, void *arg)
{
    struct found *found = arg;
    assert_int_equal(f->action, FINDING_BAD);
    found->vertical += f->kind == ALERT_PORT_SCAN_VERTICAL ? 1 : 0;
    found->horizontal += f->kind == ALERT_PORT_SWEEP_HORIZONTAL ? 1 : 0;
    found->trw += f->kind == ALERT_PORT_SCAN_TRW ? 1 : 0;
    found->last = *f;
}

/* A final record of 10.0.0.1 to 10.0.1.(target), ended in this status. */
static struct record ended(unsigned target, uint16_t port, enum flow_status status, uint64_t at_ns)
{
    struct record r = {.at_ns = at_ns, .kind = RECORD_FLOW};
    r.flow.key.family = ADDR_IPV4;
    r.flow.key.protocol = IPPROTO_TCP;
    r.flow.key.server_port = port;
    memcpy(r.flow.key.client.bytes, (uint8_t[]){10, 0, 0, 1}, 4);
    memcpy(r.flow.key.server.bytes, (uint8_t[]){10, 0, 1, (uint8_t)target}, 4);
    r.flow.status = (uint8_t)status;
    r.flow.final = true;
    return r;
}

/* One detector with its findings. */
struct bench {
    const struct detector *detector;
    void *state;
    struct found found;
};

static struct bench bench_of(const struct detector *detector)
{
    struct bench b = {.detector = detector, .state = detector->open(&settings, NULL)};
    assert_non_null(b.state);
    return b;
}

static void show(struct bench *b, struct record r)
{
    struct finding_sink out = {.take = take, .arg = &b->found};
    b->detector->observe(b->state, &r, &out);
}

static void pass_time(struct bench *b, uint64_t now_ns)
{
    struct finding_sink out = {.take = take, .arg = &b->found};
    struct agent_sample sample = {.now_ns = now_ns};
    b->detector->tick(b->state, &sample, &out);
}

static void the_twentieth_port_makes_a_scan(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_scan);
    for (uint16_t port = 1; port <= 19; port++) {
        show(&b, ended(1, port, FLOW_NO_ANSWER, START_NS));
    }
    assert_int_equal(b.found.vertical, 0);
    show(&b, ended(1, 20, FLOW_REFUSED, START_NS));
    assert_int_equal(b.found.vertical, 1);
    assert_string_equal(b.found.last.entity_id, "10.0.0.1");
    assert_string_equal(b.found.last.key, "10.0.1.1");
    assert_int_equal(b.found.last.entity, ENTITY_HOST);
    b.detector->close(b.state);
}

static void the_same_port_again_counts_once(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_scan);
    for (unsigned i = 0; i < 100; i++) {
        show(&b, ended(1, 80, FLOW_NO_ANSWER, START_NS));
    }
    assert_int_equal(b.found.vertical + b.found.horizontal, 0);
    b.detector->close(b.state);
}

static void ports_that_answered_do_not_count(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_scan);
    for (uint16_t port = 1; port <= 100; port++) {
        show(&b, ended(1, port, FLOW_CLOSED, START_NS));
    }
    assert_int_equal(b.found.vertical, 0);
    b.detector->close(b.state);
}

static void tries_outside_the_window_do_not_count(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_scan);
    for (uint16_t port = 1; port <= 100; port++) {
        show(&b, ended(1, port, FLOW_NO_ANSWER, START_NS + port * 4ULL * NS_PER_S));
    }
    assert_int_equal(b.found.vertical, 0); /* 16 in any minute */
    b.detector->close(b.state);
}

static void a_scan_that_goes_on_is_told_anew_by_the_tick(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_scan);
    for (uint16_t port = 1; port <= 60; port++) {
        show(&b, ended(1, port, FLOW_NO_ANSWER, START_NS + port));
    }
    assert_int_equal(b.found.vertical, 1);
    pass_time(&b, START_NS + NS_PER_S);
    assert_int_equal(b.found.vertical, 2);
    assert_non_null(strstr(b.found.last.detail, "60 ports of 10.0.1.1"));
    pass_time(&b, START_NS + 2ULL * NS_PER_S); /* nothing new */
    assert_int_equal(b.found.vertical, 2);
    b.detector->close(b.state);
}

static void more_tries_than_are_remembered_do_no_harm(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_scan);
    for (unsigned port = 1; port <= 5000; port++) {
        show(&b, ended(1, (uint16_t)port, FLOW_NO_ANSWER, START_NS + port));
    }
    assert_int_equal(b.found.vertical, 1);
    pass_time(&b, START_NS + NS_PER_S);
    assert_non_null(strstr(b.found.last.detail, "128 or more ports"));
    b.detector->close(b.state);
}

static void the_fiftieth_host_makes_a_sweep(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_scan);
    for (unsigned host = 1; host <= 49; host++) {
        show(&b, ended(host, 445, FLOW_NO_ANSWER, START_NS));
    }
    assert_int_equal(b.found.horizontal, 0);
    show(&b, ended(50, 445, FLOW_NO_ANSWER, START_NS));
    assert_int_equal(b.found.horizontal, 1);
    assert_string_equal(b.found.last.key, "tcp/445");
    b.detector->close(b.state);
}

static void forged_sources_do_not_hide_a_scan_for_long(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_scan);
    for (unsigned i = 0; i < 10000; i++) {
        struct record r = ended(1, 80, FLOW_NO_ANSWER, START_NS + i * (uint64_t)NS_PER_MS);
        memcpy(r.flow.key.client.bytes, &i, sizeof i);
        show(&b, r);
    }
    for (uint16_t port = 1; port <= 20; port++) {
        show(&b, ended(1, port, FLOW_NO_ANSWER, START_NS + 12ULL * NS_PER_S));
    }
    assert_int_equal(b.found.vertical, 1);
    b.detector->close(b.state);
}

static void silence_forgets_the_tries(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_scan);
    for (uint16_t port = 1; port <= 19; port++) {
        show(&b, ended(1, port, FLOW_NO_ANSWER, START_NS));
    }
    pass_time(&b, START_NS + 120ULL * NS_PER_S);
    show(&b, ended(1, 20, FLOW_NO_ANSWER, START_NS));
    assert_int_equal(b.found.vertical, 0);
    b.detector->close(b.state);
}

static void four_failed_first_contacts_decide(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_trw);
    for (unsigned host = 1; host <= 3; host++) {
        show(&b, ended(host, 22, FLOW_REFUSED, START_NS));
    }
    assert_int_equal(b.found.trw, 0);
    show(&b, ended(4, 22, FLOW_REFUSED, START_NS));
    assert_int_equal(b.found.trw, 1);
    b.detector->close(b.state);
}

static void a_success_between_failures_puts_the_verdict_off(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_trw);
    for (unsigned host = 1; host <= 12; host++) {
        show(&b, ended(host, 22, host % 2 == 0 ? FLOW_CLOSED : FLOW_REFUSED, START_NS));
    }
    assert_int_equal(b.found.trw, 0);
    b.detector->close(b.state);
}

static void a_dead_server_tried_again_and_again_is_one_contact(void **state)
{
    (void)state;
    struct bench b = bench_of(&detector_host_trw);
    for (unsigned i = 0; i < 100; i++) {
        show(&b, ended(1, (uint16_t)(1 + i), FLOW_NO_ANSWER, START_NS));
    }
    assert_int_equal(b.found.trw, 0);
    b.detector->close(b.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_twentieth_port_makes_a_scan),
        cmocka_unit_test(the_same_port_again_counts_once),
        cmocka_unit_test(ports_that_answered_do_not_count),
        cmocka_unit_test(tries_outside_the_window_do_not_count),
        cmocka_unit_test(a_scan_that_goes_on_is_told_anew_by_the_tick),
        cmocka_unit_test(more_tries_than_are_remembered_do_no_harm),
        cmocka_unit_test(the_fiftieth_host_makes_a_sweep),
        cmocka_unit_test(forged_sources_do_not_hide_a_scan_for_long),
        cmocka_unit_test(silence_forgets_the_tries),
        cmocka_unit_test(four_failed_first_contacts_decide),
        cmocka_unit_test(a_success_between_failures_puts_the_verdict_off),
        cmocka_unit_test(a_dead_server_tried_again_and_again_is_one_contact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
