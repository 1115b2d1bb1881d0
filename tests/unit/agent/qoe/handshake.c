/* Unit tests of agent/qoe/handshake. */
#include "agent/qoe/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS 1000000ull

enum { C2S = 0, S2C = 1 };

static void send(struct qoe_handshake *h, unsigned dir, uint8_t flags, uint32_t seq, uint32_t ack,
                 uint64_t at_ns)
{
    const struct tcp_segment tcp = {.seq = seq, .ack = ack, .flags = flags, .mss = 1400};
    qoe_handshake_note(h, &tcp, dir, at_ns);
}

static void both_halves_of_the_handshake_are_whole_round_trips(void **state)
{
    (void)state;
    struct qoe_handshake h = {0};
    send(&h, C2S, TCP_SYN, 100, 0, 1000 * MS);
    send(&h, S2C, TCP_SYN | TCP_ACK, 500, 101, 1080 * MS);
    send(&h, C2S, TCP_ACK, 101, 501, 1100 * MS);
    assert_int_equal(h.server_us, 80000);
    assert_int_equal(h.client_us, 20000);
    assert_true(h.done);
}

static void a_repeated_syn_leaves_the_round_trip_unknown(void **state)
{
    (void)state;
    struct qoe_handshake h = {0};
    send(&h, C2S, TCP_SYN, 100, 0, 1000 * MS);
    send(&h, C2S, TCP_SYN, 100, 0, 2000 * MS);
    send(&h, S2C, TCP_SYN | TCP_ACK, 500, 101, 2080 * MS);
    send(&h, C2S, TCP_ACK, 101, 501, 2100 * MS);
    assert_int_equal(h.server_us, 0);
    assert_int_equal(h.client_us, 0);
}

/* As a mirror port makes them: 40 µs behind the original. */
static void copies_of_a_mirror_leave_the_round_trips_known(void **state)
{
    (void)state;
    struct qoe_handshake h = {0};
    send(&h, C2S, TCP_SYN, 100, 0, 1000 * MS);
    send(&h, C2S, TCP_SYN, 100, 0, 1000 * MS + 40000);
    send(&h, S2C, TCP_SYN | TCP_ACK, 500, 101, 1080 * MS);
    send(&h, S2C, TCP_SYN | TCP_ACK, 500, 101, 1080 * MS + 40000);
    send(&h, C2S, TCP_ACK, 101, 501, 1100 * MS);
    assert_int_equal(h.server_us, 80000);
    assert_int_equal(h.client_us, 20000);
}

static void a_handshake_slower_than_five_seconds_tells_nothing(void **state)
{
    (void)state;
    struct qoe_handshake h = {0};
    send(&h, C2S, TCP_SYN, 100, 0, 1000 * MS);
    send(&h, S2C, TCP_SYN | TCP_ACK, 500, 101, 7000 * MS);
    assert_int_equal(h.server_us, 0);
}

static void the_sizes_that_were_agreed_on_are_kept(void **state)
{
    (void)state;
    struct qoe_handshake h = {0};
    send(&h, C2S, TCP_SYN, 100, 0, 1000 * MS);
    assert_int_equal(h.mss[S2C], 1400);
    assert_int_equal(h.mss[C2S], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_halves_of_the_handshake_are_whole_round_trips),
        cmocka_unit_test(a_repeated_syn_leaves_the_round_trip_unknown),
        cmocka_unit_test(copies_of_a_mirror_leave_the_round_trips_known),
        cmocka_unit_test(a_handshake_slower_than_five_seconds_tells_nothing),
        cmocka_unit_test(the_sizes_that_were_agreed_on_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
