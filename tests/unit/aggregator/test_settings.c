/* The aggregator's settings: addresses to listen on, and faults that single rows cannot see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/settings.h"

#include <stdlib.h>
#include <string.h>

static void assert_listen(const char *text, const char *address, int port)
{
    char got[64];
    int got_port = -1;
    struct err e = {0};
    assert_int_equal(settings_listen(text, got, &got_port, &e), 0);
    assert_string_equal(got, address);
    assert_int_equal(got_port, port);
}

static void an_address_and_a_port_are_split(void **state)
{
    (void)state;
    assert_listen("127.0.0.1:8080", "127.0.0.1", 8080);
    assert_listen("[::1]:8443", "::1", 8443);
    assert_listen(":80", "", 80);
}

static void what_is_no_address_and_port_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "localhost", "a:", "a:x", "a:70000", "a:-1", "a:80x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char address[64];
        int port = 0;
        struct err e = {0};
        assert_int_equal(settings_listen(wrong[i], address, &port, &e), -1);
    }
}

static void the_defaults_are_without_fault(void **state)
{
    (void)state;
    struct settings settings;
    struct conf_faults faults = {0};
    assert_int_equal(settings_load(&settings, NULL, &faults), 0);
    assert_string_equal(settings.http_listen, "127.0.0.1:8080");
    settings_done(&settings);
    conf_faults_done(&faults);
}

static void all_faults_are_named_at_once(void **state)
{
    (void)state;
    struct settings settings;
    struct conf_faults faults = {0};
    assert_int_equal(setenv("PICKET_HTTP_CERT", "/some.pem", 1), 0);
    assert_int_equal(setenv("PICKET_HTTP_LISTEN", "nowhere", 1), 0);
    assert_int_equal(setenv("PICKET_DATABASE_URL", "host=x nonsense", 1), 0);
    assert_int_equal(settings_load(&settings, NULL, &faults), -1);
    assert_non_null(strstr(faults.text, "http.listen"));
    assert_non_null(strstr(faults.text, "database.url"));
    assert_non_null(strstr(faults.text, "http.cert, http.key"));
    settings_done(&settings);
    conf_faults_done(&faults);
}

static void plain_text_beyond_this_machine_has_to_be_asked_for(void **state)
{
    (void)state;
    struct settings settings;
    struct conf_faults faults = {0};
    assert_int_equal(unsetenv("PICKET_HTTP_CERT"), 0);
    assert_int_equal(unsetenv("PICKET_DATABASE_URL"), 0);
    assert_int_equal(setenv("PICKET_HTTP_LISTEN", "0.0.0.0:8443", 1), 0);
    assert_int_equal(setenv("PICKET_NATS_URLS", "nats://127.0.0.1:4222 nats://centre:4222", 1), 0);
    assert_int_equal(settings_load(&settings, NULL, &faults), -1);
    assert_int_equal(faults.count, 2);
    assert_non_null(strstr(faults.text, "nats.urls: \"nats://centre:4222\" is plain text"));
    assert_non_null(strstr(faults.text, "http.listen: \"0.0.0.0:8443\" is beyond this machine"));
    settings_done(&settings);
    conf_faults_done(&faults);
    faults = (struct conf_faults){0};
    assert_int_equal(setenv("PICKET_NATS_ALLOW_PLAIN", "true", 1), 0);
    assert_int_equal(setenv("PICKET_HTTP_ALLOW_PLAIN", "true", 1), 0);
    assert_int_equal(settings_load(&settings, NULL, &faults), 0);
    settings_done(&settings);
    conf_faults_done(&faults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_and_a_port_are_split),
        cmocka_unit_test(what_is_no_address_and_port_is_refused),
        cmocka_unit_test(the_defaults_are_without_fault),
        cmocka_unit_test(all_faults_are_named_at_once),
        cmocka_unit_test(plain_text_beyond_this_machine_has_to_be_asked_for),
    };
    return cmocka_run_group_tests_name("aggregator settings", tests, NULL, NULL);
}
