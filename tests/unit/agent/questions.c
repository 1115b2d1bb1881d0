/* Unit tests of agent/questions and agent/engine_link: what crosses between engine and control. */
#include "agent/questions.h"

#include "agent/flow/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scene {
    struct engine_link link;
    struct flow_table *table;
    struct prints *prints;
    struct emitter emitter;
    struct questions *questions;
};

static void open_scene(struct scene *s)
{
    assert_int_equal(engine_link_open(&s->link, 1, NULL), 0);
    s->table = flow_table_new(5000, NULL);
    s->prints = prints_new(5000, NULL);
    assert_non_null(s->prints);
    s->questions = calloc(1, sizeof *s->questions);
    s->emitter = (struct emitter){.lane = &s->link.lanes[0],
                                  .to_control = s->link.to_control,
                                  .table = s->table,
                                  .prints = s->prints,
                                  .labels = {"eth0"}};
    for (uint32_t i = 1; i <= 5000; i++) {
        const struct flow_key key = {
            .client_port = (uint16_t)i, .server_port = 80, .family = ADDR_IPV4, .protocol = 6};
        struct flow *f = flow_table_add(s->table, &key);
        f->id = i;
        f->status = FLOW_ACTIVE;
        f->sum.bytes[0] = i;
        flow_set_names(s->table, f, "HTTP", "HTTP", "Web");
    }
}

static void close_scene(struct scene *s)
{
    free(s->questions);
    flow_table_free(s->table);
    prints_free(s->prints);
    engine_link_close(&s->link);
}

static void ask(struct scene *s, uint64_t id, uint32_t limit)
{
    struct engine_question *q = ring_reserve(s->link.lanes[0].questions);
    assert_non_null(q);
    *q = (struct engine_question){.id = id, .sort = "bytes", .desc = true, .limit = limit};
    ring_commit(s->link.lanes[0].questions);
}

/* Their fingerprints and Community IDs are compared whole. */
static void a_question_may_ask_for_one_fingerprint(void **state)
{
    (void)state;
    static const uint8_t request[] = "GET / HTTP/1.1\r\nUser-Agent: x\r\n\r\n";
    static const uint8_t syn[40] = {[12] = 0x50, [13] = TCP_SYN};
    struct scene s;
    open_scene(&s);
    const struct packet p = {.ends = {.protocol = PROTO_TCP, .family = ADDR_IPV4},
                             .ip = (const uint8_t[20]){[8] = 60},
                             .tcp = {.flags = TCP_SYN, .window = 1024},
                             .tcp_header = syn,
                             .payload = request,
                             .payload_len = sizeof request - 1};
    uint8_t looked = 0;
    prints_look(s.prints, 4711, &looked, &p, true);
    struct engine_question *q = ring_reserve(s.link.lanes[0].questions);
    *q = (struct engine_question){.id = 1, .sort = "bytes", .limit = 10};
    (void)snprintf(q->filter.print, sizeof q->filter.print, "2_64_1024_e3b0c44298fc");
    ring_commit(s.link.lanes[0].questions);
    while (questions_turn(s.questions, &s.emitter, 1)) {
    }
    const struct engine_snapshot *snapshot = s.link.lanes[0].snapshot;
    assert_int_equal(snapshot->count, 1);
    assert_int_equal(snapshot->rows[0].record.flow_id, 4711);
    assert_int_equal(snapshot->rows[0].record.prints.syn.hops, 4);
    assert_string_equal(snapshot->rows[0].record.prints.program.user_agent, "x");
    close_scene(&s);
}

static void a_question_is_answered_in_pieces_between_batches(void **state)
{
    (void)state;
    struct scene s;
    unsigned turns = 0;
    open_scene(&s);
    const struct engine_snapshot *snapshot = s.link.lanes[0].snapshot;
    ask(&s, 7, 10);
    while (questions_turn(s.questions, &s.emitter, 1)) {
        turns++;
    }
    assert_in_range(turns, 4, 6);
    assert_int_equal(snapshot->ready_id, 7);
    assert_int_equal(snapshot->count, 10);
    assert_int_equal(snapshot->total, 5000);
    assert_int_equal(snapshot->rows[0].record.bytes[0], 5000);
    assert_int_equal(snapshot->rows[9].record.bytes[0], 4991);
    assert_string_equal(snapshot->rows[0].record.source, "eth0");
    close_scene(&s);
}

static void a_new_engine_finds_no_old_questions_but_old_records_stay(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    ask(&s, 7, 10);
    assert_true(emit_flow(&s.emitter, flow_table_at(s.table, 1), 1));
    s.link.lanes[0].stats->packets = 5;
    engine_link_reset(&s.link);
    assert_int_equal(ring_depth(s.link.lanes[0].questions), 0);
    assert_int_equal(ring_depth(s.link.lanes[0].flows), 1);
    assert_int_equal(s.link.lanes[0].stats->packets, 0);
    close_scene(&s);
}

static void a_full_ring_leaves_the_deltas_with_the_flow(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct ring *ring = s.link.lanes[0].flows;
    while (ring_reserve(ring) != NULL) {
        ring_commit(ring);
    }
    struct flow *f = flow_table_at(s.table, 9);
    assert_false(emit_flow(&s.emitter, f, 1));
    ring_release(ring);
    assert_true(emit_flow(&s.emitter, f, 2));
    const struct record *last = NULL;
    while (ring_peek(ring) != NULL) {
        last = ring_peek(ring);
        ring_release(ring);
    }
    assert_int_equal(last->flow.bytes[0], 9);
    close_scene(&s);
}

static void a_risk_that_found_the_ring_full_is_told_with_the_flows_next_record(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct ring *ring = s.link.lanes[0].flows;
    while (ring_reserve(ring) != NULL) {
        ring_commit(ring);
    }
    struct flow *f = flow_table_at(s.table, 9);
    f->risks = 1u << 5;
    emit_risks(&s.emitter, f, 1);
    while (ring_peek(ring) != NULL) {
        ring_release(ring);
    }
    assert_true(emit_flow(&s.emitter, f, 2));
    const struct record *first = ring_peek(ring);
    assert_int_equal(first->kind, RECORD_RISK);
    assert_int_equal(first->new_risks, 1u << 5);
    ring_release(ring);
    assert_int_equal(((const struct record *)ring_peek(ring))->kind, RECORD_FLOW);
    emit_risks(&s.emitter, f, 3);
    assert_int_equal(ring_depth(ring), 1);
    close_scene(&s);
}

/* The next record of the ring, which must be of that kind. */
static struct record take(struct ring *ring, enum record_kind kind)
{
    const struct record *slot = ring_peek(ring);
    assert_non_null(slot);
    assert_int_equal(slot->kind, kind);
    struct record copy = *slot;
    ring_release(ring);
    return copy;
}

static void rules_are_told_of_a_flow_once_for_each_thing_they_wait_for(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct ring *ring = s.link.lanes[0].flows;
    struct flow *f = flow_table_at(s.table, 9);
    _Atomic uint32_t rules = 0;
    s.emitter.rules = &rules;
    emit_account(&s.emitter, f, 1);
    assert_int_equal(ring_depth(ring), 0); /* there are no rules */
    rules = 1;
    emit_account(&s.emitter, f, 2);
    struct record first = take(ring, RECORD_KNOWN);
    assert_int_equal(first.known, KNOWN_FLOW);
    assert_int_equal(first.news, KNOWN_FLOW);
    assert_int_equal(first.flow.bytes[0], 9);
    f->dpi.done = true;
    f->sum.packets[DIR_S2C] = 1;
    emit_account(&s.emitter, f, 3);
    assert_int_equal(take(ring, RECORD_KNOWN).news, KNOWN_APP | KNOWN_ANSWERED);
    emit_account(&s.emitter, f, 4);
    assert_int_equal(ring_depth(ring), 0);
    rules = 2;
    assert_true(emit_flow(&s.emitter, f, 5));
    assert_int_equal(take(ring, RECORD_KNOWN).news, KNOWN_FLOW | KNOWN_APP | KNOWN_ANSWERED);
    assert_int_equal(take(ring, RECORD_FLOW).flow.bytes[0], 9); /* totals took no deltas away */
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_may_ask_for_one_fingerprint),
        cmocka_unit_test(a_question_is_answered_in_pieces_between_batches),
        cmocka_unit_test(a_new_engine_finds_no_old_questions_but_old_records_stay),
        cmocka_unit_test(a_full_ring_leaves_the_deltas_with_the_flow),
        cmocka_unit_test(rules_are_told_of_a_flow_once_for_each_thing_they_wait_for),
        cmocka_unit_test(a_risk_that_found_the_ring_full_is_told_with_the_flows_next_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
