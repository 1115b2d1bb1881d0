/* Unit tests of agent/flow/flow and agent/flow/expire: what packets and time do to a flow. */
#include "agent/flow/expire.h"
#include "agent/flow/fill.h"
#include "agent/flow/quality.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define MS    1000000ull
#define S     (1000 * MS)
#define START (1000 * S)

static const struct flow_limits limits = {
    .idle_tcp = 300 * S,
    .idle_udp = 30 * S,
    .idle_other = 10 * S,
    .unanswered = 5 * S,
    .linger = 10 * S,
    .report = 60 * S,
    .account = 2 * S,
    .settle = 300 * MS,
};

/* A table with one flow, its timers, and what they asked for. */
struct scene {
    struct flow_table *table;
    struct flow_expiry *expiry;
    struct flow *flow;
    unsigned due; /* bits since last asked */
    uint64_t final_ns;
    uint64_t now_ns;
    unsigned begun; /* accounts that said so */
    unsigned ended;
};

static void on_due(struct flow *f, unsigned due, void *arg)
{
    struct scene *scene = arg;
    scene->due |= due;
    if ((due & FLOW_DUE_ACCOUNT) != 0) {
        struct account account;
        flow_fill_account(scene->table, f, scene->now_ns, &account);
        scene->begun += account.begins;
        scene->ended += account.ends;
    }
    if ((due & FLOW_DUE_REPORT) != 0) {
        flow_mark_reported(scene->table, f, scene->now_ns);
    }
    if ((due & FLOW_DUE_FINAL) != 0) {
        f->final_sent = true;
        scene->final_ns = scene->now_ns;
    }
    if ((due & FLOW_DUE_REMOVE) != 0) {
        flow_expiry_forget(scene->expiry, f);
        flow_table_remove(scene->table, f);
        scene->flow = NULL;
    }
}

static struct packet packet(uint8_t protocol, uint8_t flags, uint64_t at_ns)
{
    return (struct packet){
        .time_ns = at_ns,
        .ends = {.family = ADDR_IPV4, .protocol = protocol, .src_port = 1000, .dst_port = 80},
        .ip_len = 100,
        .tcp = {.flags = flags},
    };
}

static void give(struct scene *scene, const struct packet *p, enum flow_dir dir)
{
    scene->now_ns = p->time_ns;
    (void)flow_note(scene->flow, p, dir);
    flow_quality_note(scene->table, scene->flow, p, dir);
    flow_expiry_plan(scene->expiry, scene->flow, p->time_ns);
}

static struct scene begin(uint8_t protocol, uint8_t flags)
{
    struct scene scene = {.table = flow_table_new(16, NULL)};
    struct packet p = packet(protocol, flags, START);
    const struct flow_key key = {
        .client_port = 1000, .server_port = 80, .family = ADDR_IPV4, .protocol = protocol};
    scene.expiry = flow_expiry_new(&limits, scene.table, NULL);
    scene.flow = flow_table_add(scene.table, &key);
    flow_begin(scene.flow, 1, 0, &p, DIR_C2S);
    give(&scene, &p, DIR_C2S);
    return scene;
}

static void end(struct scene *scene)
{
    flow_expiry_free(scene->expiry);
    flow_table_free(scene->table);
}

/* Time goes on in steps of 100 ms, as on a quiet wire; tells what was asked for meanwhile. */
static unsigned pass(struct scene *scene, uint64_t until_ns)
{
    scene->due = 0;
    for (; scene->now_ns <= until_ns; scene->now_ns += 100 * MS) {
        (void)flow_expiry_run(scene->expiry, scene->now_ns, 100, on_due, scene);
    }
    return scene->due;
}

static void an_unanswered_syn_ends_after_five_seconds(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_TCP, TCP_SYN);
    assert_int_equal(scene.flow->status, FLOW_OPENING);
    struct flow *f = scene.flow;
    assert_int_equal(pass(&scene, START + 4 * S) & FLOW_DUE_FINAL, 0);
    assert_true((pass(&scene, START + 6 * S) & FLOW_DUE_FINAL) != 0);
    assert_int_equal(f->status, FLOW_NO_ANSWER);
    end(&scene);
}

static void a_refused_connection_is_told_within_a_second(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_TCP, TCP_SYN);
    struct packet rst = packet(PROTO_TCP, TCP_RST | TCP_ACK, START + 10 * MS);
    give(&scene, &rst, DIR_S2C);
    assert_int_equal(scene.flow->status, FLOW_REFUSED);
    assert_true((pass(&scene, START + S) & FLOW_DUE_FINAL) != 0);
    end(&scene);
}

static void refuse(struct scene *scene, uint64_t at_ns)
{
    flow_refuse(scene->flow, at_ns);
    flow_expiry_plan(scene->expiry, scene->flow, at_ns);
}

/* A datagram each 20 ms from one side, the first 10 ms after what was last. */
static void speak(struct scene *scene, unsigned packets, enum flow_dir dir)
{
    for (unsigned i = 0; i < packets; i++) {
        struct packet p = packet(PROTO_UDP, 0, scene->now_ns + (i == 0 ? 10 : 20) * MS);
        give(scene, &p, dir);
    }
}

static void a_refused_datagram_flow_goes_on_when_it_is_answered(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_UDP, 0);
    refuse(&scene, scene.now_ns);
    assert_int_equal(scene.flow->status, FLOW_REFUSED);
    speak(&scene, 1, DIR_S2C);
    assert_int_equal(scene.flow->status, FLOW_ACTIVE);
    refuse(&scene, scene.now_ns);
    assert_int_equal(scene.flow->status, FLOW_ACTIVE); /* it has been in use */
    assert_int_equal(pass(&scene, START + 20 * S) & (FLOW_DUE_FINAL | FLOW_DUE_REMOVE), 0);
    end(&scene);
}

static void it_goes_on_when_its_client_does_more_than_try(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_UDP, 0);
    refuse(&scene, scene.now_ns);
    speak(&scene, 5, DIR_C2S);
    assert_int_equal(scene.flow->status, FLOW_REFUSED);
    speak(&scene, 1, DIR_C2S);
    assert_int_equal(scene.flow->status, FLOW_ACTIVE);
    end(&scene);
}

static void it_stays_refused_once_that_is_told(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_UDP, 0);
    refuse(&scene, scene.now_ns);
    assert_true((pass(&scene, START + S) & FLOW_DUE_FINAL) != 0);
    speak(&scene, 6, DIR_C2S);
    speak(&scene, 1, DIR_S2C);
    assert_int_equal(scene.flow->status, FLOW_REFUSED);
    assert_true((pass(&scene, START + 11 * S) & FLOW_DUE_REMOVE) != 0);
    end(&scene);
}

/* The account of its first two seconds says that it ended; what counts flows must not lose it. */
static void one_that_goes_on_after_its_end_was_accounted_begins_anew(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_UDP, 0);
    (void)pass(&scene, START + 1900 * MS);
    refuse(&scene, START + 2050 * MS);
    (void)pass(&scene, START + 2400 * MS);
    assert_int_equal(scene.ended, 1);
    assert_false(scene.flow->final_sent);
    speak(&scene, 1, DIR_S2C);
    (void)pass(&scene, START + 100 * S);
    assert_null(scene.flow);
    assert_int_equal(scene.begun, 2);
    assert_int_equal(scene.ended, 2);
    end(&scene);
}

static void a_reset_after_the_answer_is_a_reset(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_TCP, TCP_SYN);
    struct packet answer = packet(PROTO_TCP, TCP_SYN | TCP_ACK, START + 10 * MS);
    struct packet rst = packet(PROTO_TCP, TCP_RST, START + 20 * MS);
    give(&scene, &answer, DIR_S2C);
    assert_int_equal(scene.flow->status, FLOW_ACTIVE);
    give(&scene, &rst, DIR_C2S);
    assert_int_equal(scene.flow->status, FLOW_RESET);
    end(&scene);
}

static void a_closed_connection_is_told_at_once_and_stays_visible_for_ten_seconds(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_TCP, TCP_SYN);
    struct packet fin = packet(PROTO_TCP, TCP_FIN | TCP_ACK, START + S);
    struct packet fin_back = packet(PROTO_TCP, TCP_FIN | TCP_ACK, START + S + MS);
    give(&scene, &fin, DIR_C2S);
    assert_int_equal(scene.flow->status, FLOW_ACTIVE);
    give(&scene, &fin_back, DIR_S2C);
    assert_int_equal(scene.flow->status, FLOW_CLOSED);
    assert_true((pass(&scene, START + 2 * S) & FLOW_DUE_FINAL) != 0);
    assert_true(scene.final_ns <= START + 2 * S);
    assert_int_equal(pass(&scene, START + 10 * S) & FLOW_DUE_REMOVE, 0);
    assert_true((pass(&scene, START + 12 * S) & FLOW_DUE_REMOVE) != 0);
    assert_int_equal(flow_table_count(scene.table), 0);
    end(&scene);
}

static void udp_ends_by_silence(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_UDP, 0);
    struct packet more = packet(PROTO_UDP, 0, START + 20 * S);
    assert_int_equal(pass(&scene, START + 19 * S) & FLOW_DUE_FINAL, 0);
    give(&scene, &more, DIR_S2C);
    assert_int_equal(pass(&scene, START + 49 * S) & FLOW_DUE_FINAL, 0);
    unsigned due = pass(&scene, START + 51 * S);
    assert_true((due & FLOW_DUE_FINAL) != 0);
    assert_true((due & FLOW_DUE_REMOVE) != 0);
    end(&scene);
}

static void a_busy_flow_is_accounted_every_two_seconds_and_reported_every_minute(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_UDP, 0);
    unsigned accounts = 0;
    unsigned reports = 0;
    for (uint64_t at = START; at < START + 125 * S; at += 500 * MS) {
        struct packet p = packet(PROTO_UDP, 0, at);
        give(&scene, &p, DIR_C2S);
        scene.due = 0;
        (void)flow_expiry_run(scene.expiry, at, 100, on_due, &scene);
        accounts += (scene.due & FLOW_DUE_ACCOUNT) != 0;
        reports += (scene.due & FLOW_DUE_REPORT) != 0;
    }
    assert_in_range(accounts, 40, 63);
    assert_int_equal(reports, 2);
    end(&scene);
}

static void accounts_say_once_that_a_flow_fell_silent(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_UDP, 0);
    (void)pass(&scene, START + 40 * S);
    assert_int_equal(flow_table_count(scene.table), 0);
    assert_int_equal(scene.begun, 1);
    assert_int_equal(scene.ended, 1);
    end(&scene);
}

static void a_late_ack_does_not_end_a_flow_twice(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_TCP, TCP_SYN);
    struct packet rst = packet(PROTO_TCP, TCP_RST, START + 10 * MS);
    struct packet late = packet(PROTO_TCP, TCP_ACK, START + 3 * S);
    give(&scene, &rst, DIR_S2C);
    (void)pass(&scene, START + 2 * S);
    give(&scene, &late, DIR_C2S);
    (void)pass(&scene, START + 20 * S);
    assert_int_equal(flow_table_count(scene.table), 0);
    assert_int_equal(scene.begun, 1);
    assert_int_equal(scene.ended, 1);
    end(&scene);
}

static void a_quiet_flow_gives_no_reports(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_TCP, TCP_ACK);
    (void)pass(&scene, START + 65 * S);
    flow_mark_reported(scene.table, scene.flow, scene.now_ns);
    assert_int_equal(pass(&scene, START + 200 * S) & (FLOW_DUE_REPORT | FLOW_DUE_ACCOUNT), 0);
    end(&scene);
}

static void a_leap_of_a_year_ends_flows_and_not_the_program(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_TCP, TCP_ACK);
    const uint64_t year_later = START + 31536000ull * S;
    for (unsigned i = 0; i < 10; i++) {
        scene.now_ns = year_later;
        (void)flow_expiry_run(scene.expiry, year_later, 100, on_due, &scene);
    }
    assert_int_equal(flow_table_count(scene.table), 0);
    end(&scene);
}

static void a_clock_set_back_takes_flows_and_their_timers_along(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_UDP, 0);
    const uint64_t back = 900 * S;
    (void)pass(&scene, START + 10 * S);
    flow_expiry_shift_back(scene.expiry, back);
    assert_int_equal(scene.flow->first_ns, START - back);
    assert_int_equal(scene.flow->last_ns, START - back);
    assert_int_equal(scene.flow->end_ns, 0);
    scene.now_ns -= back;
    assert_int_equal(pass(&scene, START - back + 29 * S) & FLOW_DUE_FINAL, 0);
    assert_true((pass(&scene, START - back + 31 * S) & FLOW_DUE_FINAL) != 0);
    end(&scene);
}

static void the_budget_bounds_one_run(void **state)
{
    (void)state;
    struct scene scene = {.table = flow_table_new(100, NULL)};
    scene.expiry = flow_expiry_new(&limits, scene.table, NULL);
    struct packet p = packet(PROTO_UDP, 0, START);
    for (uint16_t i = 0; i < 100; i++) {
        const struct flow_key key = {.client_port = i, .family = ADDR_IPV4, .protocol = 17};
        struct flow *f = flow_table_add(scene.table, &key);
        flow_begin(f, i, 0, &p, DIR_C2S);
        (void)flow_note(f, &p, DIR_C2S);
        flow_expiry_plan(scene.expiry, f, START);
    }
    scene.now_ns = START + 40 * S;
    assert_int_equal(flow_expiry_run(scene.expiry, scene.now_ns, 30, on_due, &scene), 30);
    assert_int_equal(flow_table_count(scene.table), 70);
    end(&scene);
}

static void a_new_syn_on_used_ports_begins_another_flow(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_TCP, TCP_SYN);
    struct packet repeat = packet(PROTO_TCP, TCP_SYN, START + S);
    struct packet other = packet(PROTO_TCP, TCP_SYN, START + S);
    other.tcp.seq = 4711;
    assert_false(flow_is_reused(scene.flow, &repeat));
    assert_true(flow_is_reused(scene.flow, &other));
    end(&scene);
}

static void who_answers_with_syn_ack_is_the_server(void **state)
{
    (void)state;
    struct packet syn_ack = packet(PROTO_TCP, TCP_SYN | TCP_ACK, START);
    struct packet syn = packet(PROTO_TCP, TCP_SYN, START);
    struct packet pong = packet(PROTO_ICMP, 0, START);
    pong.answers = true;
    assert_int_equal(flow_first_direction(&syn_ack), DIR_S2C);
    assert_int_equal(flow_first_direction(&syn), DIR_C2S);
    assert_int_equal(flow_first_direction(&pong), DIR_S2C);
}

static void records_carry_what_happened_since_the_last(void **state)
{
    (void)state;
    struct scene scene = begin(PROTO_UDP, 0);
    struct flow_record r;
    struct packet more = packet(PROTO_UDP, 0, START + S);
    flow_fill_record(scene.table, scene.flow, "eth0", &r);
    assert_int_equal(r.bytes[DIR_C2S], 100);
    flow_mark_reported(scene.table, scene.flow, START);
    give(&scene, &more, DIR_S2C);
    flow_fill_record(scene.table, scene.flow, "eth0", &r);
    assert_int_equal(r.bytes[DIR_C2S], 0);
    assert_int_equal(r.bytes[DIR_S2C], 100);
    assert_string_equal(r.source, "eth0");
    flow_fill_totals(scene.table, scene.flow, "eth0", &r);
    assert_int_equal(r.bytes[DIR_C2S], 100);
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unanswered_syn_ends_after_five_seconds),
        cmocka_unit_test(a_refused_connection_is_told_within_a_second),
        cmocka_unit_test(a_refused_datagram_flow_goes_on_when_it_is_answered),
        cmocka_unit_test(it_goes_on_when_its_client_does_more_than_try),
        cmocka_unit_test(it_stays_refused_once_that_is_told),
        cmocka_unit_test(one_that_goes_on_after_its_end_was_accounted_begins_anew),
        cmocka_unit_test(a_reset_after_the_answer_is_a_reset),
        cmocka_unit_test(a_closed_connection_is_told_at_once_and_stays_visible_for_ten_seconds),
        cmocka_unit_test(udp_ends_by_silence),
        cmocka_unit_test(a_busy_flow_is_accounted_every_two_seconds_and_reported_every_minute),
        cmocka_unit_test(accounts_say_once_that_a_flow_fell_silent),
        cmocka_unit_test(a_late_ack_does_not_end_a_flow_twice),
        cmocka_unit_test(a_quiet_flow_gives_no_reports),
        cmocka_unit_test(a_leap_of_a_year_ends_flows_and_not_the_program),
        cmocka_unit_test(a_clock_set_back_takes_flows_and_their_timers_along),
        cmocka_unit_test(the_budget_bounds_one_run),
        cmocka_unit_test(a_new_syn_on_used_ports_begins_another_flow),
        cmocka_unit_test(who_answers_with_syn_ack_is_the_server),
        cmocka_unit_test(records_carry_what_happened_since_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
