/* Records of devices and probes, and the configuration that asks for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/wire/config_probe.h"
#include "common/wire/config_snmp.h"
#include "common/wire/devices.h"
#include "common/wire/probes.h"

static char buf[DEVICE_PACKED_MAX], again[DEVICE_PACKED_MAX];
static struct device_record in, out;

/* Packs in, unpacks it to out, and packs that: both texts are the same. */
static void go_round(void)
{
    struct err e = {0};
    size_t len = device_record_pack(&in, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(device_record_unpack(buf, len, &out, &e), 0);
    assert_int_equal(device_record_pack(&out, again, sizeof again), len);
    assert_memory_equal(buf, again, len);
}

static void a_device_comes_back_as_it_was(void **state)
{
    (void)state;
    in = (struct device_record){
        .kind = DEVICE_STATUS,
        .device = "17",
        .at_ns = 1790000000000000000,
        .status = {.state = DEVICE_WRONG_DIGEST,
                   .version = 3,
                   .restarted = true,
                   .cpu = 425,
                   .duration_ms = 31,
                   .failures = 2,
                   .interval_s = 60,
                   .interfaces = 48,
                   .uptime_s = 86400,
                   .memory_used = 1ull << 33,
                   .memory_total = 1ull << 34,
                   .name = "core switch",
                   .host = "192.0.2.7",
                   .sys_name = "core-1",
                   .sys_descr = "Something \"quoted\"",
                   .object_id = "1.3.6.1.4.1.9.1.2066",
                   .location = "basement",
                   .model = "C9300-48P",
                   .serial = "FOC1234",
                   .error = "wrong digest"},
    };
    go_round();
    assert_memory_equal(&in.status, &out.status, sizeof in.status);
}

static void a_cpu_of_nothing_is_not_a_cpu_that_is_not_known(void **state)
{
    (void)state;
    in = (struct device_record){.kind = DEVICE_STATUS, .device = "1", .status.state = DEVICE_UP};
    go_round();
    assert_int_equal(out.status.cpu, 0);
    in.status.cpu = CPU_UNKNOWN;
    go_round();
    assert_int_equal(out.status.cpu, CPU_UNKNOWN);
}

static void an_interface_comes_back_as_it_was(void **state)
{
    (void)state;
    in = (struct device_record){
        .kind = DEVICE_INTERFACE,
        .device = "17",
        .at_ns = 1790000000000000000,
        .interface = {.key = "Gi1/0/1",
                      .index = 9,
                      .name = "Gi1/0/1",
                      .alias = "to the roof",
                      .descr = "GigabitEthernet1/0/1",
                      .type = 6,
                      .admin = ADMIN_UP,
                      .oper = OPER_UP,
                      .bits = 64,
                      .mac = {{0, 0x1b, 0x21, 0x3c, 0x9d, 0xf8}},
                      .speed_bps = 1000000000,
                      .span_ms = 60010,
                      .in = {1000, 20, 3, 4},
                      .out = {5000, 60, 7, 8}},
    };
    go_round();
    assert_memory_equal(&in.interface, &out.interface, sizeof in.interface);
}

static void a_full_record_of_neighbours_fits_with_the_longest_texts(void **state)
{
    (void)state;
    in = (struct device_record){
        .kind = DEVICE_NEIGHBOURS, .device = "17", .neighbours = {.last = true}};
    in.neighbours.count = NEIGHBOURS_MAX;
    for (unsigned i = 0; i < NEIGHBOURS_MAX; i++) {
        struct device_neighbour *n = &in.neighbours.items[i];
        memset(n, '"', sizeof *n); /* each is escaped to two bytes */
        n->protocol = NEIGHBOUR_CDP;
        n->local[sizeof n->local - 1] = n->chassis[sizeof n->chassis - 1] = '\0';
        n->port[sizeof n->port - 1] = n->port_descr[sizeof n->port_descr - 1] = '\0';
        n->sys_name[sizeof n->sys_name - 1] = n->sys_descr[sizeof n->sys_descr - 1] = '\0';
        n->address[sizeof n->address - 1] = '\0';
    }
    go_round();
    assert_int_equal(out.neighbours.count, NEIGHBOURS_MAX);
    assert_true(out.neighbours.last);
}

static void a_probe_comes_back_as_it_was(void **state)
{
    (void)state;
    struct err e = {0};
    const struct probe_record sent = {.probe = "4",
                                      .name = "shop",
                                      .target = "https://shop.example/",
                                      .address = "192.0.2.80",
                                      .kind = PROBE_HTTP,
                                      .state = PROBE_WRONG_STATUS,
                                      .at_ns = 1790000000000000000,
                                      .interval_s = 60,
                                      .rtt_us = 40,
                                      .rtt_min_us = 30,
                                      .rtt_max_us = 50,
                                      .jitter_us = 5,
                                      .sent = 5,
                                      .received = 4,
                                      .name_us = 1,
                                      .connect_us = 2,
                                      .tls_us = 3,
                                      .total_us = 99,
                                      .status = 503,
                                      .warn_days = 21,
                                      .bytes = 1234,
                                      .cert_end_s = 1800000000,
                                      .error = "status 503"};
    struct probe_record got;
    size_t len = probe_record_pack(&sent, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(probe_record_unpack(buf, len, &got, &e), 0);
    assert_int_equal(probe_record_pack(&got, again, sizeof again), len);
    assert_memory_equal(buf, again, len);
    assert_int_equal(got.cert_end_s, sent.cert_end_s);
}

static struct config_fault fault_of(void (*check)(const json_t *item, struct config_fault *fault),
                                    const char *text)
{
    struct config_fault fault = {0};
    json_t *item = json_loads(text, 0, NULL);
    assert_non_null(item);
    check(item, &fault);
    json_decref(item);
    return fault;
}

static void a_device_needs_only_a_host_a_version_and_a_community(void **state)
{
    (void)state;
    struct config_fault fault = {0};
    struct config_snmp c;
    json_t *item = json_loads("{\"id\":3,\"name\":\"core\",\"host\":\"192.0.2.1\","
                              "\"version\":\"2c\",\"community\":\"public\"}",
                              0, NULL);
    config_snmp_read(item, &c, &fault);
    json_decref(item);
    assert_false(fault.bad);
    assert_string_equal(c.id, "3");
    assert_int_equal(c.port, 161);
    assert_int_equal(c.version, 2);
    assert_int_equal(c.interval_s, 60);
}

static void each_fault_of_a_device_names_its_member(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"version\":\"2c\",\"community\":\"x\"}", "host"},
        {"{\"host\":\"a b\",\"version\":\"2c\",\"community\":\"x\"}", "host"},
        {"{\"host\":\"a\",\"version\":\"2\",\"community\":\"x\"}", "version"},
        {"{\"host\":\"a\",\"version\":\"2c\"}", "community"},
        {"{\"host\":\"a\",\"version\":\"3\"}", "user"},
        {"{\"host\":\"a\",\"version\":\"3\",\"user\":\"u\",\"auth\":\"sha256\","
         "\"auth_key\":\"short\"}",
         "auth_key"},
        {"{\"host\":\"a\",\"version\":\"3\",\"user\":\"u\",\"privacy\":\"aes128\","
         "\"privacy_key\":\"longenough\"}",
         "auth"},
        {"{\"host\":\"a\",\"version\":\"2c\",\"community\":\"x\",\"interval_s\":1}", "interval_s"},
        {"{\"host\":\"a\",\"version\":\"2c\",\"community\":\"x\",\"prot\":161}", "prot"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_fault fault = fault_of(config_snmp_check, cases[i][0]);
        assert_true(fault.bad);
        assert_string_equal(fault.field, cases[i][1]);
    }
}

static void each_fault_of_a_probe_names_its_member(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"kind\":\"smtp\",\"host\":\"a\"}", "kind"},
        {"{\"kind\":\"tcp\",\"host\":\"a\"}", "port"},
        {"{\"kind\":\"http\",\"url\":\"ftp://a/\"}", "url"},
        {"{\"kind\":\"http\",\"url\":\"http://a/\",\"status_min\":300,\"status_max\":200}",
         "status_min"},
        {"{\"kind\":\"icmp\",\"host\":\"a\",\"count\":99}", "count"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_fault fault = fault_of(config_probe_check, cases[i][0]);
        assert_true(fault.bad);
        assert_string_equal(fault.field, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_comes_back_as_it_was),
        cmocka_unit_test(a_cpu_of_nothing_is_not_a_cpu_that_is_not_known),
        cmocka_unit_test(an_interface_comes_back_as_it_was),
        cmocka_unit_test(a_full_record_of_neighbours_fits_with_the_longest_texts),
        cmocka_unit_test(a_probe_comes_back_as_it_was),
        cmocka_unit_test(a_device_needs_only_a_host_a_version_and_a_community),
        cmocka_unit_test(each_fault_of_a_device_names_its_member),
        cmocka_unit_test(each_fault_of_a_probe_names_its_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
