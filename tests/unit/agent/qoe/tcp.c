/* Unit tests of agent/qoe/tcp. */
#include "agent/qoe/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS 1000000ull

enum { C2S = 0, S2C = 1 };

static void send(struct qoe_tcp *q, unsigned dir, uint8_t flags, uint32_t seq, uint32_t ack,
                 uint32_t len, uint64_t at_ns)
{
    const struct tcp_segment tcp = {.seq = seq, .ack = ack, .len = len, .flags = flags};
    qoe_tcp_sample(q, &tcp, dir, at_ns);
}

static void data(struct qoe_tcp *q, uint32_t seq, uint32_t len)
{
    send(q, S2C, TCP_ACK, seq, 0, len, 0);
}

static void both_halves_of_the_handshake_are_whole_round_trips(void **state)
{
    (void)state;
    struct qoe_tcp q = {0};
    send(&q, C2S, TCP_SYN, 100, 0, 0, 1000 * MS);
    send(&q, S2C, TCP_SYN | TCP_ACK, 500, 101, 0, 1080 * MS);
    send(&q, C2S, TCP_ACK, 101, 501, 0, 1100 * MS);
    assert_int_equal(q.server_us, 80000);
    assert_int_equal(q.client_us, 20000);
}

static void a_repeated_syn_leaves_the_round_trip_unknown(void **state)
{
    (void)state;
    struct qoe_tcp q = {0};
    send(&q, C2S, TCP_SYN, 100, 0, 0, 1000 * MS);
    send(&q, C2S, TCP_SYN, 100, 0, 0, 2000 * MS);
    send(&q, S2C, TCP_SYN | TCP_ACK, 500, 101, 0, 2080 * MS);
    send(&q, C2S, TCP_ACK, 101, 501, 0, 2100 * MS);
    assert_int_equal(q.server_us, 0);
    assert_int_equal(q.client_us, 0);
}

static void a_handshake_slower_than_five_seconds_tells_nothing(void **state)
{
    (void)state;
    struct qoe_tcp q = {0};
    send(&q, C2S, TCP_SYN, 100, 0, 0, 1000 * MS);
    send(&q, S2C, TCP_SYN | TCP_ACK, 500, 101, 0, 7000 * MS);
    assert_int_equal(q.server_us, 0);
}

static void data_in_order_is_neither_lost_nor_late(void **state)
{
    (void)state;
    struct qoe_tcp q = {0};
    for (uint32_t seq = 0; seq < 10000; seq += 1000) {
        data(&q, seq, 1000);
    }
    assert_int_equal(q.dir[S2C].retransmitted, 0);
    assert_int_equal(q.dir[S2C].out_of_order, 0);
}

static void data_seen_before_is_retransmitted(void **state)
{
    (void)state;
    struct qoe_tcp q = {0};
    data(&q, 0, 1000);
    data(&q, 1000, 1000);
    data(&q, 0, 1000);
    assert_int_equal(q.dir[S2C].retransmitted, 1);
    assert_int_equal(q.dir[C2S].retransmitted, 0);
}

static void data_that_fills_a_hole_is_out_of_order(void **state)
{
    (void)state;
    struct qoe_tcp q = {0};
    data(&q, 0, 1000);
    data(&q, 2000, 1000);
    data(&q, 1000, 1000);
    data(&q, 1000, 1000); /* the hole is filled: now it is a repeat */
    assert_int_equal(q.dir[S2C].out_of_order, 1);
    assert_int_equal(q.dir[S2C].retransmitted, 1);
}

static void a_hole_may_be_filled_from_its_middle(void **state)
{
    (void)state;
    struct qoe_tcp q = {0};
    data(&q, 0, 100);
    data(&q, 400, 100); /* hole 100 to 400 */
    data(&q, 200, 100);
    data(&q, 300, 100);
    data(&q, 100, 100);
    assert_int_equal(q.dir[S2C].out_of_order, 3);
    assert_int_equal(q.dir[S2C].retransmitted, 0);
    assert_int_equal(q.dir[S2C].hole_count, 0);
}

static void more_holes_than_there_is_room_for_are_merged(void **state)
{
    (void)state;
    struct qoe_tcp q = {0};
    data(&q, 0, 100);
    for (uint32_t i = 1; i <= 8; i++) {
        data(&q, i * 200, 100);
    }
    assert_int_equal(q.dir[S2C].hole_count, QOE_TCP_HOLES);
    data(&q, 1500, 100); /* the last hole, 1500 to 1600, is still known */
    assert_int_equal(q.dir[S2C].out_of_order, 1);
}

static void sequence_numbers_may_wrap(void **state)
{
    (void)state;
    struct qoe_tcp q = {0};
    data(&q, 0xfffffe00u, 0x200);
    data(&q, 0, 1000);
    data(&q, 0xfffffe00u, 0x200);
    assert_int_equal(q.dir[S2C].retransmitted, 1);
    assert_int_equal(q.dir[S2C].hole_count, 0);
}

static void a_keep_alive_is_no_retransmission(void **state)
{
    (void)state;
    struct qoe_tcp q = {0};
    data(&q, 0, 1000);
    data(&q, 999, 1);
    assert_int_equal(q.dir[S2C].retransmitted, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_halves_of_the_handshake_are_whole_round_trips),
        cmocka_unit_test(a_repeated_syn_leaves_the_round_trip_unknown),
        cmocka_unit_test(a_handshake_slower_than_five_seconds_tells_nothing),
        cmocka_unit_test(data_in_order_is_neither_lost_nor_late),
        cmocka_unit_test(data_seen_before_is_retransmitted),
        cmocka_unit_test(data_that_fills_a_hole_is_out_of_order),
        cmocka_unit_test(a_hole_may_be_filled_from_its_middle),
        cmocka_unit_test(more_holes_than_there_is_room_for_are_merged),
        cmocka_unit_test(sequence_numbers_may_wrap),
        cmocka_unit_test(a_keep_alive_is_no_retransmission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
