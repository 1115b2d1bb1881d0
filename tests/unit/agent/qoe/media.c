/* Unit tests of agent/qoe/media. */
#include "agent/qoe/media.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define MS 1000000ull

enum { C2S = 0, S2C = 1, ROOM = 64 };

struct lab {
    struct qoe_media_pool pool;
    uint32_t handle;
    struct qoe_media *m;
};

static struct lab lab;

static int open_lab(void **state)
{
    (void)state;
    struct err e = {0};
    if (qoe_media_pool_init(&lab.pool, ROOM, &e) != 0) {
        return -1;
    }
    lab.m = qoe_media_take(&lab.pool, &lab.handle);
    return 0;
}

static int close_lab(void **state)
{
    (void)state;
    qoe_media_pool_done(&lab.pool);
    return 0;
}

static struct packet packet_of(const uint8_t *bytes, uint32_t len, uint64_t at_ms)
{
    struct packet p = {.time_ns = (5000 + at_ms) * MS, .payload = bytes, .payload_len = len};
    p.ends.family = ADDR_IPV4;
    return p;
}

static bool rtp(unsigned dir, uint32_t ssrc, uint8_t type, unsigned n, uint64_t at_ms)
{
    uint8_t bytes[172] = {0x80, type, (uint8_t)(n >> 8), (uint8_t)n};
    uint32_t stamp = __builtin_bswap32(160 * n);
    ssrc = __builtin_bswap32(ssrc);
    memcpy(bytes + 4, &stamp, 4);
    memcpy(bytes + 8, &ssrc, 4);
    struct packet p = packet_of(bytes, sizeof bytes, at_ms);
    return qoe_media_note(&lab.pool, lab.m, &p, dir);
}

/* A report block of the receiver of `about`. */
static void report(unsigned dir, uint32_t about, uint32_t lost, uint32_t highest, uint32_t stamp,
                   uint32_t delay, uint64_t at_ms)
{
    uint32_t words[8] = {0xc981u | 7u << 24, 1, about, lost, highest, 0, stamp, delay};
    for (unsigned i = 1; i < 8; i++) {
        words[i] = __builtin_bswap32(words[i]);
    }
    struct packet p = packet_of((const uint8_t *)words, sizeof words, at_ms);
    qoe_media_note_rtcp(&lab.pool, lab.m, &p, dir);
}

static void sender_report(unsigned dir, uint32_t stamp, uint64_t at_ms)
{
    uint32_t words[7] = {0xc880u | 6u << 24, __builtin_bswap32(1)};
    words[2] = __builtin_bswap32(stamp >> 16);
    words[3] = __builtin_bswap32(stamp << 16);
    struct packet p = packet_of((const uint8_t *)words, sizeof words, at_ms);
    qoe_media_note_rtcp(&lab.pool, lab.m, &p, dir);
}

static void five_in_a_row_are_rtp_and_all_count(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        assert_true(rtp(C2S, 7, 0, n, 20 * n));
        assert_false(lab.m->sure);
    }
    assert_true(rtp(C2S, 7, 0, 4, 80));
    assert_true(lab.m->sure);
    assert_int_equal(lab.m->class, CLASS_VOICE);
    struct flow_record r = {0};
    qoe_media_fill(&lab.pool, lab.m, QOE_NEWEST, &r);
    assert_int_equal(r.media[C2S].packets, 5);
    assert_string_equal(r.media[C2S].codec, "PCMU");
    assert_int_equal(r.media[S2C].streams, 0);
}

/* The first packet is the last to come of four. */
static void one_that_comes_late_at_the_beginning_loses_none(void **state)
{
    (void)state;
    static const unsigned order[] = {1, 2, 3, 0, 5, 4, 6, 7, 8, 9};
    for (unsigned i = 0; i < 10; i++) {
        assert_true(rtp(C2S, 7, 0, order[i], 20 * i));
    }
    assert_true(lab.m->sure);
    struct flow_record r = {0};
    qoe_media_close(&lab.pool, lab.m, true);
    qoe_media_fill(&lab.pool, lab.m, QOE_NEWEST, &r);
    assert_int_equal(r.media[C2S].packets, 10);
    assert_int_equal(r.media[C2S].lost, 0);
    assert_int_equal(r.media[C2S].late, 2);
}

static void what_only_looks_like_it_is_given_up(void **state)
{
    (void)state;
    bool goes_on = true;
    for (unsigned n = 0; n < 64 && goes_on; n++) {
        goes_on = rtp(C2S, 7 + n * 77, 0, n * 1000, 20 * n);
    }
    assert_false(goes_on);
    assert_false(lab.m->sure);
    qoe_media_put(&lab.pool, lab.handle);
    assert_int_equal(lab.pool.streams.used, 0);
    assert_int_equal(lab.pool.flows.used, 0);
}

static void many_sources_are_bounded_and_counted(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 5; n++) {
        (void)rtp(C2S, 7, 0, n, 20 * n);
    }
    for (unsigned ssrc = 100; ssrc < 120; ssrc++) {
        for (unsigned n = 0; n < 3; n++) {
            (void)rtp(C2S, ssrc, 0, n, 100 + 20 * n);
        }
    }
    struct flow_record r = {0};
    qoe_media_fill(&lab.pool, lab.m, QOE_NEWEST, &r);
    assert_int_equal(r.media[C2S].streams, QOE_MEDIA_STREAMS);
    assert_true(lab.pool.refused > 0);
    assert_true(lab.m->spared > 0);
}

static void talk(unsigned packets, unsigned every_lost)
{
    for (unsigned n = 0; n < packets; n++) {
        if (every_lost == 0 || n % every_lost != every_lost - 1) {
            (void)rtp(C2S, 7, 0, n, 20 * n);
        }
        (void)rtp(S2C, 8, 0, n, 20 * n + 5);
    }
}

static void the_side_that_sends_is_guilty_of_what_is_missing_at_the_tap(void **state)
{
    (void)state;
    talk(601, 10);
    qoe_media_close(&lab.pool, lab.m, true);
    struct flow_record r = {0};
    qoe_media_fill(&lab.pool, lab.m, QOE_NEWS, &r);
    assert_true(r.quality[C2S].score < 60);
    assert_int_equal(r.quality[C2S].blame, BLAME_CLIENT_SIDE);
    assert_int_equal(r.quality[S2C].score, 100);
    assert_int_equal(r.quality[S2C].blame, BLAME_NONE);
    assert_int_equal(r.quality[S2C].confidence, CONFIDENCE_HIGH);
    assert_int_equal(r.media[C2S].lost, 60);
    assert_true(r.media[C2S].mos < r.media[S2C].mos);
    assert_int_equal(r.media[S2C].mos, 4364); /* delay unknown: 50 + 20 + 20 ms, R 91.04 */
}

static void the_receivers_side_is_guilty_of_what_only_it_misses(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 5; n++) {
        (void)rtp(C2S, 7, 0, n, 20 * n);
    }
    report(S2C, 7, 0, 0x10000, 0, 0, 100);
    for (unsigned n = 5; n < 450; n++) {
        (void)rtp(C2S, 7, 0, n, 20 * n);
    }
    report(S2C, 7, 30, 0x10000 + 400, 0, 0, 8000);
    qoe_media_close(&lab.pool, lab.m, true);
    struct flow_record r = {0};
    qoe_media_fill(&lab.pool, lab.m, QOE_NEWS, &r);
    assert_int_equal(r.media[C2S].lost, 0);
    assert_true(r.quality[C2S].score < 60);
    assert_int_equal(r.quality[C2S].blame, BLAME_SERVER_SIDE);
}

/* One report holds a block for each stream that its sender hears. */
static void what_a_receiver_misses_is_kept_by_stream(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 450; n++) {
        (void)rtp(C2S, 7, 0, n, 20 * n);
        (void)rtp(C2S, 9, 0, n, 20 * n + 1);
        if (n % 100 == 50) {
            report(S2C, 7, n / 5, n, 0, 0, 20 * n + 5);
            report(S2C, 9, 0, 70000 + n, 0, 0, 20 * n + 5);
        }
    }
    qoe_media_close(&lab.pool, lab.m, true);
    struct flow_record r = {0};
    qoe_media_fill(&lab.pool, lab.m, QOE_NEWS, &r);
    assert_int_equal(r.media[C2S].streams, 2);
    assert_int_equal(r.media[C2S].lost, 0);
    assert_true(r.quality[C2S].score < 60);
    assert_int_equal(r.quality[C2S].blame, BLAME_SERVER_SIDE);
}

static void reports_tell_round_trips_of_both_sides(void **state)
{
    (void)state;
    talk(50, 0);
    sender_report(C2S, 0x12345678, 1000);
    report(S2C, 7, 0, 50, 0x12345678, 65536 / 10, 1180); /* held for 100 ms: 80 ms away */
    sender_report(S2C, 0x22345678, 2000);
    report(C2S, 8, 0, 50, 0x22345678, 0, 2020);
    qoe_media_close(&lab.pool, lab.m, true);
    struct flow_record r = {0};
    qoe_media_fill(&lab.pool, lab.m, QOE_NEWS, &r);
    assert_in_range(r.rtt[SIDE_SERVER].median_us, 79900, 80100);
    assert_in_range(r.rtt[SIDE_CLIENT].median_us, 19900, 20100);
}

static void a_record_tells_only_what_came_since_the_last(void **state)
{
    (void)state;
    talk(601, 10);
    qoe_media_close(&lab.pool, lab.m, false);
    qoe_media_told(&lab.pool, lab.m);
    struct flow_record r = {0};
    qoe_media_fill(&lab.pool, lab.m, QOE_NEWS, &r);
    assert_int_equal(r.media[C2S].packets, 0);
    assert_int_equal(r.quality[C2S].score, QUALITY_SCORE_NONE);
    qoe_media_fill(&lab.pool, lab.m, QOE_NEWEST, &r);
    assert_true(r.media[C2S].packets > 500);
    assert_true(r.media[C2S].mos != 0);
    assert_true(r.quality[C2S].score <= 100);
}

static void a_stream_finds_its_call_and_what_its_type_means(void **state)
{
    (void)state;
    static const char text[] = "INVITE sip:b@c SIP/2.0\r\nCall-ID: the-call\r\n\r\n"
                               "c=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 111\r\n"
                               "a=rtpmap:111 opus/48000/2\r\n";
    struct sip_message sip;
    assert_true(sip_read((const uint8_t *)text, sizeof text - 1, &sip));
    calls_note(lab.pool.calls, &sip, 1);
    for (unsigned n = 0; n < 3; n++) {
        uint8_t bytes[60] = {0x80, 111, 0, (uint8_t)n, 0, 0, (uint8_t)(n * 960 >> 8), (uint8_t)n};
        struct packet p = packet_of(bytes, sizeof bytes, 20 * n);
        p.ends.dst_port = 4000;
        assert_true(qoe_media_note(&lab.pool, lab.m, &p, C2S));
    }
    assert_true(lab.m->sure); /* two are enough where they were announced */
    struct flow_record r = {0};
    qoe_media_fill(&lab.pool, lab.m, QOE_NEWEST, &r);
    assert_string_equal(r.call_id, "the-call");
    assert_int_equal(r.call_state, CALL_TRYING);
    assert_string_equal(r.media[C2S].codec, "opus");
    assert_int_equal(r.media[C2S].clock_hz, 48000);
}

/* 97 is Opus to the caller and iLBC to the called. */
static void each_direction_is_read_as_its_receiver_said(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "INVITE sip:b@c SIP/2.0\r\nCall-ID: two\r\n\r\nc=IN IP4 0.0.0.0\r\n"
        "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n",
        "SIP/2.0 200 OK\r\nCall-ID: two\r\nCSeq: 1 INVITE\r\n\r\nc=IN IP4 0.0.0.0\r\n"
        "m=audio 4002 RTP/AVP 97\r\na=rtpmap:97 iLBC/8000\r\n"};
    for (unsigned i = 0; i < 2; i++) {
        struct sip_message sip;
        assert_true(sip_read((const uint8_t *)texts[i], strlen(texts[i]), &sip));
        calls_note(lab.pool.calls, &sip, 1);
    }
    for (unsigned n = 0; n < 6; n++) {
        uint8_t bytes[60] = {0x80, 97, 0, (uint8_t)(n / 2), 0, 0, 0, (uint8_t)n};
        struct packet p = packet_of(bytes, sizeof bytes, 20 * n);
        p.ends.src_port = n % 2 == 0 ? 4000 : 4002;
        p.ends.dst_port = n % 2 == 0 ? 4002 : 4000;
        assert_true(qoe_media_note(&lab.pool, lab.m, &p, n % 2));
    }
    struct flow_record r = {0};
    qoe_media_fill(&lab.pool, lab.m, QOE_NEWEST, &r);
    assert_string_equal(r.media[C2S].codec, "iLBC");
    assert_int_equal(r.media[C2S].clock_hz, 8000);
    assert_string_equal(r.media[S2C].codec, "opus");
    assert_int_equal(r.media[S2C].clock_hz, 48000);
}

int main(void)
{
#define IN_LAB(test) cmocka_unit_test_setup_teardown(test, open_lab, close_lab)
    const struct CMUnitTest tests[] = {
        IN_LAB(five_in_a_row_are_rtp_and_all_count),
        IN_LAB(one_that_comes_late_at_the_beginning_loses_none),
        IN_LAB(what_only_looks_like_it_is_given_up),
        IN_LAB(many_sources_are_bounded_and_counted),
        IN_LAB(the_side_that_sends_is_guilty_of_what_is_missing_at_the_tap),
        IN_LAB(the_receivers_side_is_guilty_of_what_only_it_misses),
        IN_LAB(what_a_receiver_misses_is_kept_by_stream),
        IN_LAB(reports_tell_round_trips_of_both_sides),
        IN_LAB(a_record_tells_only_what_came_since_the_last),
        IN_LAB(a_stream_finds_its_call_and_what_its_type_means),
        IN_LAB(each_direction_is_read_as_its_receiver_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
