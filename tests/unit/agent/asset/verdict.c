/* Unit tests of agent/asset/verdict: what clues come to, and how they age. */
#include "agent/asset/verdict.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define NOW      (UINT64_C(1700000000) * NS_PER_S)
#define WEEK     (UINT64_C(7) * 86400 * NS_PER_S)
#define LINUX    "TTL 64, window 64240, options 2-4-8-1-3"
#define APPLE    "TTL 64, window 65535, options 2-1-3-1-1-8-4-0"
#define WINDOWS  "TTL 128, window 64240, options 2-1-3-1-1-4"
#define DHCP_WIN "1,3,6,15,31,33,43,44,46,47,119,121,249,252"

static struct wire_asset with(enum asset_clue_kind a, const char *a_value, enum asset_clue_kind b,
                              const char *b_value)
{
    struct wire_asset w = {.last_ns = NOW};
    assert_true(verdict_note(&w, a, a_value, NOW));
    if (b_value != NULL) {
        assert_true(verdict_note(&w, b, b_value, NOW));
    }
    verdict_judge(&w, NOW);
    return w;
}

static void two_clues_that_agree_are_a_verdict(void **state)
{
    (void)state;
    struct wire_asset w = with(ASSET_CLUE_TCP, WINDOWS, ASSET_CLUE_DHCP_OPTIONS, DHCP_WIN);
    assert_int_equal(w.os, ASSET_OS_WINDOWS);
    assert_int_equal(w.os_score, 70);
    assert_int_equal(w.device, ASSET_DEVICE_COMPUTER);
    assert_int_equal(w.clues[0].weight, 30);
    assert_string_equal(w.clues[0].says, "Windows");
    assert_int_equal(w.clues[1].weight, 40);
}

static void one_clue_alone_is_none(void **state)
{
    (void)state;
    struct wire_asset w = with(ASSET_CLUE_TCP, LINUX, 0, NULL);
    assert_int_equal(w.os, ASSET_OS_UNKNOWN);
    assert_int_equal(w.os_score, 0);
    assert_string_equal(w.clues[0].says, "Android or Linux");
}

static void clues_that_contradict_each_other_are_none(void **state)
{
    (void)state;
    struct wire_asset w = with(ASSET_CLUE_USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64) Firefox/1",
                               ASSET_CLUE_DHCP_OPTIONS, DHCP_WIN);
    assert_int_equal(w.os, ASSET_OS_UNKNOWN);
}

static void android_is_not_taken_for_linux(void **state)
{
    (void)state;
    struct wire_asset w = with(ASSET_CLUE_TCP, LINUX, ASSET_CLUE_USER_AGENT,
                               "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7)");
    assert_int_equal(w.os, ASSET_OS_ANDROID);
    assert_int_equal(w.device, ASSET_DEVICE_MOBILE);
}

static void what_only_apple_sends_is_apple(void **state)
{
    (void)state;
    struct wire_asset w =
        with(ASSET_CLUE_TCP, APPLE, ASSET_CLUE_USER_AGENT, "CaptiveNetworkSupport-443.120.2 wispr");
    assert_int_equal(w.os, ASSET_OS_APPLE);
    assert_int_equal(w.os_score, 70);
    w = with(ASSET_CLUE_TCP, APPLE, ASSET_CLUE_DHCP_OPTIONS, "1,121,3,6,15,108,114,119,252");
    assert_int_equal(w.os, ASSET_OS_IOS);
}

static void clues_lose_half_their_weight_a_week(void **state)
{
    (void)state;
    struct wire_asset w = with(ASSET_CLUE_TCP, WINDOWS, ASSET_CLUE_DHCP_OPTIONS, DHCP_WIN);
    verdict_judge(&w, NOW + WEEK);
    assert_int_equal(w.clues[0].weight, 15);
    assert_int_equal(w.clues[1].weight, 20);
    assert_int_equal(w.os, ASSET_OS_UNKNOWN);
}

static void a_maker_and_a_service_tell_the_device(void **state)
{
    (void)state;
    struct wire_asset w = {.last_ns = NOW, .vendor = "Brother industries, LTD."};
    w.services[w.service_count++] = (struct asset_service){.transport = 6, .port = 9100};
    verdict_judge(&w, NOW);
    assert_int_equal(w.device, ASSET_DEVICE_PRINTER);
    assert_int_equal(w.device_score, 80);
    assert_int_equal(w.clue_count, 2);
    (void)snprintf(w.vendor, sizeof w.vendor, "Example Works"); /* another card */
    verdict_judge(&w, NOW);
    assert_int_equal(w.device_score, 40);
}

static void a_host_with_two_programs_does_not_flap(void **state)
{
    (void)state;
    struct wire_asset w = with(ASSET_CLUE_JA4, "t13d1715h2_5b57614c22b0_3d5424432f57", 0, NULL);
    assert_string_equal(w.clues[0].says, "Firefox");
    assert_false(verdict_note(&w, ASSET_CLUE_JA4, "t13d1516h2_8daaf6152771_e5627efa2ab1", NOW + 1));
    assert_true(verdict_note(&w, ASSET_CLUE_JA4, "t13d1516h2_8daaf6152771_e5627efa2ab1",
                             NOW + UINT64_C(7200) * NS_PER_S));
    verdict_judge(&w, NOW);
    assert_string_equal(w.clues[0].says, "Chrome or its like");
    assert_int_equal(w.clues[0].weight, 0); /* a program runs on any system */
}

static void a_syn_reads_as_its_clue_is_looked_up(void **state)
{
    (void)state;
    static const uint8_t options[] = {2, 4, 5, 0xb4, 1, 3, 3, 6, 1, 1, 8, 10,
                                      0, 0, 0, 0,    0, 0, 0, 0, 4, 2, 0, 0};
    struct print_syn syn = {.ttl = 64, .window = 65535, .option_len = sizeof options};
    char text[ASSET_CLUE_SIZE];
    memcpy(syn.options, options, sizeof options);
    verdict_syn_text(&syn, text);
    assert_string_equal(text, APPLE);
    memset(syn.options, 0xfe, sizeof syn.options); /* lengths past the end */
    syn.option_len = sizeof syn.options;
    verdict_syn_text(&syn, text);
    assert_string_equal(text, "TTL 64, window 65535, options 254");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_clues_that_agree_are_a_verdict),
        cmocka_unit_test(one_clue_alone_is_none),
        cmocka_unit_test(clues_that_contradict_each_other_are_none),
        cmocka_unit_test(android_is_not_taken_for_linux),
        cmocka_unit_test(what_only_apple_sends_is_apple),
        cmocka_unit_test(clues_lose_half_their_weight_a_week),
        cmocka_unit_test(a_maker_and_a_service_tell_the_device),
        cmocka_unit_test(a_host_with_two_programs_does_not_flap),
        cmocka_unit_test(a_syn_reads_as_its_clue_is_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
