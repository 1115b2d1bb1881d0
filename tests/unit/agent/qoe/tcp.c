/* Unit tests of agent/qoe/tcp: from packets to the verdict on both directions. */
#include "agent/qoe/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS 1000000ull

enum { C2S = 0, S2C = 1, SIZE = 1000 };

/* A tap in the middle of a path, with data flowing from server to client. */
struct scene {
    struct qoe_handshake handshake;
    struct qoe_tcp q;
    uint64_t now_ns;
    uint32_t stamp;
};

static void pass(struct scene *s, unsigned dir, struct tcp_segment tcp)
{
    tcp.flags |= TCP_ACK;
    tcp.window = tcp.window == 0 ? 500 : tcp.window;
    const struct packet p = {.time_ns = s->now_ns, .tcp = tcp};
    qoe_tcp_note(&s->q, &s->handshake, &p, dir, CLASS_WEB);
}

/* A segment from the server, and its ACK so much later. */
static void exchange(struct scene *s, uint32_t seq, uint64_t rtt_ms)
{
    pass(s, S2C, (struct tcp_segment){.seq = seq, .len = SIZE, .ack = 1});
    s->now_ns += rtt_ms * MS;
    pass(s, C2S, (struct tcp_segment){.seq = 1, .ack = seq + SIZE});
}

static struct scene begin(void)
{
    struct scene s = {.now_ns = 1000 * MS};
    s.handshake = (struct qoe_handshake){
        .syn_seen = true, .syn_ack_seen = true, .client_us = 20000, .server_us = 30000};
    qoe_tcp_begin(&s.q, &s.handshake);
    return s;
}

static struct quality verdict(const struct scene *s, unsigned dir)
{
    return qoe_tcp_quality(&s->q, dir, QOE_NEWS);
}

static void a_clean_transfer_is_excellent_and_the_silent_direction_is_not_judged(void **state)
{
    (void)state;
    struct scene s = begin();
    for (uint32_t i = 0; i < 134; i++) {
        exchange(&s, 1 + i * SIZE, 20);
    }
    qoe_tcp_close(&s.q, CLASS_WEB, true);
    assert_int_equal(verdict(&s, S2C).score, 100);
    assert_int_equal(verdict(&s, S2C).metric, METRIC_NONE);
    assert_int_equal(verdict(&s, C2S).score, QUALITY_SCORE_NONE);
}

static void thirty_one_of_174_sent_again_is_poor_and_says_so(void **state)
{
    (void)state;
    struct scene s = begin();
    for (uint32_t i = 0; i < 143; i++) {
        if (i < 31) { /* on its way to the client it gets lost: the tap sees it twice */
            pass(&s, S2C, (struct tcp_segment){.seq = 1 + i * SIZE, .len = SIZE, .ack = 1});
            s.now_ns += 50 * MS;
        }
        exchange(&s, 1 + i * SIZE, 20);
    }
    qoe_tcp_close(&s.q, CLASS_WEB, true);
    struct quality v = verdict(&s, S2C);
    assert_int_equal(v.score, 30);
    assert_int_equal(quality_label_of(v.score), QUALITY_POOR);
    assert_int_equal(v.metric, METRIC_LOSS);
    assert_int_equal(v.value, 31);
    assert_int_equal(v.of, 174);
    assert_int_equal(v.blame, BLAME_CLIENT_SIDE);
}

static void what_is_lost_before_the_tap_is_the_senders_side(void **state)
{
    (void)state;
    struct scene s = begin();
    for (uint32_t i = 0; i < 100; i += 2) {
        uint32_t lost = 1 + i * SIZE;
        pass(&s, S2C, (struct tcp_segment){.seq = lost + SIZE, .len = SIZE, .ack = 1});
        s.now_ns += 80 * MS;
        exchange(&s, lost, 20);
        pass(&s, C2S, (struct tcp_segment){.seq = 1, .ack = lost + 2 * SIZE});
    }
    qoe_tcp_close(&s.q, CLASS_WEB, true);
    assert_int_equal(s.q.loss[S2C].sum.lost_before, 50);
    assert_int_equal(verdict(&s, S2C).score, 0);
    assert_int_equal(verdict(&s, S2C).blame, BLAME_SERVER_SIDE);
}

static void a_window_is_judged_when_ten_seconds_are_over(void **state)
{
    (void)state;
    struct scene s = begin();
    for (uint32_t i = 0; i < 30; i++) {
        exchange(&s, 1 + i * SIZE, 300);
    }
    assert_int_equal(verdict(&s, S2C).score, QUALITY_SCORE_NONE);
    for (uint32_t i = 30; i < 36; i++) {
        exchange(&s, 1 + i * SIZE, 300);
    }
    /* 300 ms on the client's side and the handshake's 30 ms say 60 - 330 / 300 … of the table. */
    assert_in_range(verdict(&s, S2C).score, 55, 60);
    assert_int_equal(verdict(&s, S2C).metric, METRIC_RTT);
    assert_int_equal(verdict(&s, S2C).blame, BLAME_CLIENT_SIDE);
}

static void few_segments_are_counted_and_not_judged(void **state)
{
    (void)state;
    struct scene s = begin();
    pass(&s, S2C, (struct tcp_segment){.seq = 1, .len = SIZE, .ack = 1});
    s.now_ns += 50 * MS;
    exchange(&s, 1, 20);
    qoe_tcp_close(&s.q, CLASS_WEB, true);
    assert_int_equal(s.q.loss[S2C].sum.retransmitted, 1);
    assert_int_equal(verdict(&s, S2C).score, QUALITY_SCORE_NONE);
    assert_int_equal(verdict(&s, S2C).confidence, CONFIDENCE_NONE);
    assert_int_equal(verdict(&s, S2C).unjudged, UNJUDGED_LITTLE);
}

static void a_mean_hides_no_bad_window(void **state)
{
    (void)state;
    struct scene s = begin();
    for (uint32_t i = 0; i < 200; i++) {
        exchange(&s, 1 + i * SIZE, i < 150 ? 50 : 600); /* 7.5 s well, then bad */
    }
    qoe_tcp_close(&s.q, CLASS_WEB, true);
    struct quality v = verdict(&s, S2C);
    assert_true(v.worst < v.score);
    assert_true(v.worst <= 30);
    assert_int_equal(v.metric, METRIC_RTT);
}

static void a_receiver_without_room_is_blamed_itself(void **state)
{
    (void)state;
    struct scene s = begin();
    for (uint32_t i = 0; i < 30; i++) {
        exchange(&s, 1 + i * SIZE, 20);
    }
    const struct tcp_segment shut = {.seq = 1, .ack = 1 + 30 * SIZE, .flags = TCP_ACK};
    const struct packet p = {.time_ns = s.now_ns, .tcp = shut};
    qoe_tcp_note(&s.q, &s.handshake, &p, C2S, CLASS_WEB);
    s.now_ns += 2000 * MS;
    pass(&s, C2S, (struct tcp_segment){.seq = 1, .ack = 1 + 30 * SIZE});
    qoe_tcp_close(&s.q, CLASS_WEB, true);
    assert_int_equal(s.q.loss[S2C].sum.zero_window_ms, 2000);
    assert_int_equal(verdict(&s, S2C).metric, METRIC_ZERO_WINDOW);
    assert_int_equal(verdict(&s, S2C).blame, BLAME_CLIENT_HOST);
    assert_int_equal(verdict(&s, S2C).score, 0);
}

static void a_tap_that_loses_packets_itself_judges_nothing(void **state)
{
    (void)state;
    struct scene s = begin();
    for (uint32_t i = 0; i < 200; i++) {
        if (i % 10 != 0) {
            exchange(&s, 1 + i * SIZE, 20);
        }
    }
    qoe_tcp_close(&s.q, CLASS_WEB, true);
    assert_true(s.q.loss[S2C].sum.unseen >= 19);
    assert_int_equal(verdict(&s, S2C).score, QUALITY_SCORE_NONE);
    assert_int_equal(verdict(&s, S2C).unjudged, UNJUDGED_CAPTURE);
    qoe_tcp_told(&s.q);
    assert_int_equal(verdict(&s, S2C).unjudged, UNJUDGED_LITTLE); /* nothing since */
    assert_int_equal(qoe_tcp_quality(&s.q, S2C, QOE_NEWEST).unjudged, UNJUDGED_CAPTURE);
}

static void a_gap_in_what_is_too_little_anyway_is_not_held_against_the_tap(void **state)
{
    (void)state;
    struct scene s = begin();
    s.q.rtt[QOE_CLIENT] = s.q.rtt[QOE_SERVER] = (struct qoe_rtt){0};
    pass(&s, S2C, (struct tcp_segment){.seq = 1 + SIZE, .len = SIZE, .ack = 1});
    pass(&s, C2S, (struct tcp_segment){.seq = 1, .ack = 1 + 2 * SIZE});
    qoe_tcp_close(&s.q, CLASS_WEB, true);
    assert_int_equal(s.q.loss[S2C].sum.unseen, 1);
    assert_int_equal(verdict(&s, S2C).unjudged, UNJUDGED_LITTLE);
}

static void a_flow_that_is_seen_one_way_only_is_not_judged(void **state)
{
    (void)state;
    struct scene s = {.now_ns = 1000 * MS};
    qoe_tcp_begin(&s.q, &s.handshake);
    for (uint32_t i = 0; i < 100; i++) {
        pass(&s, S2C, (struct tcp_segment){.seq = 1 + i * SIZE, .len = SIZE, .ack = 1});
        s.now_ns += 5 * MS;
    }
    qoe_tcp_close(&s.q, CLASS_WEB, true);
    assert_int_equal(verdict(&s, S2C).score, QUALITY_SCORE_NONE);
    assert_int_equal(verdict(&s, S2C).unjudged, UNJUDGED_CAPTURE);
}

static struct flow_rtt trips(const struct scene *s, bool news)
{
    struct flow_record r;
    qoe_trips_fill(&s->q.rtt[QOE_CLIENT].trips, news, SIDE_CLIENT, &r);
    return r.rtt[SIDE_CLIENT];
}

static void a_flow_that_is_found_in_its_middle_has_round_trips_too(void **state)
{
    (void)state;
    struct scene s = {.now_ns = 1000 * MS};
    qoe_tcp_begin(&s.q, &s.handshake);
    for (uint32_t i = 0; i < 40; i++) {
        exchange(&s, 77000 + i * SIZE, 40);
    }
    qoe_tcp_close(&s.q, CLASS_WEB, true);
    struct flow_rtt rtt = trips(&s, true);
    assert_in_range(rtt.median_us, 39960, 40000);
    assert_int_equal(rtt.min_us, 40000);
    assert_int_equal(rtt.samples, 40);
    assert_int_equal(verdict(&s, S2C).score, 100);
}

static void a_record_tells_only_what_came_since_the_one_before(void **state)
{
    (void)state;
    struct scene s = begin();
    for (uint32_t i = 0; i < 40; i++) {
        exchange(&s, 1 + i * SIZE, 20);
    }
    qoe_tcp_close(&s.q, CLASS_WEB, false);
    assert_int_equal(verdict(&s, S2C).score, 100);
    qoe_tcp_told(&s.q);
    assert_int_equal(verdict(&s, S2C).score, QUALITY_SCORE_NONE);
    assert_int_equal(qoe_tcp_quality(&s.q, S2C, QOE_NEWEST).score, 100);
    assert_int_equal(trips(&s, true).samples, 0);
    assert_true(trips(&s, false).samples > 0);
}

static void a_clock_that_is_set_back_forgets_what_was_on_its_way(void **state)
{
    (void)state;
    struct scene s = begin();
    pass(&s, S2C, (struct tcp_segment){.seq = 1, .len = SIZE, .ack = 1});
    qoe_tcp_time_moved(&s.q);
    s.now_ns -= 500 * MS;
    pass(&s, C2S, (struct tcp_segment){.seq = 1, .ack = 1 + SIZE});
    assert_int_equal(s.q.rtt[QOE_CLIENT].trips.window.seen, 1); /* the handshake's alone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_transfer_is_excellent_and_the_silent_direction_is_not_judged),
        cmocka_unit_test(thirty_one_of_174_sent_again_is_poor_and_says_so),
        cmocka_unit_test(what_is_lost_before_the_tap_is_the_senders_side),
        cmocka_unit_test(a_window_is_judged_when_ten_seconds_are_over),
        cmocka_unit_test(few_segments_are_counted_and_not_judged),
        cmocka_unit_test(a_mean_hides_no_bad_window),
        cmocka_unit_test(a_receiver_without_room_is_blamed_itself),
        cmocka_unit_test(a_tap_that_loses_packets_itself_judges_nothing),
        cmocka_unit_test(a_gap_in_what_is_too_little_anyway_is_not_held_against_the_tap),
        cmocka_unit_test(a_flow_that_is_seen_one_way_only_is_not_judged),
        cmocka_unit_test(a_flow_that_is_found_in_its_middle_has_round_trips_too),
        cmocka_unit_test(a_record_tells_only_what_came_since_the_one_before),
        cmocka_unit_test(a_clock_that_is_set_back_forgets_what_was_on_its_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
