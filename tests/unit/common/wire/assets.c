/* The asset record: round trip and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/wire/assets.h"

static struct wire_asset an_asset(void)
{
    struct wire_asset a = {.family = ADDR_IPV4,
                           .vlan = 7,
                           .mac = {{0x00, 0x1b, 0x21, 0x3c, 0x9d, 0xf8}},
                           .online = true,
                           .vendor = "Example \"Works\"",
                           .first_ns = 1000,
                           .last_ns = 2000,
                           .since_ns = 1500,
                           .name_count = 1,
                           .service_count = 1,
                           .change_count = 2,
                           .clue_count = 1,
                           .os = ASSET_OS_WINDOWS,
                           .os_score = 70,
                           .device = ASSET_DEVICE_COMPUTER,
                           .device_score = 80};
    (void)addr_parse("192.0.2.1", &a.addr);
    a.names[0] = (struct asset_name){
        .source = ASSET_FROM_DHCP, .name = "printer", .first_ns = 1000, .last_ns = 1900};
    a.services[0] = (struct asset_service){.transport = 6,
                                           .port = 631,
                                           .name = "ipp",
                                           .protocol = "IPP",
                                           .first_ns = 1100,
                                           .last_ns = 1800};
    a.clues[0] = (struct asset_clue){.kind = ASSET_CLUE_DHCP_CLASS,
                                     .weight = 20,
                                     .value = "MSFT 5.0",
                                     .says = "Windows",
                                     .last_ns = 1700};
    a.changes[0] = (struct asset_change){.kind = ASSET_CHANGE_NEW, .at_ns = 1000};
    a.changes[1] = (struct asset_change){
        .kind = ASSET_CHANGE_NAME, .at_ns = 1000, .before = "old", .after = "printer"};
    return a;
}

static int unpack_text(const char *text, struct err *e)
{
    struct wire_asset out;
    return wire_asset_unpack(text, strlen(text), &out, e);
}

static void an_asset_comes_back_as_it_was(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[ASSET_PACKED_MAX], again[ASSET_PACKED_MAX];
    struct wire_asset in = an_asset(), out;
    size_t len = wire_asset_pack(&in, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(wire_asset_unpack(buf, len, &out, &e), 0);
    assert_memory_equal(&out.mac, &in.mac, sizeof in.mac);
    assert_string_equal(out.services[0].protocol, "IPP");
    assert_string_equal(out.changes[1].before, "old");
    assert_int_equal(out.os, ASSET_OS_WINDOWS);
    assert_int_equal(out.device_score, 80);
    assert_string_equal(out.clues[0].value, "MSFT 5.0");
    assert_int_equal(out.clues[0].weight, 20);
    assert_int_equal(wire_asset_pack(&out, again, sizeof again), len);
    assert_memory_equal(again, buf, len);
}

static void the_fullest_asset_fits(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[ASSET_PACKED_MAX];
    struct wire_asset a = an_asset(), out;
    char long_text[ASSET_NAME_SIZE];
    memset(long_text, '"', sizeof long_text - 1); /* JSON doubles it */
    long_text[sizeof long_text - 1] = '\0';
    a.name_count = ASSET_NAMES_MAX;
    a.service_count = ASSET_SERVICES_MAX;
    a.change_count = ASSET_CHANGES_MAX;
    a.clue_count = ASSET_CLUES_MAX;
    for (unsigned i = 0; i < ASSET_CLUES_MAX; i++) {
        a.clues[i] =
            (struct asset_clue){.kind = ASSET_CLUE_TCP, .weight = 100, .last_ns = INT64_MAX};
        memcpy(a.clues[i].value, long_text, sizeof a.clues[i].value - 1);
        memcpy(a.clues[i].says, long_text, sizeof a.clues[i].says - 1);
    }
    memcpy(a.vendor, long_text, sizeof a.vendor - 1);
    for (unsigned i = 0; i < ASSET_NAMES_MAX; i++) {
        a.names[i] = (struct asset_name){ASSET_FROM_NETBIOS, "", INT64_MAX, INT64_MAX};
        memcpy(a.names[i].name, long_text, sizeof long_text);
    }
    for (unsigned i = 0; i < ASSET_CHANGES_MAX; i++) {
        a.changes[i] = (struct asset_change){ASSET_CHANGE_SERVICE, INT64_MAX, "", ""};
        memcpy(a.changes[i].before, long_text, sizeof long_text);
        memcpy(a.changes[i].after, long_text, sizeof long_text);
    }
    for (unsigned i = 0; i < ASSET_SERVICES_MAX; i++) {
        a.services[i] = (struct asset_service){255, 65535, "", "", INT64_MAX, INT64_MAX};
        memcpy(a.services[i].name, long_text, ASSET_WORD_SIZE - 1);
        memcpy(a.services[i].protocol, long_text, ASSET_WORD_SIZE - 1);
    }
    size_t len = wire_asset_pack(&a, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(wire_asset_unpack(buf, len, &out, &e), 0);
}

static void an_asset_without_mac_or_lists_is_fine(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(
        unpack_text("{\"v\":2,\"host\":\"::1\",\"first_ns\":1,\"last_ns\":2,\"later\":3}", &e), 0);
}

static void what_no_honest_agent_sends_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"v\":1,\"host\":\"nobody\",\"first_ns\":1,\"last_ns\":2}",
        "{\"v\":1,\"host\":\"192.0.2.1\",\"mac\":\"00:11\",\"first_ns\":1,\"last_ns\":2}",
        "{\"v\":1,\"host\":\"192.0.2.1\",\"first_ns\":-1,\"last_ns\":2}",
        "{\"v\":1,\"host\":\"192.0.2.1\",\"vlan\":4096,\"first_ns\":1,\"last_ns\":2}",
        "{\"v\":1,\"host\":\"192.0.2.1\",\"first_ns\":1,\"last_ns\":2,\"names\":{}}",
        "{\"v\":1,\"host\":\"192.0.2.1\",\"first_ns\":1,\"last_ns\":2,\"names\":[7]}",
        "{\"v\":1,\"host\":\"192.0.2.1\",\"first_ns\":1,\"last_ns\":2,\"changes\":[{\"what\":"
        "\"mood\",\"at_ns\":1}]}",
        "{\"v\":1,\"host\":\"192.0.2.1\",\"first_ns\":1,\"last_ns\":2,\"names\":[{},{},{},{},{},{},"
        "{},{},{}]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct err e = {0};
        assert_int_equal(unpack_text(texts[i], &e), -1);
        assert_true(strncmp(e.what, "asset: ", 7) == 0);
    }
}

static void a_mac_is_read_in_both_usual_forms(void **state)
{
    (void)state;
    struct mac mac;
    char text[MAC_TEXT_SIZE];
    assert_true(mac_parse("00:1B:21:3c:9d:F8", &mac));
    assert_string_equal(mac_format(&mac, text), "00:1b:21:3c:9d:f8");
    assert_true(mac_parse("00-1b-21-3c-9d-f8", &mac));
    assert_false(mac_parse("00:1b:21:3c:9d", &mac));
    assert_false(mac_parse("00:1b:21:3c:9d:f8:00", &mac));
    assert_false(mac_parse("00:1g:21:3c:9d:f8", &mac));
    assert_false(mac_parse("", &mac));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_asset_comes_back_as_it_was),
        cmocka_unit_test(the_fullest_asset_fits),
        cmocka_unit_test(an_asset_without_mac_or_lists_is_fine),
        cmocka_unit_test(what_no_honest_agent_sends_is_refused),
        cmocka_unit_test(a_mac_is_read_in_both_usual_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
