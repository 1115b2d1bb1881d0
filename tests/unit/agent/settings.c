/* Unit tests of agent/settings. */
#include "agent/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct settings *load(const char *text, struct conf_faults *faults)
{
    char path[] = "/tmp/picket-unit-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    *faults = (struct conf_faults){0};
    struct settings *s = settings_load(path, faults);
    (void)unlink(path);
    return s;
}

static void a_name_is_all_that_an_agent_needs(void **state)
{
    (void)state;
    struct conf_faults faults;
    struct settings *s = load("name = office-3\n", &faults);
    assert_non_null(s);
    assert_int_equal(s->capture_sources.count, 1);
    assert_string_equal(s->capture_sources.items[0], "any");
    assert_int_equal(s->flow_max, 131072);
    conf_faults_done(&faults);
    settings_free(s);
}

static void all_faults_are_named_at_once(void **state)
{
    (void)state;
    struct conf_faults faults;
    assert_null(load("name = Office\n[capture]\nsources = file:/x.pcap?bogus\n"
                     "[networks]\nlocal = 10.0.0.1/8\n",
                     &faults));
    assert_int_equal(faults.count, 3);
    assert_non_null(strstr(faults.text, "Office"));
    assert_non_null(strstr(faults.text, "bogus"));
    assert_non_null(strstr(faults.text, "10.0.0.1/8"));
    conf_faults_done(&faults);
}

static void private_networks_are_local_unless_said_otherwise(void **state)
{
    (void)state;
    static const char *const local[] = {"10.1.2.3",    "172.31.0.1", "192.168.9.9", "127.0.0.1",
                                        "169.254.1.1", "fe80::1",    "fd00::1",     "::1"};
    static const char *const remote[] = {"8.8.8.8", "172.32.0.1", "2001:db8::1"};
    struct conf_faults faults;
    struct settings *s = load("name = a\n", &faults);
    struct addr addr;
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        assert_true(settings_is_local(s, addr_parse(local[i], &addr), &addr));
    }
    for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++) {
        enum addr_family family = addr_parse(remote[i], &addr);
        assert_false(settings_is_local(s, family, &addr));
    }
    conf_faults_done(&faults);
    settings_free(s);
}

static void tables_that_may_take_more_than_is_allowed_are_a_fault(void **state)
{
    (void)state;
    struct conf_faults faults;
    assert_null(load("name = a\n[memory]\nmax = 64MiB\n", &faults));
    assert_int_equal(faults.count, 1);
    assert_non_null(strstr(faults.text, "memory.max: 64 MiB are less than"));
    assert_non_null(strstr(faults.text, "lower flow.max"));
    conf_faults_done(&faults);
    settings_free(load("name = a\n[memory]\nmax = 192MiB\n[flow]\nmax = 1000\nhalf_open = 1000\n"
                       "[dpi]\nmax_states = 1000\n[hosts]\nmax = 100\n[assets]\nmax = 64\n",
                       &faults));
    assert_int_equal(faults.count, 0);
    conf_faults_done(&faults);
}

static void only_what_the_engine_uses_makes_it_start_anew(void **state)
{
    (void)state;
    struct conf_faults faults;
    struct settings *a = load("name = a\n", &faults);
    struct settings *b = load("name = a\n[detect]\nscan_ports = 40\n", &faults);
    struct settings *c = load("name = a\n[flow]\nidle_udp = 10s\n", &faults);
    assert_false(settings_engine_differs(a, b));
    assert_true(settings_engine_differs(a, c));
    settings_free(a);
    settings_free(b);
    settings_free(c);
}

static void a_reload_takes_over_what_may_change_and_tells_of_the_rest(void **state)
{
    (void)state;
    struct conf_faults faults;
    struct settings *s = load("name = a\n", &faults);
    struct settings *soft = load("name = a\n[detect]\nscan_ports = 40\n"
                                 "[networks]\nlocal = 192.0.2.0/24\n",
                                 &faults);
    struct settings *hard = load("name = b\n[capture]\nsources = eth7\n", &faults);
    assert_false(settings_adopt(s, soft));
    assert_int_equal(s->detect_scan_ports, 40);
    assert_int_equal(s->local_count, 1);
    assert_true(settings_adopt(s, hard));
    assert_string_equal(s->name, "a");
    assert_string_equal(s->capture_sources.items[0], "eth7");
    settings_free(s);
    settings_free(soft);
    settings_free(hard);
}

static void a_scan_threshold_that_no_detector_can_reach_is_a_fault(void **state)
{
    (void)state;
    struct conf_faults faults;
    assert_null(load("name = a\n[detect]\nscan_ports = 129\nscan_hosts = 200\n", &faults));
    assert_int_equal(faults.count, 2);
    conf_faults_done(&faults);
}

static void a_dissector_is_switched_off_once(void **state)
{
    (void)state;
    struct conf_faults faults;
    struct err e = {0};
    struct settings *was = load("name = a\n", &faults);
    struct settings *s = load("name = a\n", &faults);
    assert_int_equal(settings_disable(s, "TLS", &e), 0);
    assert_int_equal(settings_disable(s, "DNS", &e), 0);
    assert_int_equal(settings_disable(s, "TLS", &e), 0);
    assert_int_equal(s->dpi_disabled.count, 2);
    assert_string_equal(s->dpi_disabled.items[1], "DNS");
    assert_true(settings_engine_differs(was, s));
    settings_free(was);
    settings_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_all_that_an_agent_needs),
        cmocka_unit_test(all_faults_are_named_at_once),
        cmocka_unit_test(private_networks_are_local_unless_said_otherwise),
        cmocka_unit_test(tables_that_may_take_more_than_is_allowed_are_a_fault),
        cmocka_unit_test(only_what_the_engine_uses_makes_it_start_anew),
        cmocka_unit_test(a_reload_takes_over_what_may_change_and_tells_of_the_rest),
        cmocka_unit_test(a_scan_threshold_that_no_detector_can_reach_is_a_fault),
        cmocka_unit_test(a_dissector_is_switched_off_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
