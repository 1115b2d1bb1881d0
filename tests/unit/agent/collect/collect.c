/* Unit tests of agent/collect: datagrams made by hand from the specifications of each format. */
#include "agent/collect/collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define NS_OF_S 1000000000ull
#define NOW_S   1700000000u
#define NOW_NS  (NOW_S * NS_OF_S)

/* A datagram in the making. */
struct datagram {
    uint8_t bytes[2048];
    size_t len;
};

static void put(struct datagram *d, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        size_t behind = size - 1 - i;
        d->bytes[d->len++] = behind < 8 ? (uint8_t)(value >> 8 * behind) : 0;
    }
}

static void put16(struct datagram *d, unsigned value)
{
    put(d, value, 2);
}

static void put32(struct datagram *d, uint64_t value)
{
    put(d, value, 4);
}

/* Begins a set and returns where its length stands; end_set fills it in. */
static size_t begin_set(struct datagram *d, unsigned id)
{
    put16(d, id);
    put16(d, 0);
    return d->len - 2;
}

static void set16(struct datagram *d, size_t at, size_t value)
{
    d->bytes[at] = (uint8_t)(value >> 8);
    d->bytes[at + 1] = (uint8_t)value;
}

static void end_set(struct datagram *d, size_t at)
{
    set16(d, at, d->len - at + 2);
}

enum { FLOWS = 64 };
static struct collected flows[FLOWS];
static unsigned count;
static struct collector *collector;

static void take(const struct collected *flow, void *arg)
{
    (void)arg;
    assert_true(count < FLOWS);
    flows[count++] = *flow;
}

static int begin(void **state)
{
    (void)state;
    struct err e = {0};
    collector = collector_new(&e);
    count = 0;
    return collector == NULL;
}

static int end(void **state)
{
    (void)state;
    collector_free(collector);
    return 0;
}

static struct collect_from sender(unsigned last, uint16_t port)
{
    return (struct collect_from){
        .addr = {.bytes = {192, 0, 2, (uint8_t)last}}, .family = ADDR_IPV4, .port = port};
}

static bool hear(const struct datagram *d, uint64_t at_ns)
{
    struct collect_from from = sender(1, 9995);
    return collector_datagram(collector, &from, d->bytes, d->len, at_ns, take, NULL);
}

static const struct exporter_view *view(void)
{
    return collector_view(collector, 0);
}

/* ---- NetFlow v5 ---- */

enum { UPTIME_MS = 100000 };

static void v5_header(struct datagram *d, unsigned records, uint32_t sequence, unsigned sampling)
{
    put16(d, 5);
    put16(d, records);
    put32(d, UPTIME_MS);
    put32(d, NOW_S);
    put32(d, 0);
    put32(d, sequence);
    put16(d, 0);
    put16(d, sampling);
}

/* 10.0.0.1:40000 → 10.0.0.2:443, 3 packets of 1,500 bytes over 2 s that ended 20 s ago. */
static void v5_record(struct datagram *d, unsigned flags)
{
    put32(d, 0x0a000001);
    put32(d, 0x0a000002);
    put32(d, 0);
    put16(d, 7);
    put16(d, 9);
    put32(d, 3);
    put32(d, 1500);
    put32(d, UPTIME_MS - 22000);
    put32(d, UPTIME_MS - 20000);
    put16(d, 40000);
    put16(d, 443);
    put(d, 0, 1);
    put(d, flags, 1);
    put(d, 6, 1);
    put(d, 0, 9);
}

static void a_v5_record_becomes_a_flow_in_our_units(void **state)
{
    (void)state;
    struct datagram d = {0};
    v5_header(&d, 1, 1000, 0);
    v5_record(&d, 0x1b);
    assert_true(hear(&d, NOW_NS));
    assert_int_equal(count, 1);
    const struct collected *f = &flows[0];
    assert_int_equal(f->family, ADDR_IPV4);
    assert_int_equal(f->src.bytes[3], 1);
    assert_int_equal(f->dst.bytes[3], 2);
    assert_int_equal(f->src_port, 40000);
    assert_int_equal(f->dst_port, 443);
    assert_int_equal(f->protocol, 6);
    assert_int_equal(f->packets[0], 3);
    assert_int_equal(f->bytes[0], 1500);
    assert_int_equal(f->input_if, 7);
    assert_int_equal(f->output_if, 9);
    assert_int_equal(f->tcp_flags[0], 0x1b);
    assert_int_equal(f->sampling, 1);
    assert_true(f->first_ns == NOW_NS - 22 * NS_OF_S);
    assert_true(f->last_ns == NOW_NS - 20 * NS_OF_S);
    assert_int_equal(f->end, COLLECT_END_SEEN); /* FIN */
}

static void the_v5_header_tells_the_sampling_and_counts_are_scaled(void **state)
{
    (void)state;
    struct datagram d = {0};
    v5_header(&d, 1, 0, 1u << 14 | 100);
    v5_record(&d, 0x02);
    assert_true(hear(&d, NOW_NS));
    assert_int_equal(flows[0].sampling, 100);
    assert_int_equal(flows[0].packets[0], 300);
    assert_int_equal(flows[0].bytes[0], 150000);
    assert_int_equal(view()->sampling, 100);
}

static void a_gap_in_v5_sequences_counts_flows_that_were_lost(void **state)
{
    (void)state;
    static const uint32_t sequences[] = {1000, 1001, 1007, 1003};
    for (size_t i = 0; i < 4; i++) { /* the last was overtaken on its way: no further loss */
        struct datagram d = {0};
        v5_header(&d, 1, sequences[i], 0);
        v5_record(&d, 0);
        assert_true(hear(&d, NOW_NS));
    }
    assert_int_equal(view()->lost_flows, 5);
    assert_int_equal(view()->datagrams, 4);
    assert_int_equal(view()->flows, 4);
}

static void a_v5_datagram_that_claims_too_much_is_malformed(void **state)
{
    (void)state;
    struct datagram d = {0};
    v5_header(&d, 2, 0, 0);
    v5_record(&d, 0);
    assert_false(hear(&d, NOW_NS));
    assert_int_equal(count, 0);
    assert_int_equal(view()->malformed, 1);
}

static void times_of_an_exporter_with_a_wrong_clock_are_moved_to_ours(void **state)
{
    (void)state;
    struct datagram d = {0};
    v5_header(&d, 1, 0, 0);
    v5_record(&d, 0);
    uint64_t now_ns = NOW_NS + 86400 * NS_OF_S;
    assert_true(hear(&d, now_ns));
    assert_true(flows[0].last_ns == now_ns - 20 * NS_OF_S);
    assert_int_equal(view()->skew_ms, -86400000);
}

static void the_end_is_told_by_flags_or_by_how_late_the_record_comes(void **state)
{
    (void)state;
    struct datagram d = {0};
    v5_header(&d, 1, 0, 0);
    v5_record(&d, 0x18); /* no FIN; 20 s silent before it was told */
    assert_true(hear(&d, NOW_NS));
    assert_int_equal(flows[0].end, COLLECT_END_IDLE);
    set16(&d, 24 + 30, UPTIME_MS - 100 - 0x10000); /* last packet 100 ms before the export */
    assert_true(hear(&d, NOW_NS));
    assert_int_equal(flows[1].end, COLLECT_END_ACTIVE);
}

/* ---- NetFlow v9 ---- */

static void v9_header(struct datagram *d, uint32_t sequence, uint32_t domain)
{
    put16(d, 9);
    put16(d, 1);
    put32(d, UPTIME_MS);
    put32(d, NOW_S);
    put32(d, sequence);
    put32(d, domain);
}

static const uint16_t v9_fields[][2] = {{8, 4}, {12, 4}, {7, 2}, {11, 2},
                                        {4, 1}, {1, 4},  {2, 4}, {61, 1}};

static void v9_template(struct datagram *d, unsigned id)
{
    size_t at = begin_set(d, 0);
    put16(d, id);
    put16(d, sizeof v9_fields / sizeof v9_fields[0]);
    for (size_t i = 0; i < sizeof v9_fields / sizeof v9_fields[0]; i++) {
        put16(d, v9_fields[i][0]);
        put16(d, v9_fields[i][1]);
    }
    end_set(d, at);
}

static void v9_data(struct datagram *d, unsigned id, unsigned records)
{
    size_t at = begin_set(d, id);
    for (unsigned i = 0; i < records; i++) {
        put32(d, 0x0a000001);
        put32(d, 0x0a000002);
        put16(d, 50000 + i);
        put16(d, 53);
        put(d, 17, 1);
        put32(d, 200);
        put32(d, 2);
        put(d, 1, 1);
    }
    put(d, 0, 2); /* padding */
    end_set(d, at);
}

static void v9_data_is_read_by_the_template_that_came_before(void **state)
{
    (void)state;
    struct datagram first = {0};
    v9_header(&first, 1, 0);
    v9_template(&first, 256);
    assert_true(hear(&first, NOW_NS));
    struct datagram second = {0};
    v9_header(&second, 2, 0);
    v9_data(&second, 256, 3);
    assert_true(hear(&second, NOW_NS));
    assert_int_equal(count, 3);
    assert_int_equal(flows[2].src_port, 50002);
    assert_int_equal(flows[0].bytes[0], 200);
    assert_int_equal(flows[0].packets[0], 2);
    assert_int_equal(flows[0].metered, COLLECT_METER_EGRESS);
    assert_int_equal(view()->templates, 1);
    assert_int_equal(view()->lost_datagrams, 0);
}

static void a_template_belongs_to_its_domain_and_port(void **state)
{
    (void)state;
    struct datagram first = {0};
    v9_header(&first, 1, 0);
    v9_template(&first, 256);
    assert_true(hear(&first, NOW_NS));
    struct datagram other_domain = {0};
    v9_header(&other_domain, 1, 5);
    v9_data(&other_domain, 256, 1);
    assert_true(hear(&other_domain, NOW_NS));
    struct datagram other_port = {0};
    struct collect_from from = sender(1, 9996);
    v9_header(&other_port, 1, 0);
    v9_data(&other_port, 256, 1);
    assert_true(
        collector_datagram(collector, &from, other_port.bytes, other_port.len, NOW_NS, take, NULL));
    assert_int_equal(count, 0);
    assert_int_equal(view()->untemplated, 2);
}

/* Options: scope system, sampling interval 34. */
static void v9_options_tell_the_sampling_of_a_stream(void **state)
{
    (void)state;
    struct datagram d = {0};
    v9_header(&d, 1, 0);
    size_t at = begin_set(&d, 1);
    put16(&d, 257);
    put16(&d, 4);
    put16(&d, 8);
    put16(&d, 1);
    put16(&d, 4);
    put16(&d, 34);
    put16(&d, 4);
    put16(&d, 35);
    put16(&d, 1);
    end_set(&d, at);
    v9_template(&d, 256);
    at = begin_set(&d, 257);
    put32(&d, 0);
    put32(&d, 10);
    put(&d, 2, 1);
    end_set(&d, at);
    v9_data(&d, 256, 1);
    assert_true(hear(&d, NOW_NS));
    assert_int_equal(count, 1);
    assert_int_equal(flows[0].sampling, 10);
    assert_int_equal(flows[0].bytes[0], 2000);
}

/* A sampler table as Cisco sends it: 48 names the sampler, 50 its interval; flows carry 48. */
static void a_flow_is_scaled_by_the_sampler_that_it_names(void **state)
{
    (void)state;
    struct datagram d = {0};
    v9_header(&d, 1, 0);
    size_t at = begin_set(&d, 1);
    put16(&d, 258);
    put16(&d, 4);
    put16(&d, 8);
    put16(&d, 1);
    put16(&d, 4);
    put16(&d, 48);
    put16(&d, 2);
    put16(&d, 50);
    put16(&d, 4);
    end_set(&d, at);
    at = begin_set(&d, 258);
    for (unsigned sampler = 1; sampler <= 2; sampler++) {
        put32(&d, 0);
        put16(&d, sampler);
        put32(&d, sampler * 100);
    }
    end_set(&d, at);
    at = begin_set(&d, 0);
    put16(&d, 300);
    put16(&d, 4);
    put16(&d, 8);
    put16(&d, 4);
    put16(&d, 12);
    put16(&d, 4);
    put16(&d, 2);
    put16(&d, 4);
    put16(&d, 48);
    put16(&d, 1);
    end_set(&d, at);
    at = begin_set(&d, 300);
    put32(&d, 0x0a000001);
    put32(&d, 0x0a000002);
    put32(&d, 3);
    put(&d, 2, 1);
    end_set(&d, at);
    assert_true(hear(&d, NOW_NS));
    assert_int_equal(flows[0].sampling, 200);
    assert_int_equal(flows[0].packets[0], 600);
}

static void an_exporter_that_was_started_anew_loses_its_templates_and_no_flows(void **state)
{
    (void)state;
    struct datagram d = {0};
    v9_header(&d, 5000, 0);
    v9_template(&d, 256);
    assert_true(hear(&d, NOW_NS));
    struct datagram anew = {0};
    v9_header(&anew, 0, 0);
    set16(&anew, 4, 0);
    set16(&anew, 6, 1000); /* 1 s after its start */
    v9_data(&anew, 256, 1);
    assert_true(hear(&anew, NOW_NS));
    assert_int_equal(view()->restarts, 1);
    assert_int_equal(view()->lost_datagrams, 0);
    assert_int_equal(view()->untemplated, 1);
    assert_int_equal(count, 0);
}

static void a_template_too_old_is_no_longer_trusted(void **state)
{
    (void)state;
    struct datagram d = {0};
    v9_header(&d, 1, 0);
    v9_template(&d, 256);
    assert_true(hear(&d, NOW_NS));
    struct datagram data = {0};
    v9_header(&data, 2, 0);
    v9_data(&data, 256, 1);
    assert_true(hear(&data, NOW_NS + 7200 * NS_OF_S));
    assert_int_equal(count, 0);
    assert_int_equal(view()->templates, 0);
}

/* ---- IPFIX ---- */

static void ipfix_header(struct datagram *d, uint32_t sequence)
{
    put16(d, 10);
    put16(d, 0);
    put32(d, NOW_S);
    put32(d, sequence);
    put32(d, 1);
}

static bool hear_ipfix(struct datagram *d)
{
    set16(d, 2, d->len);
    return hear(d, NOW_NS);
}

/* Both directions in one record (RFC 5103), a variable-length name, times in ms, an end reason. */
static void ipfix_template(struct datagram *d)
{
    static const uint16_t fields[][2] = {{27, 16}, {28, 16}, {7, 2},   {11, 2},
                                         {4, 1},   {1, 8},   {2, 8},   {96, 65535},
                                         {152, 8}, {153, 8}, {136, 1}, {6, 2}};
    size_t at = begin_set(d, 2);
    put16(d, 400);
    put16(d, 14);
    for (size_t i = 0; i < 12; i++) {
        put16(d, fields[i][0]);
        put16(d, fields[i][1]);
    }
    for (unsigned element = 1; element <= 2; element++) {
        put16(d, 0x8000 | element);
        put16(d, 4);
        put32(d, 29305);
    }
    end_set(d, at);
}

static void ipfix_data(struct datagram *d)
{
    size_t at = begin_set(d, 400);
    put(d, 0x20010db8, 4);
    put(d, 0, 8);
    put32(d, 1);
    put(d, 0x20010db8, 4);
    put(d, 0, 8);
    put32(d, 2);
    put16(d, 40000);
    put16(d, 443);
    put(d, 6, 1);
    put(d, 5000000000ull, 8);
    put(d, 4000000, 8);
    put(d, 3, 1);
    put(d, 'a', 1);
    put(d, 'p', 1);
    put(d, 'p', 1);
    put(d, NOW_S * 1000ull - 60000, 8);
    put(d, NOW_S * 1000ull - 1000, 8);
    put(d, 2, 1);
    put16(d, 0x0012);
    put32(d, 70000);
    put32(d, 500);
    end_set(d, at);
}

static void an_ipfix_record_tells_both_directions(void **state)
{
    (void)state;
    struct datagram d = {0};
    ipfix_header(&d, 0);
    ipfix_template(&d);
    ipfix_data(&d);
    assert_true(hear_ipfix(&d));
    assert_int_equal(count, 1);
    const struct collected *f = &flows[0];
    assert_int_equal(f->family, ADDR_IPV6);
    assert_int_equal(f->dst.bytes[15], 2);
    assert_true(f->bytes[0] == 5000000000ull);
    assert_int_equal(f->packets[0], 4000000);
    assert_int_equal(f->bytes[1], 70000);
    assert_int_equal(f->packets[1], 500);
    assert_int_equal(f->end, COLLECT_END_ACTIVE);
    assert_int_equal(f->tcp_flags[0], 0x12);
    assert_true(f->first_ns == NOW_NS - 60 * NS_OF_S);
    assert_true(f->last_ns == NOW_NS - 1 * NS_OF_S);
}

static void ipfix_sequences_count_records(void **state)
{
    (void)state;
    struct datagram d = {0};
    ipfix_header(&d, 10);
    ipfix_template(&d);
    ipfix_data(&d);
    assert_true(hear_ipfix(&d));
    struct datagram next = {0};
    ipfix_header(&next, 14);
    ipfix_data(&next);
    assert_true(hear_ipfix(&next));
    assert_int_equal(view()->lost_flows, 3);
}

static void a_withdrawn_template_reads_no_more_data(void **state)
{
    (void)state;
    struct datagram d = {0};
    ipfix_header(&d, 0);
    ipfix_template(&d);
    size_t at = begin_set(&d, 2);
    put16(&d, 400);
    put16(&d, 0);
    end_set(&d, at);
    ipfix_data(&d);
    assert_true(hear_ipfix(&d));
    assert_int_equal(count, 0);
    assert_int_equal(view()->templates, 0);
    assert_int_equal(view()->untemplated, 1);
}

static void ipfix_selectors_tell_packets_and_the_space_between_them(void **state)
{
    (void)state;
    static const uint16_t fields[][2] = {{302, 8}, {305, 4}, {306, 4}};
    struct datagram d = {0};
    ipfix_header(&d, 0);
    ipfix_template(&d);
    size_t at = begin_set(&d, 3);
    put16(&d, 401);
    put16(&d, 3);
    put16(&d, 1);
    for (size_t i = 0; i < 3; i++) {
        put16(&d, fields[i][0]);
        put16(&d, fields[i][1]);
    }
    end_set(&d, at);
    at = begin_set(&d, 401);
    put(&d, 0, 8); /* no selector named: of the whole stream */
    put32(&d, 1);
    put32(&d, 9);
    end_set(&d, at);
    ipfix_data(&d);
    assert_true(hear_ipfix(&d));
    assert_int_equal(flows[0].sampling, 10);
    assert_int_equal(flows[0].packets[1], 5000);
}

static void counts_since_the_beginning_are_told_as_such(void **state)
{
    (void)state;
    static const uint16_t fields[][2] = {{8, 4}, {12, 4}, {85, 8}, {86, 8}};
    struct datagram d = {0};
    ipfix_header(&d, 0);
    size_t at = begin_set(&d, 2);
    put16(&d, 256);
    put16(&d, 4);
    for (size_t i = 0; i < 4; i++) {
        put16(&d, fields[i][0]);
        put16(&d, fields[i][1]);
    }
    end_set(&d, at);
    at = begin_set(&d, 256);
    put32(&d, 0x0a000001);
    put32(&d, 0x0a000002);
    put(&d, 1000, 8);
    put(&d, 10, 8);
    end_set(&d, at);
    assert_true(hear_ipfix(&d));
    assert_true(flows[0].totals);
    assert_int_equal(flows[0].bytes[0], 1000);
}

static void a_message_whose_length_lies_is_malformed(void **state)
{
    (void)state;
    struct datagram d = {0};
    ipfix_header(&d, 0);
    ipfix_template(&d);
    set16(&d, 2, d.len + 1);
    assert_false(hear(&d, NOW_NS));
    assert_int_equal(view()->malformed, 1);
}

/* ---- caps ---- */

static void more_exporters_than_fit_are_refused_until_one_is_long_silent(void **state)
{
    (void)state;
    struct datagram d = {0};
    v5_header(&d, 1, 0, 0);
    v5_record(&d, 0);
    for (unsigned i = 0; i < COLLECT_EXPORTERS + 1; i++) {
        struct collect_from from = sender(i, 9995);
        bool heard = collector_datagram(collector, &from, d.bytes, d.len, NOW_NS + i, take, NULL);
        assert_int_equal(heard, i < COLLECT_EXPORTERS);
        count = 0;
    }
    const struct exporter_view *refused = collector_view(collector, COLLECT_EXPORTERS);
    assert_non_null(refused);
    assert_int_equal(refused->number, 0);
    assert_int_equal(refused->datagrams, 1);
    struct collect_from late = sender(200, 9995);
    assert_true(
        collector_datagram(collector, &late, d.bytes, d.len, NOW_NS + 4000 * NS_OF_S, take, NULL));
}

static void an_exporter_may_have_so_many_templates_and_no_more(void **state)
{
    (void)state;
    bool well = true;
    for (unsigned id = 256; id < 256 + 200; id++) {
        struct datagram d = {0};
        v9_header(&d, id, 0);
        v9_template(&d, id);
        well = hear(&d, NOW_NS) && well;
    }
    assert_false(well);
    assert_int_equal(view()->templates, 128);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(a_v5_record_becomes_a_flow_in_our_units),
        CASE(the_v5_header_tells_the_sampling_and_counts_are_scaled),
        CASE(a_gap_in_v5_sequences_counts_flows_that_were_lost),
        CASE(a_v5_datagram_that_claims_too_much_is_malformed),
        CASE(times_of_an_exporter_with_a_wrong_clock_are_moved_to_ours),
        CASE(the_end_is_told_by_flags_or_by_how_late_the_record_comes),
        CASE(v9_data_is_read_by_the_template_that_came_before),
        CASE(a_template_belongs_to_its_domain_and_port),
        CASE(v9_options_tell_the_sampling_of_a_stream),
        CASE(a_flow_is_scaled_by_the_sampler_that_it_names),
        CASE(an_exporter_that_was_started_anew_loses_its_templates_and_no_flows),
        CASE(a_template_too_old_is_no_longer_trusted),
        CASE(an_ipfix_record_tells_both_directions),
        CASE(ipfix_sequences_count_records),
        CASE(a_withdrawn_template_reads_no_more_data),
        CASE(ipfix_selectors_tell_packets_and_the_space_between_them),
        CASE(counts_since_the_beginning_are_told_as_such),
        CASE(a_message_whose_length_lies_is_malformed),
        CASE(more_exporters_than_fit_are_refused_until_one_is_long_silent),
        CASE(an_exporter_may_have_so_many_templates_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
