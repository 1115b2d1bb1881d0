/* Unit tests of agent/qoe/tcp_loss: each segment is of exactly one kind. */
#include "agent/qoe/tcp_loss.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS 1000u

/* A segment as the tests write it; stamp and ident 0: it has none. */
struct seg {
    uint32_t seq, len;
    uint32_t at_us;
    uint32_t stamp;
    uint16_t ident;
};

static enum qoe_kind note(struct qoe_loss *l, struct seg s)
{
    const struct tcp_segment tcp = {.seq = s.seq,
                                    .len = s.len,
                                    .flags = TCP_ACK,
                                    .stamp = s.stamp,
                                    .stamped = s.stamp != 0,
                                    .window = 1000};
    const struct qoe_sight sight = {.now_us = s.at_us, .ident = s.ident};
    return qoe_loss_note(l, &tcp, &sight);
}

static void data(struct qoe_loss *l, uint32_t seq, uint32_t len)
{
    (void)note(l, (struct seg){.seq = seq, .len = len});
}

static void ack(struct qoe_loss *l, uint32_t number, uint16_t window, uint32_t at_us)
{
    const struct tcp_segment tcp = {.ack = number, .flags = TCP_ACK, .window = window};
    qoe_loss_ack(l, &tcp, at_us);
}

static struct qoe_loss from_zero(void)
{
    struct qoe_loss l = {0};
    qoe_loss_start(&l, 0);
    return l;
}

static void data_in_order_is_neither_lost_nor_late(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    for (uint32_t seq = 0; seq < 10000; seq += 1000) {
        data(&l, seq, 1000);
    }
    assert_int_equal(l.sum.data, 10);
    assert_int_equal(l.sum.retransmitted + l.sum.out_of_order + l.sum.lost_before, 0);
}

static void data_seen_before_is_retransmitted(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    data(&l, 0, 1000);
    data(&l, 1000, 1000);
    data(&l, 0, 1000);
    assert_int_equal(l.sum.retransmitted, 1);
    assert_int_equal(l.sum.needless, 0);
}

static void data_that_was_acknowledged_is_sent_again_needlessly(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    data(&l, 0, 1000);
    data(&l, 1000, 1000);
    ack(&l, 2000, 1000, 0);
    data(&l, 0, 1000);
    assert_int_equal(l.sum.retransmitted, 1);
    assert_int_equal(l.sum.needless, 1);
}

static void a_receiver_that_had_it_already_is_counted_once(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    data(&l, 0, 1000);
    data(&l, 1000, 1000);
    data(&l, 0, 1000);
    const struct tcp_segment dsack = {.ack = 2000,
                                      .flags = TCP_ACK,
                                      .window = 9,
                                      .sacked = true,
                                      .sack_from = 0,
                                      .sack_to = 1000};
    qoe_loss_ack(&l, &dsack, 0);
    assert_int_equal(qoe_needless(&l.sum), 1);
}

static void a_hole_filled_with_a_newer_timestamp_was_lost_before_the_tap(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    (void)note(&l, (struct seg){.seq = 0, .len = 100, .stamp = 10});
    assert_int_equal(note(&l, (struct seg){.seq = 200, .len = 100, .stamp = 12}),
                     QOE_NEW_AFTER_HOLE);
    assert_int_equal(note(&l, (struct seg){.seq = 100, .len = 100, .stamp = 92, .at_us = 80 * MS}),
                     QOE_OLD);
    assert_int_equal(l.sum.lost_before, 1);
    assert_int_equal(l.sum.out_of_order, 0);
}

static void a_hole_filled_with_an_older_timestamp_was_late(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    (void)note(&l, (struct seg){.seq = 0, .len = 100, .stamp = 10});
    (void)note(&l, (struct seg){.seq = 200, .len = 100, .stamp = 12});
    (void)note(&l, (struct seg){.seq = 100, .len = 100, .stamp = 11, .at_us = 80 * MS});
    assert_int_equal(l.sum.lost_before, 0);
    assert_int_equal(l.sum.out_of_order, 1);
}

static void an_equal_timestamp_proves_nothing_once_it_is_too_late(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    (void)note(&l, (struct seg){.seq = 0, .len = 100, .stamp = 10});
    (void)note(&l, (struct seg){.seq = 200, .len = 100, .stamp = 10});
    (void)note(&l, (struct seg){.seq = 100, .len = 100, .stamp = 10, .at_us = 2 * MS});
    assert_int_equal(l.sum.out_of_order, 1);
    (void)note(&l, (struct seg){.seq = 400, .len = 100, .stamp = 10, .at_us = 10 * MS});
    (void)note(&l, (struct seg){.seq = 300, .len = 100, .stamp = 10, .at_us = 20 * MS});
    assert_int_equal(l.sum.lost_before, 1);
}

static void without_timestamps_the_ip_identification_tells_late_from_lost(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    for (uint16_t i = 0; i < 4; i++) {
        (void)note(&l, (struct seg){.seq = i * 100u, .len = 100, .ident = (uint16_t)(40 + i)});
    }
    (void)note(&l, (struct seg){.seq = 600, .len = 100, .ident = 46});
    (void)note(&l, (struct seg){.seq = 500, .len = 100, .ident = 45, .at_us = 90 * MS});
    assert_int_equal(l.sum.out_of_order, 1);
}

static void without_anything_time_tells_late_from_lost(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    data(&l, 0, 100);
    data(&l, 200, 100);
    (void)note(&l, (struct seg){.seq = 100, .len = 100, .at_us = 2 * MS});
    assert_int_equal(l.sum.out_of_order, 1);
    (void)note(&l, (struct seg){.seq = 400, .len = 100, .at_us = 10 * MS});
    (void)note(&l, (struct seg){.seq = 300, .len = 100, .at_us = 50 * MS});
    assert_int_equal(l.sum.lost_before, 1);
}

static void a_copy_by_a_mirror_is_no_loss(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    (void)note(&l, (struct seg){.seq = 0, .len = 100, .ident = 7, .at_us = 1000});
    assert_int_equal(note(&l, (struct seg){.seq = 0, .len = 100, .ident = 7, .at_us = 1200}),
                     QOE_NOTHING);
    assert_int_equal(l.sum.duplicated, 1);
    assert_int_equal(l.sum.retransmitted, 0);
    assert_int_equal(l.sum.data, 1);
}

static void a_hole_may_be_filled_from_its_middle(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    data(&l, 0, 100);
    data(&l, 400, 100); /* hole 100 to 400 */
    data(&l, 200, 100);
    data(&l, 300, 100);
    data(&l, 100, 100);
    assert_int_equal(l.sum.out_of_order, 3);
    assert_int_equal(l.sum.retransmitted, 0);
    assert_int_equal(l.holes, 0);
}

static void more_holes_than_there_is_room_for_are_merged(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    data(&l, 0, 100);
    for (uint32_t i = 1; i <= 8; i++) {
        data(&l, i * 200, 100);
    }
    assert_int_equal(l.holes, QOE_HOLES);
    data(&l, 1500, 100); /* the last hole, 1500 to 1600, is still known */
    assert_int_equal(l.sum.out_of_order, 1);
}

static void holes_that_were_merged_are_no_loss_of_the_tap(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    data(&l, 0, 100);
    for (uint32_t i = 1; i <= 8; i++) {
        data(&l, i * 200, 100);
    }
    for (uint32_t i = 0; i < 8; i++) {
        (void)note(&l, (struct seg){.seq = 100 + i * 200, .len = 100, .at_us = 90 * MS});
    }
    ack(&l, 1700, 1000, 0);
    assert_int_equal(l.sum.lost_before, 8);
    assert_int_equal(l.sum.unseen, 0);
}

static void sequence_numbers_may_wrap(void **state)
{
    (void)state;
    struct qoe_loss l = {0};
    qoe_loss_start(&l, 0xfffffe00u);
    data(&l, 0xfffffe00u, 0x200);
    data(&l, 0, 1000);
    data(&l, 0xfffffe00u, 0x200);
    assert_int_equal(l.sum.retransmitted, 1);
    assert_int_equal(l.holes, 0);
}

static void a_keep_alive_is_no_retransmission(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    data(&l, 0, 1000);
    data(&l, 999, 1);
    assert_int_equal(l.sum.retransmitted, 0);
    assert_int_equal(l.sum.data, 1);
}

static void a_shut_window_is_timed_and_its_probe_is_no_data(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    data(&l, 0, 1000);
    ack(&l, 1000, 0, 100 * MS);
    assert_int_equal(note(&l, (struct seg){.seq = 1000, .len = 1, .at_us = 300 * MS}), QOE_NOTHING);
    ack(&l, 1000, 0, 301 * MS);
    ack(&l, 1000, 500, 600 * MS);
    assert_int_equal(l.sum.zero_window_ms, 500);
    assert_int_equal(l.sum.data, 1);
}

static void a_segment_larger_than_the_mss_counts_as_many(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    const struct tcp_segment tcp = {.seq = 0, .len = 14480, .flags = TCP_ACK};
    const struct qoe_sight sight = {.mss = 1448};
    (void)qoe_loss_note(&l, &tcp, &sight);
    assert_int_equal(l.sum.data, 10);
}

static void bytes_that_are_acknowledged_and_were_never_seen_are_the_taps_loss(void **state)
{
    (void)state;
    struct qoe_loss l = from_zero();
    data(&l, 0, 100);
    data(&l, 200, 100);
    ack(&l, 300, 1000, 0);
    ack(&l, 900, 1000, 0);
    assert_int_equal(l.sum.unseen, 2);
    assert_int_equal(l.sum.acks, 2);
    assert_int_equal(l.holes, 0);
}

static void what_was_under_way_when_we_came_in_counts_for_nothing(void **state)
{
    (void)state;
    struct qoe_loss l = {0};
    data(&l, 5000, 1000);
    data(&l, 4000, 1000); /* passed before, or is late: nobody can say */
    assert_int_equal(l.sum.retransmitted + l.sum.out_of_order + l.sum.lost_before, 0);
    ack(&l, 6000, 1000, 0);
    data(&l, 4000, 1000); /* but now it can only be a repetition */
    assert_int_equal(l.sum.needless, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_in_order_is_neither_lost_nor_late),
        cmocka_unit_test(data_seen_before_is_retransmitted),
        cmocka_unit_test(data_that_was_acknowledged_is_sent_again_needlessly),
        cmocka_unit_test(a_receiver_that_had_it_already_is_counted_once),
        cmocka_unit_test(a_hole_filled_with_a_newer_timestamp_was_lost_before_the_tap),
        cmocka_unit_test(a_hole_filled_with_an_older_timestamp_was_late),
        cmocka_unit_test(an_equal_timestamp_proves_nothing_once_it_is_too_late),
        cmocka_unit_test(without_timestamps_the_ip_identification_tells_late_from_lost),
        cmocka_unit_test(without_anything_time_tells_late_from_lost),
        cmocka_unit_test(a_copy_by_a_mirror_is_no_loss),
        cmocka_unit_test(a_hole_may_be_filled_from_its_middle),
        cmocka_unit_test(more_holes_than_there_is_room_for_are_merged),
        cmocka_unit_test(holes_that_were_merged_are_no_loss_of_the_tap),
        cmocka_unit_test(sequence_numbers_may_wrap),
        cmocka_unit_test(a_keep_alive_is_no_retransmission),
        cmocka_unit_test(a_shut_window_is_timed_and_its_probe_is_no_data),
        cmocka_unit_test(a_segment_larger_than_the_mss_counts_as_many),
        cmocka_unit_test(bytes_that_are_acknowledged_and_were_never_seen_are_the_taps_loss),
        cmocka_unit_test(what_was_under_way_when_we_came_in_counts_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
