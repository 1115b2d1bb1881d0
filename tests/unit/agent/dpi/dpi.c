/* Unit tests of agent/dpi: nDPI behind its door, and the line that tells what a flow was about. */
#include "agent/dpi/dpi.h"

#include "agent/dpi/info.h"

#include "agent/decode/decode.h"
#include "tests/unit/agent/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static _Atomic uint32_t breadcrumb;

static struct dpi *open_dpi(uint32_t max_states)
{
    const struct dpi_options options = {
        .enabled = true, .max_states = max_states, .breadcrumb = &breadcrumb};
    struct dpi *dpi = dpi_new(&options, NULL);
    assert_non_null(dpi);
    return dpi;
}

static struct packet query(struct frame *f)
{
    static const uint8_t dns[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
                                 "\x03www\x07"
                                 "example\x03org\x00\x00\x01\x00\x01";
    struct packet p = {0};
    *f = (struct frame){0};
    frame_ipv4(f, PROTO_UDP, 8 + sizeof dns - 1, 0);
    frame_udp(f, 40000, 53, sizeof dns - 1);
    memcpy(f->bytes + 28, dns, sizeof dns - 1);
    assert_int_equal(decode_packet(101, 0, f->bytes, f->len, f->len, &p), DECODE_OK);
    return p;
}

static void a_dns_question_is_known_by_its_first_packet(void **state)
{
    (void)state;
    struct dpi *dpi = open_dpi(8);
    struct dpi_flow flow = {0};
    struct dpi_result result;
    struct frame f;
    struct packet p = query(&f);
    assert_true((dpi_feed(dpi, &flow, &p, true) & DPI_NEWS_PROTOCOL) != 0);
    dpi_describe(dpi, &flow, &result);
    assert_string_equal(result.protocol, "DNS");
    assert_string_equal(result.host, "www.example.org");
    assert_string_equal(result.info, "A");
    assert_int_equal(result.confidence, DPI_BY_CONTENT);
    assert_int_equal(breadcrumb, 0);
    dpi_drop(dpi, &flow);
    assert_int_equal(dpi_states(dpi), 0);
    dpi_free(dpi);
}

static void flows_beyond_the_cap_go_without_and_are_counted(void **state)
{
    (void)state;
    struct dpi *dpi = open_dpi(1);
    struct dpi_flow first = {0};
    struct dpi_flow second = {0};
    struct frame f;
    struct packet p = query(&f);
    (void)dpi_feed(dpi, &first, &p, true);
    assert_int_equal(dpi_feed(dpi, &second, &p, true), DPI_NEWS_NONE);
    assert_true(second.done);
    assert_int_equal(dpi_refused(dpi), 1);
    dpi_drop(dpi, &first);
    dpi_free(dpi);
}

static void a_flow_that_stays_unknown_is_given_up_at_the_cap(void **state)
{
    (void)state;
    struct dpi *dpi = open_dpi(8);
    struct dpi_flow flow = {0};
    struct frame f = {0};
    struct packet p = {0};
    unsigned fed = 0;
    frame_ipv4(&f, PROTO_UDP, 8 + 30, 0);
    frame_udp(&f, 41234, 42345, 30);
    assert_int_equal(decode_packet(101, 0, f.bytes, f.len, f.len, &p), DECODE_OK);
    while ((dpi_feed(dpi, &flow, &p, true) & DPI_NEWS_DONE) == 0) {
        assert_true(++fed < 16);
    }
    dpi_drop(dpi, &flow);
    dpi_free(dpi);
}

static void an_unknown_name_in_dpi_disabled_is_a_fault(void **state)
{
    (void)state;
    static const char *const names[] = {"NoSuchProtocol"};
    struct err e = {0};
    const struct dpi_options options = {.enabled = true,
                                        .disabled = names,
                                        .disabled_count = 1,
                                        .max_states = 8,
                                        .breadcrumb = &breadcrumb};
    assert_null(dpi_new(&options, &e));
    assert_int_equal(e.code, ERR_CONFIG);
}

static void a_switched_off_dissector_knows_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"DNS"};
    const struct dpi_options options = {.enabled = true,
                                        .disabled = names,
                                        .disabled_count = 1,
                                        .max_states = 8,
                                        .breadcrumb = &breadcrumb};
    struct dpi *dpi = dpi_new(&options, NULL);
    struct dpi_flow flow = {0};
    struct dpi_result result;
    struct frame f;
    struct packet p = query(&f);
    (void)dpi_feed(dpi, &flow, &p, true);
    dpi_describe(dpi, &flow, &result);
    assert_int_not_equal(result.confidence, DPI_BY_CONTENT);
    dpi_drop(dpi, &flow);
    dpi_free(dpi);
}

static void the_path_is_told_without_its_query(void **state)
{
    (void)state;
    char info[DPI_INFO_SIZE];
    dpi_info_http("GET", "www.example.org/login?password=hunter2", 200, info);
    assert_string_equal(info, "GET /login 200");
    dpi_info_http("GET", "http://user:pass@www.example.org/a#b", 0, info);
    assert_string_equal(info, "GET /a");
    dpi_info_http("OPTIONS", "www.example.org", 0, info);
    assert_string_equal(info, "OPTIONS /");
}

static void texts_from_the_wire_come_out_printable(void **state)
{
    (void)state;
    char text[8];
    dpi_info_text("a\x01\xffz", 4, text, sizeof text);
    assert_string_equal(text, "a??z");
    dpi_info_text("0123456789", 10, text, sizeof text);
    assert_string_equal(text, "0123456");
}

static void dns_types_and_codes_are_named(void **state)
{
    (void)state;
    char info[DPI_INFO_SIZE];
    dpi_info_dns(28, true, 3, info);
    assert_string_equal(info, "AAAA NXDOMAIN");
    dpi_info_dns(999, true, 99, info);
    assert_string_equal(info, "TYPE999 RCODE99");
}

static void a_breadcrumb_can_be_named(void **state)
{
    (void)state;
    char name[32];
    dpi_protocol_name(5, name, sizeof name);
    assert_string_equal(name, "DNS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dns_question_is_known_by_its_first_packet),
        cmocka_unit_test(flows_beyond_the_cap_go_without_and_are_counted),
        cmocka_unit_test(a_flow_that_stays_unknown_is_given_up_at_the_cap),
        cmocka_unit_test(an_unknown_name_in_dpi_disabled_is_a_fault),
        cmocka_unit_test(a_switched_off_dissector_knows_nothing),
        cmocka_unit_test(the_path_is_told_without_its_query),
        cmocka_unit_test(texts_from_the_wire_come_out_printable),
        cmocka_unit_test(dns_types_and_codes_are_named),
        cmocka_unit_test(a_breadcrumb_can_be_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
