/* Unit tests of configuration on the wire and of the reader of its items. */
#include "common/wire/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/config_acl.h"
#include "common/wire/config_netconf.h"
#include "common/wire/config_policy.h"

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    assert_non_null(value);
    return value;
}

static void a_message_comes_back_as_it_went(void **state)
{
    (void)state;
    struct config_message m = {.revision = 7,
                               .hash = "0011",
                               .signature = "AAEC",
                               .document = "{\"v\":1}",
                               .document_len = 7};
    struct config_message back;
    struct err e = {0};
    size_t len = 0;
    char *bytes = config_message_pack(&m, &len);
    assert_non_null(bytes);
    assert_int_equal(config_message_unpack(bytes, len, &back, &e), 0);
    assert_int_equal(back.revision, 7);
    assert_string_equal(back.hash, "0011");
    assert_string_equal(back.signature, "AAEC");
    assert_int_equal(back.document_len, 7);
    assert_memory_equal(back.document, m.document, 7);
    assert_int_equal(config_message_unpack(bytes, 10, &back, &e), -1);
    free(bytes);
}

static void a_document_that_one_message_cannot_hold_is_not_packed(void **state)
{
    (void)state;
    struct config_message m = {.document = "", .document_len = CONFIG_DOCUMENT_MAX + 1};
    size_t len = 0;
    assert_null(config_message_pack(&m, &len));
}

static void a_document_comes_back_with_its_sections(void **state)
{
    (void)state;
    struct err e = {0};
    size_t len = 0;
    uint64_t revision = 0;
    json_t *sections =
        parse("{\"acl\":[{\"id\":1,\"name\":\"a\",\"action\":\"deny\"}],\"later\":7}");
    char *text = config_document_pack(9, sections, &len);
    json_t *back = config_document_unpack(text, len, &revision, &e);
    assert_non_null(back);
    assert_int_equal(revision, 9);
    assert_true(json_equal(sections, back)); /* also what this agent does not know */
    json_decref(sections);
    json_decref(back);
    free(text);
}

static void a_mistake_in_a_document_names_section_item_and_field(void **state)
{
    (void)state;
    struct err e = {0};
    size_t len = 0;
    uint64_t revision = 0;
    json_t *sections = parse("{\"acl\":[{\"id\":1,\"name\":\"No telnet\",\"action\":\"deny\","
                             "\"server_ports\":[\"23\",\"telnet\"]}]}");
    char *text = config_document_pack(9, sections, &len);
    assert_null(config_document_unpack(text, len, &revision, &e));
    assert_string_equal(e.what, "acl \"No telnet\", server_ports[1]: \"telnet\" is no port from 0 "
                                "to 65535 and no range.");
    json_decref(sections);
    free(text);
}

static void a_report_comes_back_as_it_went(void **state)
{
    (void)state;
    struct config_report r = {.revision = 3, .hash = "ab", .refused = 4, .reason = "no room"};
    struct config_report back;
    struct err e = {0};
    char buf[1024];
    size_t len = config_report_pack(&r, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(config_report_unpack(buf, len, &back, &e), 0);
    assert_memory_equal(&back.revision, &r.revision, sizeof r.revision);
    assert_string_equal(back.hash, "ab");
    assert_int_equal(back.refused, 4);
    assert_string_equal(back.reason, "no room");
}

static void hits_come_back_as_they_went(void **state)
{
    (void)state;
    struct config_hits back, h = {.run = "r1", .count = CONFIG_HITS_MAX};
    struct err e = {0};
    char buf[4096];
    for (size_t i = 0; i < h.count; i++) {
        h.list[i] = (struct config_hit){(int64_t)i + 100000, i * 1000000, 1764090000123456789};
    }
    size_t len = config_hits_pack(&h, buf, sizeof buf);
    assert_true(len > 0); /* the fullest fits into what the centre takes of one message */
    assert_int_equal(config_hits_unpack(buf, len, &back, &e), 0);
    assert_string_equal(back.run, "r1");
    assert_memory_equal(back.list, h.list, sizeof h.list);
}

static void a_rule_is_read_with_all_its_conditions(void **state)
{
    (void)state;
    struct config_fault fault = {0};
    struct acl_rule rule;
    json_t *item =
        parse("{\"id\":1,\"name\":\"x\",\"action\":\"observe\",\"direction\":\"inbound\","
              "\"transport\":\"udp\",\"vlan\":7,\"client\":[\"10.0.0.0/8\"],"
              "\"server\":[\"192.0.2.1\",\"2001:db8::/32\"],\"apps\":[\"DNS\"],"
              "\"categories\":[\"Web\"],\"server_ports\":[\"53\",\"8000-8100\"],"
              "\"comment\":\"why\"}");
    config_acl_read(item, &rule, &fault);
    assert_false(fault.bad);
    assert_int_equal(rule.action, ACL_OBSERVE);
    assert_int_equal(rule.direction, ACL_INBOUND);
    assert_int_equal(rule.transport, IPPROTO_UDP);
    assert_int_equal(rule.vlan, 7);
    assert_int_equal(rule.client_count, 1);
    assert_int_equal(rule.server_count, 2);
    assert_int_equal(rule.servers[1].family, ADDR_IPV6);
    assert_string_equal(rule.apps[0], "DNS");
    assert_string_equal(rule.categories[0], "Web");
    assert_int_equal(rule.ports[1].from, 8000);
    assert_int_equal(rule.ports[1].to, 8100);
    json_decref(item);
}

struct mistake {
    const char *item, *field;
};

static void each_mistake_in_a_rule_is_told_by_its_field(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{}", "action"},
        {"{\"action\":7}", "action"},
        {"{\"action\":\"deny\",\"colour\":1}", "colour"},
        {"{\"action\":\"deny\",\"vlan\":4095}", "vlan"},
        {"{\"action\":\"deny\",\"client\":\"10.0.0.1\"}", "client"},
        {"{\"action\":\"deny\",\"client\":[7]}", "client[0]"},
        {"{\"action\":\"deny\",\"server\":[\"10.0.0.0/8\",\"10.0.0.0/33\"]}", "server[1]"},
        {"{\"action\":\"deny\",\"server_ports\":[\"65536\"]}", "server_ports[0]"},
        {"{\"action\":\"deny\",\"server_ports\":[\"1-2-3\"]}", "server_ports[0]"},
        {"{\"action\":\"deny\",\"server_ports\":[\"80\"],\"transport\":\"icmp\"}", "server_ports"},
        {"{\"action\":\"deny\",\"apps\":[\"\"]}", "apps[0]"},
        {"{\"action\":\"deny\",\"comment\":\"a\\nb\"}", "comment"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct config_fault fault = {0};
        json_t *item = parse(mistakes[i].item);
        config_acl_check(item, &fault);
        assert_true(fault.bad);
        assert_string_equal(fault.field, mistakes[i].field);
        assert_true(fault.message[0] != '\0');
        json_decref(item);
    }
}

typedef void (*check_fn)(const json_t *item, struct config_fault *fault);

static void check_all(check_fn check, const struct mistake *mistakes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct config_fault fault = {0};
        json_t *item = parse(mistakes[i].item);
        check(item, &fault);
        assert_string_equal(fault.field, mistakes[i].field);
        assert_true(fault.bad && fault.message[0] != '\0');
        json_decref(item);
    }
}

static void each_mistake_in_the_network_configuration_is_told_by_its_field(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{\"role\":\"web\",\"servers\":[\"10.0.0.1\"]}", "role"},
        {"{\"role\":\"dns\"}", "servers"},
        {"{\"role\":\"dns\",\"servers\":[\"10.0.0.1\",\"dns.example\"]}", "servers[1]"},
        {"{\"role\":\"dns\",\"servers\":[\"02:00:00:00:00:01\"]}", "servers[0]"},
        {"{\"role\":\"gateway\",\"servers\":[\"10.0.0.0/24\"]}", "servers[0]"},
        {"{\"role\":\"ntp\",\"servers\":[\"10.0.0.1\"],\"clients\":[\"x\"]}", "clients[0]"},
    };
    check_all(config_netconf_check, mistakes, sizeof mistakes / sizeof mistakes[0]);
}

static void each_mistake_in_a_policy_is_told_by_its_field(void **state)
{
    (void)state;
    static const struct mistake mistakes[] = {
        {"{\"class\":\"core\"}", "hosts"},
        {"{\"class\":\"vip\",\"hosts\":[\"10.0.0.1\"]}", "class"},
        {"{\"hosts\":[\"10.0.0.1\"]}", ""},
        {"{\"class\":\"core\",\"hosts\":[\"10.0.0.1\",\"10.0.0.1/8\"]}", "hosts[1]"},
        {"{\"hosts\":[\"10.0.0.1\"],\"services\":[\"443\"]}", "services[0]"},
        {"{\"class\":\"core\",\"hosts\":[\"10.0.0.1\"],\"days\":[\"monday\"]}", "days[0]"},
        {"{\"class\":\"core\",\"hosts\":[\"10.0.0.1\"],\"from\":\"8:00\",\"to\":\"18:00\"}",
         "from"},
        {"{\"class\":\"core\",\"hosts\":[\"10.0.0.1\"],\"from\":\"08:00\"}", "to"},
    };
    check_all(config_policy_check, mistakes, sizeof mistakes / sizeof mistakes[0]);
}

static void a_hardware_address_is_read_in_both_spellings_and_nothing_else(void **state)
{
    (void)state;
    struct mac mac;
    const uint8_t bytes[6] = {0, 0x1b, 0x21, 0x3c, 0x9d, 0xf8};
    assert_true(config_mac_parse("00:1b:21:3c:9d:f8", &mac));
    assert_memory_equal(mac.bytes, bytes, sizeof bytes);
    assert_true(config_mac_parse("00-1B-21-3C-9D-F8", &mac));
    assert_memory_equal(mac.bytes, bytes, sizeof bytes);
    assert_false(config_mac_parse("00:1b:21:3c:9d", &mac));
    assert_false(config_mac_parse("00:1b:21:3c:9d:fg", &mac));
    assert_false(config_mac_parse("00:1b:21:3c:9d:f8:", &mac));
    assert_false(config_mac_parse("001b213c9df8", &mac));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_back_as_it_went),
        cmocka_unit_test(a_document_that_one_message_cannot_hold_is_not_packed),
        cmocka_unit_test(a_document_comes_back_with_its_sections),
        cmocka_unit_test(a_mistake_in_a_document_names_section_item_and_field),
        cmocka_unit_test(a_report_comes_back_as_it_went),
        cmocka_unit_test(hits_come_back_as_they_went),
        cmocka_unit_test(each_mistake_in_the_network_configuration_is_told_by_its_field),
        cmocka_unit_test(each_mistake_in_a_policy_is_told_by_its_field),
        cmocka_unit_test(a_rule_is_read_with_all_its_conditions),
        cmocka_unit_test(each_mistake_in_a_rule_is_told_by_its_field),
        cmocka_unit_test(a_hardware_address_is_read_in_both_spellings_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
