/* Unit tests of agent/flow/parts: what flows hold, and that rest changes nothing of it. */
#include "agent/flow/parts.h"

#include "agent/qoe/rest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { FLOWS = 10000, ROUNDS = 3 }; /* more than may be awake at one time */

static struct flow *add(struct flow_table *t, uint32_t n)
{
    struct flow_key key = {.family = ADDR_IPV4, .protocol = PROTO_TCP, .server_port = 443};
    memcpy(key.client.bytes, &n, sizeof n);
    return flow_table_add(t, &key);
}

static void note(struct qoe_tcp *q, unsigned n, unsigned round, bool first)
{
    const struct qoe_handshake h = {.syn_seen = true, .syn_seq = n, .client_us = n, .server_us = 1};
    const struct packet p = {
        .time_ns = 1000000000ull * (round + 1) + n * 1000ull,
        .tcp = {
            .seq = n + 1 + round * 1000, .len = 1000, .ack = 7, .window = 100, .flags = TCP_ACK}};
    if (first) {
        qoe_tcp_begin(q, &h);
    }
    qoe_tcp_note(q, &h, &p, 0, CLASS_WEB);
}

static void many_more_flows_than_may_be_awake_lose_nothing(void **state)
{
    (void)state;
    struct flow_table *t = flow_table_new(FLOWS, NULL);
    struct qoe_tcp *truth = calloc(FLOWS, sizeof *truth);
    struct flow **flows = calloc(FLOWS, sizeof *flows);
    for (unsigned n = 0; n < FLOWS; n++) {
        flows[n] = add(t, n);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned n = 0; n < FLOWS; n++) {
            bool made;
            struct qoe_tcp *q = flow_table_tcp(t, flows[n], &made);
            assert_int_equal(made, round == 0);
            note(q, n, round, made);
            note(&truth[n], n, round, made);
        }
    }
    unsigned resting = 0;
    for (unsigned n = 0; n < FLOWS; n++) {
        uint8_t a[QOE_REST_ROOM];
        uint8_t b[QOE_REST_ROOM];
        resting += flows[n]->holds == PART_TCP_REST;
        struct qoe_tcp seen = *flow_table_tcp_of(t, flows[n]);
        size_t len = qoe_tcp_rest(&seen, a);
        assert_int_equal(qoe_tcp_rest(&truth[n], b), len);
        assert_memory_equal(a, b, len);
        assert_true(len < 320); /* what rest is for */
        flow_table_remove(t, flows[n]);
    }
    assert_in_range(resting, FLOWS / 2, FLOWS - 1);
    free(flows);
    free(truth);
    flow_table_free(t);
}

static void texts_of_any_length_come_back(void **state)
{
    (void)state;
    struct flow_table *t = flow_table_new(64, NULL);
    struct flow *f = add(t, 1);
    char host[HOST_NAME_SIZE + 10];
    for (size_t len = 0; len < sizeof host - 1; len++) {
        memset(host, 'h', len);
        host[len] = '\0';
        flow_set_text(t, f, TEXT_HOST, host);
        flow_set_text(t, f, TEXT_INFO, "TLSv1.3");
        size_t kept = len < HOST_NAME_SIZE ? len : HOST_NAME_SIZE - 1;
        assert_int_equal(strlen(flow_text(t, f, TEXT_HOST)), kept);
        assert_string_equal(flow_text(t, f, TEXT_INFO), "TLSv1.3");
    }
    flow_set_text(t, f, TEXT_HOST, "");
    assert_string_equal(flow_text(t, f, TEXT_HOST), "");
    assert_string_equal(flow_text(t, f, TEXT_INFO), "TLSv1.3");
    flow_table_free(t);
}

static void names_are_unknown_until_they_are_set(void **state)
{
    (void)state;
    struct flow_table *t = flow_table_new(64, NULL);
    struct flow *f = add(t, 1);
    assert_string_equal(flow_protocol(t, f), "Unknown");
    assert_string_equal(flow_app(t, f), "Unknown");
    assert_string_equal(flow_category(t, f), "");
    static char many[3000][2];
    for (unsigned i = 0; i < 3000; i++) { /* more than there is room for */
        many[i][0] = 'x';
        flow_set_names(t, f, many[i], "App", "Web");
        const char *name = flow_protocol(t, f);
        assert_true(strcmp(name, "x") == 0 || strcmp(name, "Unknown") == 0);
    }
    flow_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_more_flows_than_may_be_awake_lose_nothing),
        cmocka_unit_test(texts_of_any_length_come_back),
        cmocka_unit_test(names_are_unknown_until_they_are_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
