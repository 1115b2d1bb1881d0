/* Unit tests of common/loopback: where plain text may go. */
#include "common/loopback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static bool is_host(const char *text)
{
    return loopback_is_host(text, strlen(text));
}

static void this_machine_is_known_by_every_loopback_address(void **state)
{
    (void)state;
    assert_true(is_host("localhost"));
    assert_true(is_host("127.0.0.1"));
    assert_true(is_host("127.53.53.53"));
    assert_true(is_host("::1"));
    assert_true(is_host("[::1]"));
}

static void all_else_is_abroad(void **state)
{
    static const char *const hosts[] = {"",
                                        "0.0.0.0",
                                        "::",
                                        "10.0.0.1",
                                        "128.0.0.1",
                                        "centre.example.org",
                                        "localhost.evil.org",
                                        "127.0.0.1.evil.org",
                                        "[",
                                        "[]",
                                        "::1%eth0"};
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        assert_false(is_host(hosts[i]));
    }
}

static void plain_text_abroad_is_noticed_in_every_form_of_an_address(void **state)
{
    (void)state;
    assert_true(loopback_is_plain_abroad("nats://centre.example.org:4222"));
    assert_true(loopback_is_plain_abroad("nats://192.0.2.1"));
    assert_true(loopback_is_plain_abroad("nats://[2001:db8::1]:4222"));
    assert_true(loopback_is_plain_abroad("nats://"));
    assert_false(loopback_is_plain_abroad("nats://127.0.0.1:4222"));
    assert_false(loopback_is_plain_abroad("nats://[::1]:4222/"));
    assert_false(loopback_is_plain_abroad("nats://[::1]"));
    assert_false(loopback_is_plain_abroad("nats://localhost:4222"));
    assert_false(loopback_is_plain_abroad("tls://centre.example.org:4222"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_machine_is_known_by_every_loopback_address),
        cmocka_unit_test(all_else_is_abroad),
        cmocka_unit_test(plain_text_abroad_is_noticed_in_every_form_of_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
