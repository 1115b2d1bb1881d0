/* Flow, counter, alert and gap records: round trips and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/tunnel.h"
#include "common/wire/alerts.h"
#include "common/wire/counters.h"
#include "common/wire/delivery.h"
#include "common/wire/flows.h"
#include "common/wire/text.h"

static struct flow_record a_flow(void)
{
    struct flow_record r = {.flow_id = UINT64_MAX,
                            .first_ns = 1000,
                            .last_ns = 2000,
                            .status = FLOW_CLOSED,
                            .final = true,
                            .confidence = 4,
                            .bytes = {10, 20},
                            .packets = {1, 2},
                            .retransmitted = {3, 4},
                            .out_of_order = {5, 6},
                            .tcp_flags = {0x1B, 0x12},
                            .handshake_client_us = 70,
                            .handshake_server_us = 80,
                            .risks = UINT64_C(1) << 41,
                            .source = "eth0",
                            .protocol = "TLS",
                            .app = "Example",
                            .category = "Web",
                            .host = "example.org",
                            .info = "TLSv1.3",
                            .quality_class = CLASS_WEB,
                            .quality_profile = 1,
                            .quality = {{.score = 98, .worst = 90, .confidence = CONFIDENCE_HIGH},
                                        {.score = 41,
                                         .worst = 30,
                                         .metric = METRIC_LOSS,
                                         .blame = BLAME_SERVER_SIDE,
                                         .confidence = CONFIDENCE_MEDIUM,
                                         .value = 31,
                                         .of = 174}},
                            .segments = {{1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}},
                            .rtt = {{11, 12, 13, 14}, {15, 16, 17, 18}},
                            .dns = {19, 20, 21, 22}};
    r.key = (struct flow_key){
        .client_port = 40000, .server_port = 443, .vlan = 7, .family = ADDR_IPV4, .protocol = 6};
    (void)addr_parse("192.0.2.1", &r.key.client);
    (void)addr_parse("198.51.100.2", &r.key.server);
    memcpy(r.client_mac.bytes, "\x02\x00\x00\x00\x00\x01", 6);
    return r;
}

static void a_flow_comes_back_as_it_was(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = a_flow(), out;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), 0);
    assert_int_equal(out.flow_id, in.flow_id);
    assert_memory_equal(&out.key, &in.key, sizeof in.key);
    assert_memory_equal(&out.client_mac, &in.client_mac, sizeof in.client_mac);
    assert_memory_equal(out.bytes, in.bytes, sizeof in.bytes);
    assert_memory_equal(out.packets, in.packets, sizeof in.packets);
    assert_memory_equal(out.retransmitted, in.retransmitted, sizeof in.retransmitted);
    assert_memory_equal(out.out_of_order, in.out_of_order, sizeof in.out_of_order);
    assert_memory_equal(out.tcp_flags, in.tcp_flags, sizeof in.tcp_flags);
    assert_int_equal(out.handshake_client_us, 70);
    assert_int_equal(out.handshake_server_us, 80);
    assert_int_equal(out.risks, in.risks);
    assert_true(out.final);
    assert_false(out.truncated);
    assert_string_equal(out.source, "eth0");
    assert_string_equal(out.protocol, "TLS");
    assert_string_equal(out.app, "Example");
    assert_string_equal(out.category, "Web");
    assert_string_equal(out.host, "example.org");
    assert_string_equal(out.info, "TLSv1.3");
    assert_int_equal(out.quality_class, CLASS_WEB);
    assert_int_equal(out.quality_profile, 1);
    assert_memory_equal(out.segments, in.segments, sizeof in.segments);
    assert_memory_equal(out.rtt, in.rtt, sizeof in.rtt);
    assert_memory_equal(&out.dns, &in.dns, sizeof in.dns);
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        assert_int_equal(out.quality[dir].score, in.quality[dir].score);
        assert_int_equal(out.quality[dir].worst, in.quality[dir].worst);
        assert_int_equal(out.quality[dir].metric, in.quality[dir].metric);
        assert_int_equal(out.quality[dir].blame, in.quality[dir].blame);
        assert_int_equal(out.quality[dir].confidence, in.quality[dir].confidence);
        assert_int_equal(out.quality[dir].value, in.quality[dir].value);
        assert_int_equal(out.quality[dir].of, in.quality[dir].of);
    }
}

enum {
    QUALITY_PACKED = 2 + 2 * 33 + 2 * 16 + 16, /* what schema 2 added at the end */
    CAPTURED_PACKED = 1,                       /* what schema 3 adds for a captured flow */
    UNJUDGED_PACKED = 2,                       /* what schema 4 adds */
    ORIGIN_PACKED = 1 + 2 * (2 + 4 + 1),       /* what schema 5 adds: no tunnel, no places */
    PRINTS_PACKED = 1 + 2 + 2,                 /* what schema 6 adds without fingerprints */
    NO_MEDIA_PACKED = 3,                       /* what schema 7 adds for a flow without RTP */
    NO_TRIPS_PACKED = 3,                       /* what schema 8 adds for a flow's only record */
    SINCE_7_PACKED = NO_MEDIA_PACKED + NO_TRIPS_PACKED,
    LATER_PACKED = UNJUDGED_PACKED + ORIGIN_PACKED + PRINTS_PACKED + SINCE_7_PACKED,
};

static void a_record_of_schema_1_has_no_quality(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = a_flow(), out;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(
        flow_record_unpack(buf, len - LATER_PACKED - CAPTURED_PACKED - QUALITY_PACKED, &out, &e),
        0);
    assert_string_equal(out.info, "TLSv1.3");
    assert_int_equal(out.quality_profile, 0);
    assert_int_equal(out.quality[DIR_C2S].score, QUALITY_SCORE_NONE);
    assert_int_equal(out.segments[DIR_C2S].data, 0);
}

static void a_score_above_a_hundred_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = a_flow(), out;
    in.quality[DIR_S2C].score = 101;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), -1);
}

static void qualities_of_two_records_add_up_by_their_segments(void **state)
{
    (void)state;
    struct flow_record a = a_flow(), b = a_flow();
    a.quality[DIR_S2C] = (struct quality){.score = 90, .worst = 90};
    a.segments[DIR_S2C].data = 300;
    b.quality[DIR_S2C].score = 50;
    b.segments[DIR_S2C].data = 100;
    flow_record_add_quality(&a, &b);
    assert_int_equal(b.quality[DIR_S2C].score, 80);
    assert_int_equal(b.quality[DIR_S2C].worst, 30);
    assert_int_equal(b.quality[DIR_S2C].metric, METRIC_LOSS);
    assert_int_equal(b.segments[DIR_S2C].data, 400);
    struct flow_record silent = a_flow();
    silent.quality[DIR_S2C].score = silent.quality[DIR_S2C].worst = QUALITY_SCORE_NONE;
    flow_record_add_quality(&b, &silent);
    assert_int_equal(silent.quality[DIR_S2C].score, 80);
}

/* A record whose server side had so many round trips of this length. */
static struct flow_record with_trips(uint32_t us, uint32_t count)
{
    struct flow_record r = a_flow();
    latencies_add(&r.trips[SIDE_SERVER], us, count);
    r.rtt[SIDE_SERVER] = (struct flow_rtt){.median_us = us, .min_us = 900, .samples = count};
    return r;
}

static void round_trips_survive_the_wire(void **state)
{
    (void)state;
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = with_trips(2000, 300), out;
    latencies_add(&in.trips[SIDE_SERVER], 7000, 2);
    in.rtt_by = RTT_BY_SPIN_BIT;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, NULL), 0);
    assert_memory_equal(out.trips, in.trips, sizeof in.trips);
    assert_int_equal(out.rtt_by, RTT_BY_SPIN_BIT);
    struct err odd = {0};
    in.rtt_by = RTT_BY_END;
    len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, &odd), -1);
    in.rtt_by = RTT_BY_ACK;
    in.trips[SIDE_SERVER].code[1] = in.trips[SIDE_SERVER].code[0];
    len = flow_record_pack(&in, buf, sizeof buf);
    struct err e = {0};
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), -1);
}

/* 1, 2 and 50 ms: the mean of the records' medians would be 24 ms. */
static void a_flows_median_is_that_of_all_its_round_trips(void **state)
{
    (void)state;
    struct flow_record first = with_trips(1000, 40), second = with_trips(2000, 30);
    struct flow_record third = with_trips(50000, 60);
    first.rtt_by = RTT_BY_HANDSHAKE;
    second.rtt_by = RTT_BY_SPIN_BIT;
    flow_record_add_quality(&first, &second);
    flow_record_add_quality(&second, &third);
    assert_in_range(third.rtt[SIDE_SERVER].median_us, 1999, 2000);
    assert_int_equal(third.rtt[SIDE_SERVER].samples, 130);
    assert_int_equal(third.rtt_by, RTT_BY_SPIN_BIT);
}

static void a_record_without_its_round_trips_counts_as_its_median(void **state)
{
    (void)state;
    struct flow_record older = with_trips(1000, 70), newer = with_trips(50000, 60);
    older.trips[SIDE_SERVER] = (struct latencies){0};
    flow_record_add_quality(&older, &newer);
    assert_in_range(newer.rtt[SIDE_SERVER].median_us, 999, 1000);
}

static void the_largest_flow_fits_its_limit(void **state)
{
    (void)state;
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record r = a_flow();
    r.key.family = ADDR_IPV6;
    memset(r.source, 'x', sizeof r.source - 1);
    memset(r.protocol, 'x', sizeof r.protocol - 1);
    memset(r.app, 'x', sizeof r.app - 1);
    memset(r.category, 'x', sizeof r.category - 1);
    memset(r.host, 'x', sizeof r.host - 1);
    memset(r.info, 'x', sizeof r.info - 1);
    r.exporter_family = ADDR_IPV6;
    r.tunnel = TUNNEL_VXLAN;
    memset(r.place[SIDE_CLIENT].as_org, 'x', sizeof r.place[SIDE_CLIENT].as_org - 1);
    memset(r.place[SIDE_SERVER].as_org, 'x', sizeof r.place[SIDE_SERVER].as_org - 1);
    r.prints.program.kind = PRINT_HTTP;
    memset(r.prints.program.user_agent, 'x', sizeof r.prints.program.user_agent - 1);
    r.prints.syn = (struct print_syn){.flags = 2, .option_len = PRINT_SYN_OPTIONS_MAX};
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        r.media[dir].streams = 1;
        memset(r.media[dir].codec, 'x', sizeof r.media[dir].codec - 1);
    }
    r.call_state = CALL_UP;
    memset(r.call_id, 'x', sizeof r.call_id - 1);
    for (uint32_t i = 0; i < LATENCY_BINS; i++) {
        latencies_add(&r.trips[SIDE_CLIENT], 1u << i, 1000);
        latencies_add(&r.trips[SIDE_SERVER], 1u << i, 1000);
    }
    assert_true(flow_record_pack(&r, buf, sizeof buf) > 0);
}

static struct flow_prints sent(const struct flow_prints *prints)
{
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = a_flow(), out;
    in.prints = *prints;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, NULL), 0);
    return out.prints;
}

static void fingerprints_survive_the_wire(void **state)
{
    (void)state;
    struct flow_prints in = {
        .program = {.kind = PRINT_TLS,
                    .known = PRINT_CLIENT | PRINT_SERVER,
                    .ja4 = "t13d1516h2_8daaf6152771_e5627efa2ab1",
                    .client = {1, 2, 3},
                    .server = {4, 5, 6}},
        .syn = {.flags = 194,
                .window = 65535,
                .ttl = 64,
                .hops = 7,
                .option_len = 4,
                .options = {2, 4, 5, 0xb4},
                .hash = {7},
                .hash_2025 = {8}},
    };
    struct flow_prints out = sent(&in);
    assert_memory_equal(&out, &in, sizeof in);
    in.program = (struct print_program){.kind = PRINT_HTTP, .user_agent = "Picket/1"};
    out = sent(&in);
    assert_string_equal(out.program.user_agent, "Picket/1");
    in.program = (struct print_program){.kind = PRINT_SSH, .known = PRINT_SERVER, .server = {9}};
    out = sent(&in);
    assert_memory_equal(&out, &in, sizeof in);
}

/* What follows in the record is found behind a kind that is not known. */
static void fingerprints_of_a_later_kind_are_skipped(void **state)
{
    (void)state;
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = a_flow(), out;
    in.prints.program = (struct print_program){.kind = PRINT_HTTP, .user_agent = "Picket/1"};
    in.prints.syn.flags = 2;
    in.prints.syn.window = 1024;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    uint8_t *kind = memchr(buf + len - 50, PRINT_HTTP, 50);
    assert_non_null(kind);
    *kind = 200;
    assert_int_equal(flow_record_unpack(buf, len, &out, NULL), 0);
    assert_int_equal(out.prints.program.kind, PRINT_NONE);
    assert_int_equal(out.prints.syn.window, 1024);
}

static void fields_that_a_later_schema_adds_are_skipped(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX] = {0};
    struct flow_record in = a_flow(), out;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len + 9, &out, &e), 0);
    assert_string_equal(out.info, "TLSv1.3");
}

enum { EXPORTER_LEN = 1 + 4 + 3 * 4 }; /* family, IPv4 address, interfaces and sampling */

static struct flow_record an_exported_flow(void)
{
    struct flow_record r = a_flow();
    r.exporter_family = ADDR_IPV4;
    r.exporter = (struct addr){.bytes = {192, 0, 2, 1}};
    r.input_if = 7;
    r.output_if = 4000000000;
    r.sampling = 100;
    return r;
}

static void who_exported_a_flow_survives_the_wire(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = an_exported_flow(), out;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), 0);
    assert_int_equal(out.exporter_family, ADDR_IPV4);
    assert_memory_equal(&out.exporter, &in.exporter, sizeof in.exporter);
    assert_int_equal(out.input_if, 7);
    assert_int_equal(out.output_if, 4000000000);
    assert_int_equal(out.sampling, 100);
}

static void tunnel_and_places_survive_the_wire(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = a_flow(), out;
    in.tunnel = TUNNEL_GTPU;
    in.tunnel_id = 0xfeedbeef;
    in.place[SIDE_SERVER] =
        (struct geo_place){.country = "DE", .asn = 4200000000, .as_org = "Räuber"};
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), 0);
    assert_int_equal(out.tunnel, TUNNEL_GTPU);
    assert_int_equal(out.tunnel_id, 0xfeedbeef);
    assert_memory_equal(out.place, in.place, sizeof in.place);
    in.tunnel = TUNNEL_END;
    len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), -1);
    in.tunnel = TUNNEL_NONE;
    memcpy(in.place[SIDE_CLIENT].country, "d3", 3);
    len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), -1);
}

static void a_record_of_schema_2_is_a_captured_flow(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = an_exported_flow(), out;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len - LATER_PACKED - EXPORTER_LEN, &out, &e), 0);
    assert_int_equal(out.exporter_family, ADDR_NONE);
    assert_string_equal(out.info, "TLSv1.3");
}

static void a_record_of_schema_3_does_not_say_why_it_is_not_judged(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = a_flow(), out;
    in.quality[DIR_C2S] = quality_without_score(UNJUDGED_CAPTURE);
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), 0);
    assert_int_equal(out.quality[DIR_C2S].unjudged, UNJUDGED_CAPTURE);
    assert_int_equal(flow_record_unpack(buf, len - LATER_PACKED, &out, &e), 0);
    assert_int_equal(out.quality[DIR_C2S].score, QUALITY_SCORE_NONE);
    assert_int_equal(out.quality[DIR_C2S].unjudged, UNJUDGED_NONE);
    in.quality[DIR_C2S].unjudged = UNJUDGED_CLASS + 1;
    len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), -1);
}

static struct flow_record a_call(void)
{
    struct flow_record r = a_flow();
    r.quality_class = CLASS_VOICE;
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        r.media[dir] = (struct flow_media){.ssrc = 0xdeadbeef,
                                           .packets = 300,
                                           .lost = 6,
                                           .duplicated = 1,
                                           .late = 2,
                                           .discarded = 3,
                                           .jitter_us = 2917,
                                           .jitter_max_us = 5361,
                                           .gap_ms = 80,
                                           .clock_hz = 8000,
                                           .mos = 4226,
                                           .mos_worst = 4100,
                                           .mos_reported = 4200,
                                           .burst = 197,
                                           .payload_type = 8,
                                           .streams = 1,
                                           .codec = "PCMA"};
    }
    memcpy(r.call_id, "a84b4c76e66710@pc33", sizeof "a84b4c76e66710@pc33");
    r.call_state = CALL_UP;
    r.call_held = true;
    return r;
}

static void the_media_of_a_call_come_back_as_they_were(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = a_call(), out;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), 0);
    assert_memory_equal(out.media, in.media, sizeof in.media);
    assert_string_equal(out.call_id, in.call_id);
    assert_int_equal(out.call_state, CALL_UP);
    assert_true(out.call_held);
}

static void media_that_cannot_be_are_refused(void **state)
{
    (void)state;
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record mos = a_call(), type = a_call(), call = a_call(), out;
    mos.media[DIR_S2C].mos = 999;
    type.media[DIR_C2S].payload_type = 128;
    call.call_state = CALL_FAILED + 1;
    struct flow_record *const all[] = {&mos, &type, &call};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct err e = {0};
        size_t len = flow_record_pack(all[i], buf, sizeof buf);
        assert_int_equal(flow_record_unpack(buf, len, &out, &e), -1);
    }
}

static void media_of_two_records_add_up_by_their_packets(void **state)
{
    (void)state;
    struct flow_record a = a_call(), b = a_call();
    a.media[DIR_C2S].jitter_us = 1000;
    b.media[DIR_C2S].jitter_us = 4000;
    b.media[DIR_C2S].packets = 600;
    b.media[DIR_C2S].mos_worst = 3000;
    flow_record_add_quality(&a, &b);
    assert_int_equal(b.media[DIR_C2S].packets, 900);
    assert_int_equal(b.media[DIR_C2S].lost, 12);
    assert_int_equal(b.media[DIR_C2S].jitter_us, 3000);
    assert_int_equal(b.media[DIR_C2S].mos_worst, 3000);
    assert_int_equal(b.media[DIR_S2C].mos, 4226);
}

static void a_cut_flow_is_an_error_not_a_crash(void **state)
{
    (void)state;
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = an_exported_flow(), out;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    for (size_t cut = 0; cut < len; cut++) {
        struct err e = {0};
        uint8_t *part = malloc(cut > 0 ? cut : 1);
        memcpy(part, buf, cut);
        size_t left = len - cut;
        size_t schema_2 = LATER_PACKED + EXPORTER_LEN;
        bool is_older = left == NO_TRIPS_PACKED || left == SINCE_7_PACKED ||
                        left == SINCE_7_PACKED + PRINTS_PACKED ||
                        left == SINCE_7_PACKED + PRINTS_PACKED + ORIGIN_PACKED ||
                        left == LATER_PACKED || left == schema_2 ||
                        left == schema_2 + QUALITY_PACKED;
        assert_int_equal(flow_record_unpack(part, cut, &out, &e), is_older ? 0 : -1);
        free(part);
    }
}

static void hostile_host_names_are_cleaned_before_they_leave(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = a_flow(), out;
    memcpy(in.host, "a\xFF\x1B[2J\xC3\xA9", sizeof "a\xFF\x1B[2J\xC3\xA9");
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), 0);
    assert_string_equal(out.host, "a??[2J\xC3\xA9");
}

static void unclean_text_from_an_agent_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX];
    struct flow_record in = a_flow(), out;
    size_t len = flow_record_pack(&in, buf, sizeof buf);
    buf[len - LATER_PACKED - CAPTURED_PACKED - QUALITY_PACKED - 1] =
        0xFF; /* the last letter of the info */
    assert_int_equal(flow_record_unpack(buf, len, &out, &e), -1);
}

static void clean_text_is_well_formed_utf8(void **state)
{
    (void)state;
    const char *good[] = {"", "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x90\xA7"};
    const char *bad[] = {"\x01",         "\x7F",         "\xC0\xAF",         "\xC3",
                         "\xED\xA0\x80", "\xE0\x80\xAF", "\xF4\x90\x80\x80", "\xC2\x85"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(text_is_clean(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(text_is_clean(bad[i], strlen(bad[i])));
    }
}

static void a_counter_comes_back_as_it_was(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[COUNTER_PACKED_MAX];
    struct counter_record in = {.kind = COUNTER_HOST,
                                .local = 1,
                                .vlan = 12,
                                .start_ns = 10000,
                                .seconds = COUNTER_INTERVAL_S,
                                .bytes_in = 1,
                                .bytes_out = 2,
                                .packets = 3,
                                .dropped = 4,
                                .flows = 5,
                                .hosts = 6,
                                .name = "eth0"};
    struct counter_record out;
    in.family = (uint8_t)addr_parse("2001:db8::1", &in.addr);
    size_t len = counter_record_pack(&in, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(counter_record_unpack(buf, len, &out, &e), 0);
    assert_memory_equal(&out.addr, &in.addr, sizeof in.addr);
    assert_string_equal(out.name, in.name);
    assert_int_equal(out.local, 1);
    assert_int_equal(out.vlan, 12);
    assert_int_equal(out.bytes_in + out.bytes_out * 10 + out.packets * 100, 321);
    assert_int_equal(out.dropped * 100 + out.flows * 10 + out.hosts, 456);
}

static void a_host_counter_without_an_address_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[COUNTER_PACKED_MAX];
    struct counter_record in = {.kind = COUNTER_HOST, .seconds = 10}, out;
    size_t len = counter_record_pack(&in, buf, sizeof buf);
    assert_int_equal(counter_record_unpack(buf, len, &out, &e), -1);
}

static struct wire_alert an_alert(void)
{
    struct flow_record flow = a_flow();
    return (struct wire_alert){.kind = 133,
                               .action = ALERT_ENGAGE,
                               .entity = ENTITY_HOST,
                               .score = 250,
                               .at_ns = 5,
                               .since_ns = 4,
                               .entity_id = "192.0.2.1",
                               .key = "tcp",
                               .has_flow = true,
                               .flow_id = UINT64_MAX,
                               .flow = flow.key,
                               .protocol = "TLS",
                               .app = "Example",
                               .host = "example.org",
                               .detail = "20 ports in 60 s"};
}

static void an_alert_comes_back_as_it_was(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[ALERT_PACKED_MAX];
    struct wire_alert in = an_alert(), out;
    size_t len = wire_alert_pack(&in, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(wire_alert_unpack(buf, len, &out, &e), 0);
    assert_int_equal(out.kind, 133);
    assert_int_equal(out.action, ALERT_ENGAGE);
    assert_int_equal(out.entity, ENTITY_HOST);
    assert_int_equal(out.score, 250);
    assert_int_equal(out.at_ns * 10 + out.since_ns, 54);
    assert_true(out.has_flow);
    assert_int_equal(out.flow_id, UINT64_MAX);
    assert_memory_equal(&out.flow, &in.flow, sizeof in.flow);
    assert_string_equal(out.entity_id, in.entity_id);
    assert_string_equal(out.key, in.key);
    assert_string_equal(out.detail, in.detail);
    assert_string_equal(out.host, in.host);
}

static void the_largest_hostile_alert_fits_its_limit(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[ALERT_PACKED_MAX];
    struct wire_alert in = an_alert(), out;
    memset(in.entity_id, '"', sizeof in.entity_id - 1);
    memset(in.key, '\\', sizeof in.key - 1);
    memset(in.detail, 1, sizeof in.detail - 1);
    memset(in.host, 0xFF, sizeof in.host - 1);
    size_t len = wire_alert_pack(&in, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(wire_alert_unpack(buf, len, &out, &e), 0);
}

static void an_alert_with_a_member_of_another_type_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    struct wire_alert out;
    const char *text = "{\"v\":1,\"kind\":\"133\",\"action\":\"event\",\"entity\":\"flow\","
                       "\"score\":1,\"at_ns\":1,\"since_ns\":1,\"entity_id\":\"x\"}";
    assert_int_equal(wire_alert_unpack(text, strlen(text), &out, &e), -1);
    assert_string_equal(e.what, "alert: member \"kind\" is not a number in range");
}

static void a_gap_is_told_from_every_packed_record(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[FLOW_PACKED_MAX];
    struct gap in = {.from = 812, .to = 1440, .reason = GAP_SPOOL_FULL}, out;
    assert_int_equal(gap_pack(&in, buf, sizeof buf), GAP_PACKED_SIZE);
    assert_true(gap_is(buf, GAP_PACKED_SIZE));
    assert_int_equal(gap_unpack(buf, GAP_PACKED_SIZE, &out, &e), 0);
    assert_int_equal(out.from, 812);
    assert_int_equal(out.to, 1440);
    assert_string_equal(gap_reason_name((enum gap_reason)out.reason), "spool_full");

    struct flow_record flow = a_flow();
    assert_false(gap_is(buf, flow_record_pack(&flow, buf, sizeof buf) > 0 ? 1 : 0));
    assert_false(gap_is("{}", 2));
}

static void a_gap_that_runs_backwards_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t buf[GAP_PACKED_SIZE];
    struct gap in = {.from = 5, .to = 4, .reason = GAP_SPOOL_FULL}, out;
    assert_int_equal(gap_pack(&in, buf, sizeof buf), GAP_PACKED_SIZE);
    assert_int_equal(gap_unpack(buf, sizeof buf, &out, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_comes_back_as_it_was),
        cmocka_unit_test(a_record_of_schema_1_has_no_quality),
        cmocka_unit_test(a_score_above_a_hundred_is_refused),
        cmocka_unit_test(qualities_of_two_records_add_up_by_their_segments),
        cmocka_unit_test(round_trips_survive_the_wire),
        cmocka_unit_test(a_flows_median_is_that_of_all_its_round_trips),
        cmocka_unit_test(a_record_without_its_round_trips_counts_as_its_median),
        cmocka_unit_test(the_largest_flow_fits_its_limit),
        cmocka_unit_test(fingerprints_survive_the_wire),
        cmocka_unit_test(fingerprints_of_a_later_kind_are_skipped),
        cmocka_unit_test(fields_that_a_later_schema_adds_are_skipped),
        cmocka_unit_test(who_exported_a_flow_survives_the_wire),
        cmocka_unit_test(tunnel_and_places_survive_the_wire),
        cmocka_unit_test(a_record_of_schema_2_is_a_captured_flow),
        cmocka_unit_test(a_record_of_schema_3_does_not_say_why_it_is_not_judged),
        cmocka_unit_test(a_cut_flow_is_an_error_not_a_crash),
        cmocka_unit_test(the_media_of_a_call_come_back_as_they_were),
        cmocka_unit_test(media_that_cannot_be_are_refused),
        cmocka_unit_test(media_of_two_records_add_up_by_their_packets),
        cmocka_unit_test(hostile_host_names_are_cleaned_before_they_leave),
        cmocka_unit_test(unclean_text_from_an_agent_is_refused),
        cmocka_unit_test(clean_text_is_well_formed_utf8),
        cmocka_unit_test(a_counter_comes_back_as_it_was),
        cmocka_unit_test(a_host_counter_without_an_address_is_refused),
        cmocka_unit_test(an_alert_comes_back_as_it_was),
        cmocka_unit_test(the_largest_hostile_alert_fits_its_limit),
        cmocka_unit_test(an_alert_with_a_member_of_another_type_is_refused),
        cmocka_unit_test(a_gap_is_told_from_every_packed_record),
        cmocka_unit_test(a_gap_that_runs_backwards_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
