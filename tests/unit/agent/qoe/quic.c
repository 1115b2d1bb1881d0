/* Unit tests of agent/qoe/quic: datagrams with headers of RFC 9000, as far as they are in clear. */
#include "agent/qoe/quic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define MS 1000000ull

enum { CLIENT = 0, SERVER = 1, INITIAL = 0xc0, EARLY = 0xd0, HANDSHAKE = 0xe0, RETRY = 0xf0 };

struct wire {
    struct qoe_quic q;
    uint64_t begin_ns;
};

static void long_header(struct wire *w, unsigned dir, uint8_t first, uint8_t cid, unsigned at_ms)
{
    uint8_t bytes[64] = {first, 0, 0, 0, 1, 8, cid, cid, cid, cid, cid, cid, cid, cid};
    const struct packet p = {
        .time_ns = w->begin_ns + at_ms * MS, .payload = bytes, .payload_len = sizeof bytes};
    qoe_quic_note(&w->q, &p, dir, CLASS_WEB);
}

static void spinning(struct wire *w, unsigned dir, bool spin, unsigned at_ms)
{
    const uint8_t bytes[32] = {(uint8_t)(0x40 | (spin ? 0x20 : 0))};
    const struct packet p = {
        .time_ns = w->begin_ns + at_ms * MS, .payload = bytes, .payload_len = sizeof bytes};
    qoe_quic_note(&w->q, &p, dir, CLASS_WEB);
}

static struct wire opened(void)
{
    struct wire w = {.begin_ns = 5000 * MS};
    qoe_quic_begin(&w.q);
    return w;
}

/* 40 ms to the server and back, 10 ms to the client and back. */
static struct wire shaken(void)
{
    struct wire w = opened();
    long_header(&w, CLIENT, INITIAL, 1, 0);
    long_header(&w, SERVER, INITIAL, 2, 40);
    long_header(&w, CLIENT, HANDSHAKE, 3, 50);
    return w;
}

static void the_handshake_tells_both_sides(void **state)
{
    (void)state;
    struct wire w = shaken();
    assert_int_equal(w.q.server_us, 40000);
    assert_int_equal(w.q.client_us, 10000);
}

static void a_long_hello_is_one_flight(void **state)
{
    (void)state;
    struct wire w = opened();
    long_header(&w, CLIENT, INITIAL, 1, 0);
    long_header(&w, CLIENT, INITIAL, 1, 2);
    long_header(&w, SERVER, INITIAL, 2, 42);
    assert_int_equal(w.q.server_us, 40000);
}

static void a_repeated_hello_spoils_the_figure(void **state)
{
    (void)state;
    struct wire w = opened();
    long_header(&w, CLIENT, INITIAL, 1, 0);
    long_header(&w, CLIENT, INITIAL, 1, 300);
    long_header(&w, SERVER, INITIAL, 2, 340);
    long_header(&w, CLIENT, HANDSHAKE, 3, 350);
    assert_int_equal(w.q.server_us, 0);
    assert_int_equal(w.q.client_us, 0);
}

static void a_client_that_has_not_seen_the_answer_is_no_echo(void **state)
{
    (void)state;
    struct wire w = opened();
    long_header(&w, CLIENT, INITIAL, 1, 0);
    long_header(&w, SERVER, INITIAL, 2, 40);
    long_header(&w, CLIENT, EARLY, 1, 41);
    long_header(&w, CLIENT, INITIAL, 1, 42); /* still to the id that it chose itself */
    long_header(&w, CLIENT, INITIAL, 3, 50);
    assert_int_equal(w.q.client_us, 10000);
}

static void a_retry_starts_the_clock_anew(void **state)
{
    (void)state;
    struct wire w = opened();
    long_header(&w, CLIENT, INITIAL, 1, 0);
    long_header(&w, SERVER, RETRY, 2, 40);
    long_header(&w, CLIENT, INITIAL, 4, 100);
    long_header(&w, SERVER, INITIAL, 5, 130);
    assert_int_equal(w.q.server_us, 30000);
}

/* A packet each way every ms: the client turns its bit over, the server gives it back. */
static void spin(struct wire *w, unsigned from_ms, unsigned to_ms, unsigned swaps)
{
    for (unsigned ms = from_ms; ms < to_ms; ms++) {
        bool client_bit = (ms / 50) % 2 != 0; /* 50 ms the whole way */
        bool server_bit = ms >= 40 && ((ms - 40) / 50) % 2 != 0;
        bool swapped = swaps > 0 && ms % 50 == 3 && ms / 50 % 7 == 0 && ms / 50 / 7 < swaps;
        spinning(w, CLIENT, client_bit != swapped, ms); /* an old packet overtaken */
        spinning(w, SERVER, server_bit, ms);
    }
}

static void the_spin_bit_tells_round_trips(void **state)
{
    (void)state;
    struct wire w = shaken();
    spin(&w, 100, 4000, 3);
    qoe_quic_close(&w.q, CLASS_WEB, false);
    struct flow_record r;
    qoe_trips_fill(&w.q.trips[0], true, SIDE_CLIENT, &r);
    qoe_trips_fill(&w.q.trips[1], true, SIDE_SERVER, &r);
    const struct flow_rtt *rtt = r.rtt;
    assert_in_range(rtt[0].median_us, 9000, 11000);
    assert_in_range(rtt[1].median_us, 39000, 41000);
    assert_true(rtt[0].samples > 30 && rtt[1].samples > 30);
    assert_true(w.q.spun);
    struct quality v = qoe_quic_quality(&w.q, 0, QOE_NEWS);
    assert_int_equal(v.score, 100);
}

static void noise_is_no_spin(void **state)
{
    (void)state;
    struct wire w = shaken();
    uint32_t random = 12345;
    for (unsigned ms = 100; ms < 3000; ms++) {
        random = random * 1103515245 + 12345;
        spinning(&w, CLIENT, (random >> 16 & 1) != 0, ms);
        spinning(&w, SERVER, (random >> 17 & 1) != 0, ms);
    }
    qoe_quic_close(&w.q, CLASS_WEB, true);
    assert_true(w.q.random);
    assert_false(w.q.spun);
    assert_int_equal(w.q.trips[0].sum.trips.total, 1); /* the handshake's alone */
    assert_int_equal(w.q.trips[1].sum.trips.total, 1);
}

static void a_bit_that_stands_still_is_no_spin(void **state)
{
    (void)state;
    struct wire w = shaken();
    for (unsigned ms = 100; ms < 3000; ms++) {
        spinning(&w, CLIENT, false, ms);
        spinning(&w, SERVER, true, ms);
    }
    qoe_quic_close(&w.q, CLASS_WEB, true);
    assert_int_equal(w.q.trips[1].sum.trips.total, 1);
    assert_int_equal(qoe_quic_quality(&w.q, 1, QOE_NEWS).confidence, CONFIDENCE_LOW);
}

static void the_longer_side_is_guilty(void **state)
{
    (void)state;
    struct wire w = opened();
    long_header(&w, CLIENT, INITIAL, 1, 0);
    long_header(&w, SERVER, INITIAL, 2, 600);
    long_header(&w, CLIENT, HANDSHAKE, 3, 610);
    for (unsigned ms = 620; ms < 700; ms++) {
        spinning(&w, CLIENT, false, ms);
    }
    qoe_quic_close(&w.q, CLASS_WEB, true);
    struct quality v = qoe_quic_quality(&w.q, 0, QOE_NEWS);
    assert_int_equal(v.metric, METRIC_RTT);
    assert_in_range(v.value, 609000, 610000); /* kept to 0.05 % */
    assert_int_equal(v.blame, BLAME_SERVER_SIDE);
}

static void only_an_initial_of_a_known_version_begins_one(void **state)
{
    (void)state;
    uint8_t bytes[32] = {INITIAL, 0, 0, 0, 1, 8};
    struct packet p = {.payload = bytes, .payload_len = sizeof bytes};
    assert_true(qoe_quic_begins(&p));
    bytes[0] = HANDSHAKE;
    assert_false(qoe_quic_begins(&p));
    memcpy(bytes, (const uint8_t[]){0xd0, 0x6b, 0x33, 0x43, 0xcf}, 5); /* version 2 */
    assert_true(qoe_quic_begins(&p));
    bytes[4] = 0;
    assert_false(qoe_quic_begins(&p));
    p.payload_len = 5;
    assert_false(qoe_quic_begins(&p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_handshake_tells_both_sides),
        cmocka_unit_test(a_long_hello_is_one_flight),
        cmocka_unit_test(a_repeated_hello_spoils_the_figure),
        cmocka_unit_test(a_client_that_has_not_seen_the_answer_is_no_echo),
        cmocka_unit_test(a_retry_starts_the_clock_anew),
        cmocka_unit_test(the_spin_bit_tells_round_trips),
        cmocka_unit_test(noise_is_no_spin),
        cmocka_unit_test(a_bit_that_stands_still_is_no_spin),
        cmocka_unit_test(the_longer_side_is_guilty),
        cmocka_unit_test(only_an_initial_of_a_known_version_begins_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
