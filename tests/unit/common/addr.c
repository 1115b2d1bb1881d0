/* Unit tests of common/addr. */
#include "common/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static struct addr addr_of(const char *text)
{
    struct addr addr;
    assert_int_not_equal(addr_parse(text, &addr), ADDR_NONE);
    return addr;
}

static const char *rewritten(const char *text)
{
    static char buf[ADDR_TEXT_SIZE];
    struct addr addr;
    enum addr_family family = addr_parse(text, &addr);
    return addr_format(family, &addr, buf);
}

static bool text_in_prefix(const char *addr_text, const char *prefix_text)
{
    struct addr_prefix prefix;
    struct addr addr;
    assert_int_equal(addr_prefix_parse(prefix_text, &prefix), 0);
    enum addr_family family = addr_parse(addr_text, &addr);
    return addr_in_prefix(family, &addr, &prefix);
}

static void ipv4_stands_in_the_first_four_bytes(void **state)
{
    (void)state;
    const uint8_t want[16] = {192, 0, 2, 7};
    struct addr addr = addr_of("192.0.2.7");
    assert_memory_equal(addr.bytes, want, sizeof want);
    assert_string_equal(rewritten("192.0.2.7"), "192.0.2.7");
}

static void ipv6_is_written_as_rfc_5952_asks(void **state)
{
    (void)state;
    assert_string_equal(rewritten("2001:0DB8:0:0:0:0:0:1"), "2001:db8::1");
    assert_string_equal(rewritten("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");
    assert_string_equal(rewritten("2001:0:0:1:0:0:0:1"), "2001:0:0:1::1");
    assert_string_equal(rewritten("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
    assert_string_equal(rewritten("::"), "::");
}

static void the_longest_text_fits(void **state)
{
    (void)state;
    const char *longest = "1111:2222:3333:4444:5555:6666:7777:8888";
    assert_string_equal(rewritten(longest), longest);
}

static void what_is_no_address_is_refused_and_zeroed(void **state)
{
    (void)state;
    const char *wrong[] = {"",          "1.2.3",    "1.2.3.4.5", "256.1.1.1", "01.2.3.4",
                           "1.2.3.4/8", " 1.2.3.4", "g::1",      ":::",       "fe80::1%eth0"};
    const struct addr zero = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct addr addr;
        memset(&addr, 0xff, sizeof addr);
        assert_int_equal(addr_parse(wrong[i], &addr), ADDR_NONE);
        assert_true(addr_equal(&addr, &zero));
    }
    assert_string_equal(rewritten("nonsense"), "-");
}

static void a_prefix_holds_what_begins_with_it_and_nothing_else(void **state)
{
    (void)state;
    assert_true(text_in_prefix("192.0.2.255", "192.0.2.0/24"));
    assert_false(text_in_prefix("192.0.3.0", "192.0.2.0/24"));
    assert_true(text_in_prefix("10.127.255.255", "10.0.0.0/9"));
    assert_false(text_in_prefix("10.128.0.0", "10.0.0.0/9"));
    assert_true(text_in_prefix("2001:db8:ffff::1", "2001:db8::/32"));
    assert_false(text_in_prefix("2001:db9::1", "2001:db8::/32"));
}

static void the_empty_prefix_holds_its_whole_family_only(void **state)
{
    (void)state;
    assert_true(text_in_prefix("255.1.2.3", "0.0.0.0/0"));
    assert_true(text_in_prefix("ffff::1", "::/0"));
    assert_false(text_in_prefix("::1", "0.0.0.0/0"));
    assert_false(text_in_prefix("1.2.3.4", "::/0"));
    assert_false(text_in_prefix("nonsense", "0.0.0.0/0"));
}

static void a_lone_address_is_a_prefix_of_all_its_bits(void **state)
{
    (void)state;
    struct addr_prefix prefix;
    assert_int_equal(addr_prefix_parse("192.0.2.1", &prefix), 0);
    assert_int_equal(prefix.len, 32);
    assert_int_equal(addr_prefix_parse("2001:db8::1", &prefix), 0);
    assert_int_equal(prefix.len, 128);
    assert_true(text_in_prefix("2001:db8::1", "2001:db8::1"));
    assert_false(text_in_prefix("2001:db8::2", "2001:db8::1/128"));
}

static void a_faulty_prefix_is_refused_and_leaves_the_old_value(void **state)
{
    (void)state;
    const char *wrong[] = {"192.0.2.1/24",
                           "192.0.2.0/33",
                           "192.0.2.0/",
                           "192.0.2.0/-1",
                           "192.0.2.0/+8",
                           "10.0.0.0/08",
                           "10.0.0.0/8 ",
                           "2001:db8::/129",
                           "2001:db8::1/64",
                           "/8",
                           "10.0.0.0/8/8",
                           "10.0.0.0/99999999999",
                           "1111:2222:3333:4444:5555:6666:7777:8888/128000000000000000"};
    struct addr_prefix prefix = {.family = ADDR_IPV4, .len = 7};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(addr_prefix_parse(wrong[i], &prefix), -1);
    }
    assert_int_equal(prefix.len, 7);
}

static void multicast_and_broadcast_are_known(void **state)
{
    (void)state;
    struct addr group = addr_of("224.0.0.251");
    struct addr last = addr_of("239.255.255.250");
    struct addr all = addr_of("255.255.255.255");
    struct addr host = addr_of("240.0.0.1");
    struct addr group6 = addr_of("ff02::fb");
    struct addr host6 = addr_of("fe80::1");
    assert_true(addr_is_multicast(ADDR_IPV4, &group));
    assert_true(addr_is_multicast(ADDR_IPV4, &last));
    assert_true(addr_is_multicast(ADDR_IPV4, &all));
    assert_false(addr_is_multicast(ADDR_IPV4, &host));
    assert_true(addr_is_multicast(ADDR_IPV6, &group6));
    assert_false(addr_is_multicast(ADDR_IPV6, &host6));
    assert_false(addr_is_multicast(ADDR_NONE, &group));
}

static void addresses_are_ordered_by_their_bytes(void **state)
{
    (void)state;
    struct addr low = addr_of("10.0.0.9");
    struct addr high = addr_of("10.0.1.0");
    assert_true(addr_compare(&low, &high) < 0);
    assert_true(addr_compare(&high, &low) > 0);
    assert_int_equal(addr_compare(&low, &low), 0);
    assert_false(addr_equal(&low, &high));
}

static void a_mac_is_lower_case_with_colons(void **state)
{
    (void)state;
    char buf[MAC_TEXT_SIZE];
    const struct mac mac = {{0x00, 0x1B, 0x21, 0x3C, 0x9D, 0xF8}};
    assert_string_equal(mac_format(&mac, buf), "00:1b:21:3c:9d:f8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_stands_in_the_first_four_bytes),
        cmocka_unit_test(ipv6_is_written_as_rfc_5952_asks),
        cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(what_is_no_address_is_refused_and_zeroed),
        cmocka_unit_test(a_prefix_holds_what_begins_with_it_and_nothing_else),
        cmocka_unit_test(the_empty_prefix_holds_its_whole_family_only),
        cmocka_unit_test(a_lone_address_is_a_prefix_of_all_its_bits),
        cmocka_unit_test(a_faulty_prefix_is_refused_and_leaves_the_old_value),
        cmocka_unit_test(multicast_and_broadcast_are_known),
        cmocka_unit_test(addresses_are_ordered_by_their_bytes),
        cmocka_unit_test(a_mac_is_lower_case_with_colons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
