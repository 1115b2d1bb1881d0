/* Unit tests of drill-down: questions to the engine's lanes, merging, chunks, hosts. */
#include "agent/drill_flows.h"
#include "agent/drill_hosts.h"
#include "agent/intake.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_NS (1700000000ULL * NS_PER_S)

/* What was answered: all rows of all chunks. */
static struct answered {
    unsigned chunks, lasts;
    json_t *rows;
    uint64_t total;
    bool partial;
    char code[32];
} answered;

static void send_chunk(const struct query *question, const struct query_chunk *chunk, void *arg)
{
    (void)arg;
    assert_string_equal(chunk->req, question->req);
    assert_int_equal(chunk->n, answered.chunks);
    answered.chunks++;
    answered.lasts += chunk->last ? 1 : 0;
    answered.total = chunk->total;
    answered.partial = chunk->partial;
    memcpy(answered.code, chunk->err_code, sizeof answered.code);
    assert_true(json_dumpb(chunk->rows, NULL, 0, JSON_COMPACT) < QUERY_CHUNK_MAX);
    assert_int_equal(json_array_extend(answered.rows, chunk->rows), 0);
}

static const struct answer_sink sink = {.send = send_chunk, .arg = NULL};
static struct engine_link link_;
static struct drill_flows *flows;
static struct geo *geo; /* without files */

static int begin(void **state)
{
    (void)state;
    answered = (struct answered){.rows = json_array()};
    if (engine_link_open(&link_, 2, NULL) != 0) {
        return -1;
    }
    geo = geo_open("", "", NULL);
    flows = drill_flows_new(&link_, geo, sink, NULL);
    return flows == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    drill_flows_free(flows);
    geo_close(geo);
    engine_link_close(&link_);
    json_decref(answered.rows);
    return 0;
}

static struct query query_of(enum query_op op, const char *sort, uint32_t limit, uint32_t cursor)
{
    struct query q = {.req = "r1",
                      .agg = "a1",
                      .op = op,
                      .desc = true,
                      .limit = limit,
                      .cursor = cursor,
                      .deadline_ms = QUERY_DEADLINE_MS};
    (void)snprintf(q.sort, sizeof q.sort, "%s", sort);
    return q;
}

/* A worker's part: takes the question and answers with flows of these sizes. */
static struct engine_question lane_answer(unsigned lane, const uint64_t *sizes, uint32_t count)
{
    const struct engine_question *slot = ring_peek(link_.lanes[lane].questions);
    assert_non_null(slot);
    struct engine_question question = *slot;
    ring_release(link_.lanes[lane].questions);
    struct engine_snapshot *snapshot = link_.lanes[lane].snapshot;
    for (uint32_t i = 0; i < count; i++) {
        struct flow_record r = {.flow_id = sizes[i],
                                .first_ns = START_NS,
                                .last_ns = START_NS,
                                .status = FLOW_ACTIVE,
                                .bytes = {sizes[i], 0}};
        r.key.family = ADDR_IPV4;
        r.key.protocol = IPPROTO_TCP;
        snapshot->rows[i] = (struct live_flow){.record = r};
    }
    snapshot->count = count;
    snapshot->total = count;
    snapshot->partial = 0;
    atomic_store(&snapshot->ready_id, question.id);
    return question;
}

static json_int_t row_bytes(size_t i)
{
    return json_integer_value(json_object_get(json_array_get(answered.rows, i), "bytes"));
}

static void lanes_are_merged_in_the_order_asked_for(void **state)
{
    (void)state;
    struct query q = query_of(QUERY_FLOWS, "bytes", 4, 0);
    drill_flows_ask(flows, &q, 0);
    struct engine_question asked = lane_answer(0, (uint64_t[]){90, 50, 10}, 3);
    assert_string_equal(asked.sort, "bytes");
    assert_int_equal(asked.limit, 4);
    drill_flows_poll(flows, 1);
    assert_int_equal(answered.chunks, 0); /* the other lane is still at work */
    (void)lane_answer(1, (uint64_t[]){70, 60, 20}, 3);
    drill_flows_poll(flows, 2);
    assert_int_equal(answered.lasts, 1);
    assert_int_equal(json_array_size(answered.rows), 4);
    assert_int_equal(row_bytes(0), 90);
    assert_int_equal(row_bytes(1), 70);
    assert_int_equal(row_bytes(2), 60);
    assert_int_equal(row_bytes(3), 50);
    assert_int_equal(answered.total, 6);
    assert_false(answered.partial);
}

static void the_second_page_goes_on_where_the_first_ended(void **state)
{
    (void)state;
    struct query q = query_of(QUERY_FLOWS, "", 2, 2);
    drill_flows_ask(flows, &q, 0);
    assert_int_equal(lane_answer(0, (uint64_t[]){90, 50, 10}, 3).limit, 4);
    (void)lane_answer(1, (uint64_t[]){70, 60, 20}, 3);
    drill_flows_poll(flows, 1);
    assert_int_equal(json_array_size(answered.rows), 2);
    assert_int_equal(row_bytes(0), 60);
    assert_int_equal(row_bytes(1), 50);
}

static void a_lane_that_stays_silent_makes_the_answer_partial(void **state)
{
    (void)state;
    struct query q = query_of(QUERY_FLOWS, "", 10, 0);
    drill_flows_ask(flows, &q, 0);
    (void)lane_answer(0, (uint64_t[]){90}, 1);
    uint64_t due_ns = drill_flows_due_ns(flows);
    assert_true(due_ns < (uint64_t)QUERY_DEADLINE_MS * NS_PER_MS);
    drill_flows_poll(flows, due_ns - 1);
    assert_int_equal(answered.chunks, 0);
    drill_flows_poll(flows, due_ns);
    assert_int_equal(answered.lasts, 1);
    assert_true(answered.partial);
    assert_int_equal(json_array_size(answered.rows), 1);
    assert_int_equal(drill_flows_due_ns(flows), 0);
}

static void a_dead_engine_is_an_error_in_time(void **state)
{
    (void)state;
    struct query q = query_of(QUERY_FLOWS, "", 10, 0);
    drill_flows_ask(flows, &q, 0);
    drill_flows_poll(flows, drill_flows_due_ns(flows));
    assert_string_equal(answered.code, "engine_silent");
}

static void an_answer_that_comes_too_late_is_not_taken_for_the_next(void **state)
{
    (void)state;
    struct query q = query_of(QUERY_FLOWS, "", 10, 0);
    drill_flows_ask(flows, &q, 0);
    drill_flows_poll(flows, drill_flows_due_ns(flows));
    assert_int_equal(answered.lasts, 1);
    drill_flows_ask(flows, &q, 0);
    (void)lane_answer(0, (uint64_t[]){1}, 1); /* to the first question */
    (void)lane_answer(1, (uint64_t[]){1}, 1);
    drill_flows_poll(flows, 1);
    assert_int_equal(answered.lasts, 1);
}

static void a_question_waits_for_the_one_before(void **state)
{
    (void)state;
    struct query q = query_of(QUERY_FLOWS, "", 10, 0);
    drill_flows_ask(flows, &q, 0);
    drill_flows_ask(flows, &q, 0);
    (void)lane_answer(0, (uint64_t[]){1}, 1);
    (void)lane_answer(1, (uint64_t[]){1}, 1);
    drill_flows_poll(flows, 1);
    assert_int_equal(answered.lasts, 1);
    answered.chunks = 0;
    (void)lane_answer(0, (uint64_t[]){1}, 1);
    (void)lane_answer(1, (uint64_t[]){1}, 1);
    drill_flows_poll(flows, 2);
    assert_int_equal(answered.lasts, 2);
}

static void too_many_questions_are_refused_aloud(void **state)
{
    (void)state;
    struct query q = query_of(QUERY_FLOWS, "", 10, 0);
    for (unsigned i = 0; i < DRILL_WAITING; i++) {
        drill_flows_ask(flows, &q, 0);
    }
    assert_int_equal(answered.chunks, 0);
    drill_flows_ask(flows, &q, 0);
    assert_string_equal(answered.code, "busy");
}

static void an_unknown_column_is_refused_aloud(void **state)
{
    (void)state;
    struct query q = query_of(QUERY_FLOWS, "colour", 10, 0);
    drill_flows_ask(flows, &q, 0);
    assert_string_equal(answered.code, "bad_request");
}

static void a_lying_snapshot_does_no_harm(void **state)
{
    (void)state;
    struct query q = query_of(QUERY_FLOWS, "", 1000, 0);
    drill_flows_ask(flows, &q, 0);
    (void)lane_answer(0, (uint64_t[]){1}, 1);
    (void)lane_answer(1, (uint64_t[]){1}, 1);
    link_.lanes[0].snapshot->count = UINT32_MAX;
    memset(link_.lanes[0].snapshot->rows[0].record.host, 'x', HOST_NAME_SIZE);
    drill_flows_poll(flows, 1);
    assert_int_equal(answered.lasts, 1);
    assert_int_equal(json_array_size(answered.rows), 2);
}

static void a_long_answer_comes_in_chunks(void **state)
{
    (void)state;
    struct query q = query_of(QUERY_FLOWS, "", 1000, 0);
    uint64_t sizes[1000];
    for (uint64_t i = 0; i < 1000; i++) {
        sizes[i] = 2000 - i;
    }
    drill_flows_ask(flows, &q, 0);
    (void)lane_answer(0, sizes, 1000);
    (void)lane_answer(1, sizes, 1000);
    drill_flows_poll(flows, 1);
    assert_true(answered.chunks > 1);
    assert_int_equal(answered.lasts, 1);
    assert_int_equal(json_array_size(answered.rows), 1000);
    assert_int_equal(row_bytes(999), 1501);
}

static struct host_table *three_hosts(void)
{
    struct host_table *t = host_table_new(10, (struct networks){0}, NULL);
    struct account a = {.at_ns = START_NS, .bytes = {10, 0}};
    a.key.family = ADDR_IPV4;
    for (uint8_t i = 1; i <= 2; i++) {
        a.bytes[DIR_C2S] = i * 100U;
        memcpy(a.key.client.bytes, (uint8_t[]){10, 0, 0, i}, 4);
        memcpy(a.key.server.bytes, (uint8_t[]){192, 0, 2, 9}, 4);
        host_table_account(t, &a);
    }
    return t;
}

static const char *row_host(size_t i)
{
    return json_string_value(json_object_get(json_array_get(answered.rows, i), "host"));
}

static void hosts_are_ordered_by_any_column_and_paged(void **state)
{
    (void)state;
    struct host_table *t = three_hosts();
    struct query q = query_of(QUERY_HOSTS, "", 2, 0);
    drill_hosts_ask(t, geo, &q, sink, START_NS);
    assert_int_equal(answered.total, 3);
    assert_int_equal(json_array_size(answered.rows), 2);
    assert_string_equal(row_host(0), "192.0.2.9");
    assert_string_equal(row_host(1), "10.0.0.2");
    answered.chunks = 0;
    q = query_of(QUERY_HOSTS, "host", 10, 0);
    q.desc = false;
    drill_hosts_ask(t, geo, &q, sink, START_NS);
    assert_string_equal(row_host(2), "10.0.0.1");
    assert_string_equal(row_host(4), "192.0.2.9");
    host_table_free(t);
}

static void hosts_are_filtered_by_address(void **state)
{
    (void)state;
    struct host_table *t = three_hosts();
    struct query q = query_of(QUERY_HOSTS, "", 10, 0);
    (void)snprintf(q.filter.host, sizeof q.filter.host, "10.0.0.2");
    drill_hosts_ask(t, geo, &q, sink, START_NS);
    assert_int_equal(answered.total, 1);
    assert_string_equal(row_host(0), "10.0.0.2");
    host_table_free(t);
}

static void a_filter_that_hosts_do_not_know_is_refused_aloud(void **state)
{
    (void)state;
    struct host_table *t = three_hosts();
    struct query q = query_of(QUERY_HOSTS, "", 10, 0);
    (void)snprintf(q.filter.app, sizeof q.filter.app, "TLS");
    drill_hosts_ask(t, geo, &q, sink, START_NS);
    assert_string_equal(answered.code, "bad_request");
    host_table_free(t);
}

/* ---- the rings ---- */

static unsigned accounts_taken, records_taken;

static void take_account(const struct account *account, void *arg)
{
    (void)arg;
    assert_in_range(strlen(account->app), 0, PROTO_NAME_SIZE - 1);
    accounts_taken++;
}

static void take_record(const struct record *record, void *arg)
{
    (void)arg;
    assert_in_range(strlen(record->flow.host), 0, HOST_NAME_SIZE - 1);
    records_taken++;
}

static unsigned sightings_taken;

static void take_sighting(const struct sighting *s, void *arg)
{
    (void)arg;
    assert_non_null(memchr(s->name, '\0', sizeof s->name));
    sightings_taken++;
}

static void push_sighting(uint8_t kind, uint8_t source, uint8_t family)
{
    struct sighting *s = ring_reserve(link_.lanes[0].sightings);
    assert_non_null(s);
    *s = (struct sighting){.kind = kind, .source = source, .family = family};
    memset(s->name, 'x', sizeof s->name); /* without an end */
    ring_commit(link_.lanes[0].sightings);
}

static void push_record(uint8_t kind, uint8_t family, char letter)
{
    struct record *r = ring_reserve(link_.lanes[1].flows);
    assert_non_null(r);
    *r = (struct record){.kind = kind};
    r->flow.key.family = family;
    r->flow.status = FLOW_ACTIVE;
    memset(r->flow.host, letter, sizeof r->flow.host);
    ring_commit(link_.lanes[1].flows);
}

static void only_well_formed_sightings_pass_from_the_rings(void **state)
{
    (void)state;
    sightings_taken = 0;
    struct intake in = {.account = take_account, .record = take_record, .sighting = take_sighting};
    push_sighting(SIGHTING_NAME, ASSET_FROM_DNS, ADDR_IPV4);
    push_sighting(SIGHTING_NAME, ASSET_SOURCE_END, ADDR_IPV4);
    push_sighting(SIGHTING_NAME, ASSET_FROM_DNS, 5);
    push_sighting(77, ASSET_FROM_DNS, ADDR_IPV4);
    assert_false(intake_drain(&in, &link_));
    assert_int_equal(sightings_taken, 1);
    assert_int_equal(in.malformed, 3);
}

static void only_well_formed_records_pass_from_the_rings(void **state)
{
    (void)state;
    accounts_taken = records_taken = 0;
    struct intake in = {.account = take_account, .record = take_record};
    push_record(RECORD_FLOW, ADDR_IPV4, 'x');
    push_record(RECORD_FLOW, ADDR_IPV6, '\n');
    push_record(99, ADDR_IPV4, 'x');
    push_record(RECORD_FLOW, 5, 'x');
    struct account *a = ring_reserve(link_.lanes[0].accounts);
    *a = (struct account){.source = 200};
    a->key.family = ADDR_IPV4;
    ring_commit(link_.lanes[0].accounts);
    assert_false(intake_drain(&in, &link_));
    assert_int_equal(records_taken, 2);
    assert_int_equal(accounts_taken, 0);
    assert_int_equal(in.taken, 5);
    assert_int_equal(in.malformed, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(lanes_are_merged_in_the_order_asked_for),
        TEST(the_second_page_goes_on_where_the_first_ended),
        TEST(a_lane_that_stays_silent_makes_the_answer_partial),
        TEST(a_dead_engine_is_an_error_in_time),
        TEST(an_answer_that_comes_too_late_is_not_taken_for_the_next),
        TEST(a_question_waits_for_the_one_before),
        TEST(too_many_questions_are_refused_aloud),
        TEST(an_unknown_column_is_refused_aloud),
        TEST(a_lying_snapshot_does_no_harm),
        TEST(a_long_answer_comes_in_chunks),
        TEST(hosts_are_ordered_by_any_column_and_paged),
        TEST(hosts_are_filtered_by_address),
        TEST(a_filter_that_hosts_do_not_know_is_refused_aloud),
        TEST(only_well_formed_records_pass_from_the_rings),
        TEST(only_well_formed_sightings_pass_from_the_rings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
