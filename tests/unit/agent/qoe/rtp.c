/* Unit tests of agent/qoe/rtp. */
#include "agent/qoe/rtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS 1000000ull

static struct rtp_packet at(uint16_t seq, uint32_t stamp)
{
    return (struct rtp_packet){.ssrc = 7, .seq = seq, .stamp = stamp, .media_len = 160};
}

static struct qoe_rtp begun(uint16_t seq)
{
    struct qoe_rtp s;
    const struct rtp_packet first = at(seq, 0);
    qoe_rtp_begin(&s, &first, 1000 * MS);
    return s;
}

/* Packet n of a stream of G.711 that began with number `first`, so many ms late. */
static void put(struct qoe_rtp *s, uint16_t first, unsigned n, unsigned late_ms)
{
    const struct rtp_packet p = at((uint16_t)(first + n), 160 * n);
    qoe_rtp_note(s, &p, (1000 + 20 * n + late_ms) * MS);
}

static void what_never_comes_is_lost_and_a_copy_hides_nothing(void **state)
{
    (void)state;
    struct qoe_rtp s = begun(65530); /* numbers wrap */
    for (unsigned n = 1; n < 500; n++) {
        bool lost = (n >= 100 && n <= 102) || n == 200 || n == 250 || n == 251;
        if (!lost && n != 300) {
            put(&s, 65530, n, 0);
        }
        if (n == 301) {
            put(&s, 65530, 300, 21);
        }
        if (n == 400) {
            put(&s, 65530, 400, 1);
        }
    }
    qoe_rtp_flush(&s);
    assert_int_equal(s.sum.lost, 6);
    assert_int_equal(s.sum.bursts, 3);
    assert_int_equal(s.sum.duplicated, 1);
    assert_int_equal(s.sum.late, 1);
    assert_int_equal(s.sum.received, 494);
}

static void a_hole_wider_than_the_window_is_lost_whole(void **state)
{
    (void)state;
    struct qoe_rtp s = begun(1);
    put(&s, 1, 1, 0);
    put(&s, 1, 1002, 0);
    for (unsigned n = 1003; n < 1100; n++) {
        put(&s, 1, n, 0);
    }
    assert_int_equal(s.sum.lost, 1000);
    assert_int_equal(s.sum.bursts, 1);
}

static void what_is_too_late_for_the_window_stays_lost(void **state)
{
    (void)state;
    struct qoe_rtp s = begun(1);
    for (unsigned n = 1; n < 100; n++) {
        if (n != 10) {
            put(&s, 1, n, 0);
        }
    }
    put(&s, 1, 10, 3000);
    qoe_rtp_flush(&s);
    assert_int_equal(s.sum.lost, 1);
    assert_int_equal(s.sum.late, 1);
    assert_int_equal(s.sum.received, 99);
}

static void a_sender_that_begins_anew_loses_nothing(void **state)
{
    (void)state;
    struct qoe_rtp s = begun(1);
    for (unsigned n = 1; n < 50; n++) {
        put(&s, 1, n, 0);
    }
    for (unsigned n = 50; n < 100; n++) {
        put(&s, 30000, n, 0);
    }
    qoe_rtp_flush(&s);
    assert_int_equal(s.sum.lost, 0);
    assert_int_equal(s.sum.received, 99); /* the first of the jump was to be confirmed */
}

static void one_wild_number_is_passed_over(void **state)
{
    (void)state;
    struct qoe_rtp s = begun(1);
    put(&s, 1, 1, 0);
    put(&s, 30000, 2, 0);
    put(&s, 1, 2, 0);
    qoe_rtp_flush(&s);
    assert_int_equal(s.sum.lost, 0);
    assert_int_equal(s.sum.received, 3);
}

/* RFC 3550 A.8: J += (|D| - J) / 16. */
static void jitter_is_that_of_the_standard(void **state)
{
    (void)state;
    struct qoe_rtp s = begun(1);
    put(&s, 1, 1, 16);
    assert_int_equal(s.jitter_ns, 1 * MS);
    put(&s, 1, 2, 16);
    assert_int_equal(s.jitter_ns, 1 * MS - MS / 16);
}

static void a_clock_that_nobody_told_is_guessed(void **state)
{
    (void)state;
    struct qoe_rtp s;
    struct rtp_packet p = {.ssrc = 7, .type = 111, .media_len = 80};
    qoe_rtp_begin(&s, &p, 1000 * MS);
    for (unsigned n = 1; n < 40; n++) {
        p.seq = (uint16_t)n;
        p.stamp = 960 * n;
        qoe_rtp_note(&s, &p, (1000 + 20 * n) * MS);
    }
    assert_int_equal(s.clock_hz, 48000);
    assert_string_equal(codec_name((enum codec)s.codec), "audio");
}

static void parts_of_a_picture_tell_no_jitter(void **state)
{
    (void)state;
    struct qoe_rtp s = begun(1);
    const struct rtp_packet part = at(2, 0);
    qoe_rtp_note(&s, &part, 1015 * MS);
    assert_int_equal(s.jitter_ns, 0);
    assert_int_equal(s.sum.received, 2);
}

static void a_window_is_judged_by_its_losses_and_its_sound(void **state)
{
    (void)state;
    struct qoe_rtp s = begun(1);
    const struct qoe_rtp_far quiet = {0};
    for (unsigned n = 1; n < 500; n++) {
        if (n % 20 != 0) {
            put(&s, 1, n, 0);
        }
    }
    struct qoe_rtp_window w = qoe_rtp_close(&s, &quiet, true);
    assert_int_equal(w.packets, 500);
    assert_int_equal(w.lost, 24);
    assert_true(w.measures.value[METRIC_MOS] > 3700 && w.measures.value[METRIC_MOS] < 3950);
    assert_int_equal(w.measures.value[METRIC_PACKET_LOSS], 24);
    assert_int_equal(s.mos_worst, w.measures.value[METRIC_MOS]);
    w = qoe_rtp_close(&s, &quiet, true);
    assert_int_equal(w.packets, 0); /* told already */
}

static void what_the_receiver_lost_beyond_the_tap_counts_as_well(void **state)
{
    (void)state;
    struct qoe_rtp s = begun(1);
    const struct qoe_rtp_far far = {.lost = 10, .of = 100};
    for (unsigned n = 1; n < 200; n++) {
        put(&s, 1, n, 0);
    }
    struct qoe_rtp_window w = qoe_rtp_close(&s, &far, true);
    assert_int_equal(w.lost, 0);
    assert_int_equal(w.lost_behind, 20);
    assert_int_equal(w.measures.value[METRIC_PACKET_LOSS], 20);
}

/* Each tenth is three packets late: it comes, but too late to be played. */
static void what_comes_late_is_not_lost_but_heard(void **state)
{
    (void)state;
    struct qoe_rtp s = begun(1);
    const struct qoe_rtp_far all_came = {.lost = 0, .of = 500};
    for (unsigned n = 1; n < 504; n++) {
        if (n >= 13 && n % 10 == 3) {
            put(&s, 1, n - 3, 61);
        }
        if (n % 10 != 0) {
            put(&s, 1, n, 0);
        }
    }
    struct qoe_rtp_window w = qoe_rtp_close(&s, &all_came, true);
    assert_true(s.sum.discarded > 20);
    assert_int_equal(w.packets, 504);
    assert_int_equal(w.lost, 0);
    assert_int_equal(w.discarded, s.sum.discarded);
    assert_int_equal(w.lost_behind, 0);
    assert_int_equal(w.measures.value[METRIC_PACKET_LOSS], 0);
    assert_true(w.measures.value[METRIC_MOS] < 4200);
}

/* What the receiver lost comes on top of what the tap missed, not of what was late. */
static void what_comes_late_hides_no_loss_of_the_receiver(void **state)
{
    (void)state;
    struct qoe_rtp s = begun(1);
    const struct qoe_rtp_far far = {.lost = 10, .of = 100};
    for (unsigned n = 1; n < 500; n++) {
        put(&s, 1, n, n % 10 == 0 ? 60 : 0);
    }
    struct qoe_rtp_window w = qoe_rtp_close(&s, &far, true);
    assert_true(w.discarded > 0);
    assert_int_equal(w.lost_behind, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_never_comes_is_lost_and_a_copy_hides_nothing),
        cmocka_unit_test(a_hole_wider_than_the_window_is_lost_whole),
        cmocka_unit_test(what_is_too_late_for_the_window_stays_lost),
        cmocka_unit_test(a_sender_that_begins_anew_loses_nothing),
        cmocka_unit_test(one_wild_number_is_passed_over),
        cmocka_unit_test(jitter_is_that_of_the_standard),
        cmocka_unit_test(a_clock_that_nobody_told_is_guessed),
        cmocka_unit_test(parts_of_a_picture_tell_no_jitter),
        cmocka_unit_test(a_window_is_judged_by_its_losses_and_its_sound),
        cmocka_unit_test(what_the_receiver_lost_beyond_the_tap_counts_as_well),
        cmocka_unit_test(what_comes_late_is_not_lost_but_heard),
        cmocka_unit_test(what_comes_late_hides_no_loss_of_the_receiver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
