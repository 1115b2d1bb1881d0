/* Unit tests of agent/decode/fragment: what is put together, what is given up, and what is kept. */
#include "agent/decode/fragment.h"

#include "agent/decode/decode.h"
#include "tests/unit/agent/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND 1000000000ull

enum { RAW = 101, MEMORY = 1 << 20, MORE = 0x2000, PIECE = 24 };

/*
 * One fragment of a UDP datagram of `total` bytes, decoded: bytes `at` to `at + len` of it, each
 * byte its own place. ident tells the datagrams apart.
 */
static struct packet piece(struct frame *f, unsigned ident, size_t at, size_t len, size_t total)
{
    struct packet p = {0};
    *f = (struct frame){0};
    frame_ipv4(f, PROTO_UDP, len, (unsigned)(at / 8) | (at + len < total ? MORE : 0));
    frame_set_be16(f, 4, ident);
    struct frame whole = {0};
    frame_udp(&whole, 5000, 53, 0);
    frame_set_be16(&whole, 4, total & 0xffff);
    for (size_t i = at; i < at + len; i++) {
        frame_u8(f, i < 8 ? whole.bytes[i] : (unsigned)i & 0xff);
    }
    assert_int_equal(decode_packet(RAW, 0, f->bytes, f->len, f->len, &p), DECODE_OK);
    assert_true(p.fragment);
    p.frames = 1;
    p.frame_len = p.ip_len + 14;
    return p;
}

static void check_whole(const struct datagram *whole, size_t total)
{
    struct packet p = {0};
    assert_int_equal(whole->len, 20 + total);
    assert_int_equal(decode_datagram(0, whole->bytes, whole->len, &p), DECODE_OK);
    assert_false(p.fragment);
    assert_int_equal(p.ends.src_port, 5000);
    assert_int_equal(p.ends.dst_port, 53);
    assert_int_equal(p.payload_len, total - 8);
    for (size_t i = 8; i < total; i++) {
        assert_int_equal(whole->bytes[20 + i], i & 0xff);
    }
}

static void fragments_in_any_order_make_the_datagram(void **state)
{
    (void)state;
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const size_t total = 2 * PIECE + 5;
    struct fragments *f = fragments_new(MEMORY, NULL);
    for (size_t o = 0; o < sizeof orders / sizeof orders[0]; o++) {
        for (unsigned i = 0; i < 3; i++) {
            size_t at = orders[o][i] * (size_t)PIECE;
            struct frame frame;
            struct datagram whole;
            struct packet p = piece(&frame, 9, at, at == 2 * PIECE ? 5 : PIECE, total);
            p.time_ns = SECOND + i;
            enum fragment_result result = fragments_take(f, &p, &whole);
            assert_int_equal(result, i == 2 ? FRAGMENT_WHOLE : FRAGMENT_HELD);
            if (i == 2) {
                check_whole(&whole, total);
                assert_int_equal(p.more_packets, 2);
                assert_int_equal(p.frames, 3);
                assert_int_equal(p.more_bytes, 40);
                assert_int_equal(p.frame_len, total + 3 * 34);
                assert_int_equal(p.began_ns, SECOND);
                assert_int_equal(p.time_ns, SECOND + 2);
            }
        }
    }
    struct packet none;
    assert_false(fragments_give_up(f, UINT64_MAX, &none));
    fragments_free(f);
}

static void a_copy_is_no_overlap_and_counts(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(MEMORY, NULL);
    struct frame frame;
    struct datagram whole;
    struct packet p = piece(&frame, 9, 0, PIECE, PIECE + 8);
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_HELD);
    p = piece(&frame, 9, 0, PIECE, PIECE + 8);
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_HELD);
    p = piece(&frame, 9, PIECE, 8, PIECE + 8);
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_WHOLE);
    assert_int_equal(p.more_packets, 2);
    check_whole(&whole, PIECE + 8);
    fragments_free(f);
}

static void an_overlap_refuses_the_whole_datagram(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(MEMORY, NULL);
    struct frame frame;
    struct datagram whole;
    struct packet p = piece(&frame, 9, 0, PIECE, 2 * PIECE), given;
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_HELD);
    p = piece(&frame, 9, 16, PIECE, 2 * PIECE); /* 8 bytes are there already */
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_ALONE);
    assert_int_equal(p.ends.dst_port, 53); /* the first one told */
    assert_true(fragments_give_up(f, 0, &given));
    assert_int_equal(given.ip_len, 20 + PIECE);
    assert_int_equal(given.ends.src_port, 5000);
    assert_null(given.payload);
    assert_false(fragments_give_up(f, 0, &given));
    p = piece(&frame, 9, PIECE, PIECE, 2 * PIECE); /* would have made it whole */
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_ALONE);
    fragments_free(f);
}

static void two_ends_of_one_datagram_refuse_it(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(MEMORY, NULL);
    struct frame frame;
    struct datagram whole;
    struct packet p = piece(&frame, 9, 4 * PIECE, PIECE, 6 * PIECE);
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_HELD);
    p = piece(&frame, 9, PIECE, 8, PIECE + 8); /* ends before what is there */
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_ALONE);
    fragments_free(f);
}

static void what_does_not_become_whole_in_time_is_given_up(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(MEMORY, NULL);
    struct frame frame;
    struct datagram whole;
    struct packet p, given;
    for (unsigned ident = 1; ident <= 2; ident++) {
        p = piece(&frame, ident, 0, PIECE, 2 * PIECE);
        p.time_ns = ident * SECOND;
        assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_HELD);
    }
    assert_false(fragments_give_up(f, 10 * SECOND, &given));
    assert_true(fragments_give_up(f, 11 * SECOND, &given));
    assert_int_equal(given.fragment_id, 1);
    assert_false(fragments_give_up(f, 11 * SECOND, &given));
    fragments_free(f);
}

static void what_is_held_follows_a_clock_set_back(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(MEMORY, NULL);
    struct frame frame;
    struct datagram whole;
    struct packet given;
    struct packet p = piece(&frame, 1, 0, PIECE, 2 * PIECE);
    p.time_ns = 4000 * SECOND;
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_HELD);
    fragments_shift_back(f, 3600 * SECOND);
    assert_false(fragments_give_up(f, 409 * SECOND, &given));
    assert_true(fragments_give_up(f, 410 * SECOND, &given));
    assert_int_equal(given.time_ns, 400 * SECOND);
    fragments_free(f);
}

/* One is with the caller while the next is filled. */
static void the_smallest_memory_serves_for_ever(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(FRAGMENTS_MIN_BYTES, NULL);
    for (unsigned ident = 1; ident <= 5; ident++) {
        struct frame frame;
        struct datagram whole;
        struct packet p = piece(&frame, ident, 0, PIECE, PIECE + 8);
        assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_HELD);
        p = piece(&frame, ident, PIECE, 8, PIECE + 8);
        assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_WHOLE);
        check_whole(&whole, PIECE + 8);
    }
    fragments_free(f);
}

static void copies_without_end_all_count(void **state)
{
    (void)state;
    enum { COPIES = 70000 };
    struct fragments *f = fragments_new(MEMORY, NULL);
    uint64_t packets = 0, bytes = 0, frames = 0;
    for (unsigned i = 0; i < COPIES; i++) {
        struct frame frame;
        struct datagram whole;
        struct packet given, p = piece(&frame, 9, 0, PIECE, 2 * PIECE);
        bool alone = fragments_take(f, &p, &whole) == FRAGMENT_ALONE;
        packets += alone;
        frames += alone;
        bytes += alone ? p.ip_len : 0;
        while (fragments_give_up(f, i + 1 == COPIES ? UINT64_MAX : 0, &given)) {
            packets += 1u + given.more_packets;
            frames += given.frames;
            bytes += given.ip_len;
        }
    }
    assert_int_equal(packets, COPIES);
    assert_int_equal(frames, COPIES);
    assert_int_equal(bytes, COPIES * (20ull + PIECE));
    fragments_free(f);
}

static void the_oldest_makes_room(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(MEMORY, NULL);
    unsigned given_up = 0, last = 0;
    for (unsigned ident = 1; ident <= 100; ident++) {
        struct frame frame;
        struct datagram whole;
        struct packet p = piece(&frame, ident, 0, PIECE, 2 * PIECE), given;
        p.time_ns = SECOND;
        assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_HELD);
        while (fragments_give_up(f, SECOND, &given)) {
            assert_int_equal(given.fragment_id, ++last); /* in the order in which they came */
            given_up++;
        }
    }
    assert_in_range(given_up, 100 - MEMORY / 65536, 99);
    fragments_free(f);
}

static void what_was_not_captured_whole_counts_alone(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(MEMORY, NULL);
    struct frame frame;
    struct datagram whole;
    struct packet p = piece(&frame, 9, 0, PIECE, 2 * PIECE);
    p.ip_captured -= 4;
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_ALONE);
    assert_int_equal(p.ends.src_port, 5000);
    p = piece(&frame, 9, PIECE, PIECE, 2 * PIECE);
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_ALONE);
    assert_int_equal(p.ends.src_port, 5000); /* remembered of the first */
    fragments_free(f);
}

static void a_datagram_longer_than_ip_can_say_is_refused(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(MEMORY, NULL);
    struct frame frame;
    struct datagram whole;
    struct packet p = piece(&frame, 9, 65512, PIECE, 65536 + 8); /* the ping of death */
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_ALONE);
    fragments_free(f);
}

static void without_memory_each_counts_alone(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(0, NULL);
    struct frame frame;
    struct datagram whole;
    struct packet p = piece(&frame, 9, 0, PIECE, 2 * PIECE), given;
    assert_int_equal(fragments_take(f, &p, &whole), FRAGMENT_ALONE);
    assert_false(fragments_give_up(f, UINT64_MAX, &given));
    fragments_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_in_any_order_make_the_datagram),
        cmocka_unit_test(a_copy_is_no_overlap_and_counts),
        cmocka_unit_test(an_overlap_refuses_the_whole_datagram),
        cmocka_unit_test(two_ends_of_one_datagram_refuse_it),
        cmocka_unit_test(what_does_not_become_whole_in_time_is_given_up),
        cmocka_unit_test(what_is_held_follows_a_clock_set_back),
        cmocka_unit_test(the_smallest_memory_serves_for_ever),
        cmocka_unit_test(copies_without_end_all_count),
        cmocka_unit_test(the_oldest_makes_room),
        cmocka_unit_test(what_was_not_captured_whole_counts_alone),
        cmocka_unit_test(a_datagram_longer_than_ip_can_say_is_refused),
        cmocka_unit_test(without_memory_each_counts_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
