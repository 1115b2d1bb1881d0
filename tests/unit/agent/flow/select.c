/* Unit tests of agent/flow/select. */
#include "agent/flow/select.h"

#include "agent/flow/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { FLOWS = 3000 };

static void name_host(struct flow_table *t, struct flow *f)
{
    flow_set_text(t, f, TEXT_HOST, "www.Example.org");
}

/* Flows 1 to FLOWS: bytes are a permutation, every third is UDP, every tenth has a host name. */
static struct flow_table *make_table(void)
{
    struct flow_table *t = flow_table_new(FLOWS, NULL);
    for (uint32_t i = 1; i <= FLOWS; i++) {
        struct flow_key key = {
            .client = {{10, 0, (uint8_t)(i >> 8), (uint8_t)i}},
            .server = {{192, 0, 2, 1}},
            .client_port = 4000,
            .server_port = (uint16_t)(i % 2 == 0 ? 80 : 443),
            .family = ADDR_IPV4,
            .protocol = i % 3 == 0 ? PROTO_UDP : PROTO_TCP,
        };
        struct flow *f = flow_table_add(t, &key);
        f->id = i;
        f->sum.bytes[0] = (uint64_t)i * 7919 % 10007;
        f->status = FLOW_ACTIVE;
        flow_set_names(t, f, "TLS", "Example", "Web");
        if (i % 10 == 0) {
            name_host(t, f);
        }
    }
    return t;
}

static struct flow_select *ask(struct flow_table *t, const struct query_filter *filter,
                               const char *sort, bool desc, uint32_t limit)
{
    struct flow_select *s = calloc(1, sizeof *s);
    flow_select_begin(s, filter, sort, desc, limit, 0);
    while (!flow_select_step(s, t, 100)) {
        /* as between batches */
    }
    return s;
}

/* How many flows match a filter. */
static uint64_t count(struct flow_table *t, const struct query_filter *filter)
{
    struct flow_select *s = ask(t, filter, "bytes", true, 10);
    uint64_t total = s->total;
    free(s);
    return total;
}

static void the_best_rows_come_in_order_from_any_number_of_flows(void **state)
{
    (void)state;
    struct flow_table *t = make_table();
    struct flow_select *s = ask(t, &(struct query_filter){0}, "bytes", true, 50);
    assert_int_equal(s->total, FLOWS);
    assert_int_equal(s->count, 50);
    for (uint32_t i = 1; i < s->count; i++) {
        assert_true(s->rows[i - 1].value >= s->rows[i].value);
    }
    uint32_t better = 0; /* none that was left out may be better than the last */
    for (uint32_t i = 1; i <= FLOWS; i++) {
        better += flow_table_at(t, i)->sum.bytes[0] > s->rows[49].value;
    }
    assert_true(better < 50);
    free(s);
    flow_table_free(t);
}

static void the_order_can_be_turned_round(void **state)
{
    (void)state;
    struct flow_table *t = make_table();
    struct flow_select *s = ask(t, &(struct query_filter){0}, "id", false, 3);
    assert_int_equal(s->rows[0].id, 1);
    assert_int_equal(s->rows[1].id, 2);
    assert_int_equal(s->rows[2].id, 3);
    free(s);
    flow_table_free(t);
}

static void filters_must_all_match(void **state)
{
    (void)state;
    struct flow_table *t = make_table();
    assert_int_equal(count(t, &(struct query_filter){.protocol = "udp"}), FLOWS / 3);
    assert_int_equal(count(t, &(struct query_filter){.port = 80}), FLOWS / 2);
    assert_int_equal(count(t, &(struct query_filter){.protocol = "UDP", .port = 80}), FLOWS / 6);
    assert_int_equal(count(t, &(struct query_filter){.host = "10.0.0.7"}), 1);
    assert_int_equal(count(t, &(struct query_filter){.host = "192.0.2.1"}), FLOWS);
    assert_int_equal(count(t, &(struct query_filter){.client = "192.0.2.1"}), 0);
    assert_int_equal(count(t, &(struct query_filter){.host = "example.ORG"}), FLOWS / 10);
    assert_int_equal(count(t, &(struct query_filter){.app = "tls"}), FLOWS);
    assert_int_equal(count(t, &(struct query_filter){.app = "dns"}), 0);
    assert_int_equal(count(t, &(struct query_filter){.status = "active"}), FLOWS);
    assert_int_equal(count(t, &(struct query_filter){.status = "closed"}), 0);
    assert_int_equal(count(t, &(struct query_filter){.flow_id = 17}), 1);
    assert_int_equal(count(t, &(struct query_filter){.vlan = 3}), 0);
    flow_table_free(t);
}

static void a_word_that_means_nothing_matches_nothing(void **state)
{
    (void)state;
    struct flow_table *t = make_table();
    assert_int_equal(count(t, &(struct query_filter){.protocol = "nonsense"}), 0);
    assert_int_equal(count(t, &(struct query_filter){.server = "nonsense"}), 0);
    flow_table_free(t);
}

static void flows_may_go_while_the_walk_is_under_way(void **state)
{
    (void)state;
    struct flow_table *t = make_table();
    struct flow_select *s = calloc(1, sizeof *s);
    flow_select_begin(s, &(struct query_filter){0}, "id", false, 10, 0);
    assert_false(flow_select_step(s, t, 1000));
    for (uint32_t i = 1; i <= FLOWS; i++) {
        flow_table_remove(t, flow_table_at(t, i));
    }
    assert_true(flow_select_step(s, t, FLOWS));
    assert_int_equal(s->total, 1000);
    free(s);
    flow_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_rows_come_in_order_from_any_number_of_flows),
        cmocka_unit_test(the_order_can_be_turned_round),
        cmocka_unit_test(filters_must_all_match),
        cmocka_unit_test(a_word_that_means_nothing_matches_nothing),
        cmocka_unit_test(flows_may_go_while_the_walk_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
