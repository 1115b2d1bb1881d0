/* Unit tests of common/flow_key. */
#include "common/flow_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

/* The id of a flow that starts at one end and goes to the other; borrowed until the next call. */
static const char *id_seeded(uint8_t protocol, const char *client, uint16_t client_port,
                             const char *server, uint16_t server_port, uint16_t seed)
{
    static char buf[COMMUNITY_ID_SIZE];
    struct flow_key key = {
        .client_port = client_port, .server_port = server_port, .protocol = protocol};
    key.family = (uint8_t)addr_parse(client, &key.client);
    assert_int_equal(addr_parse(server, &key.server), key.family);
    return flow_key_community_id(&key, seed, buf);
}

static const char *id_of(uint8_t protocol, const char *client, uint16_t client_port,
                         const char *server, uint16_t server_port)
{
    return id_seeded(protocol, client, client_port, server, server_port, 0);
}

static void keep(char *kept, const char *id)
{
    assert_true(snprintf(kept, COMMUNITY_ID_SIZE, "%s", id) > 0);
}

/* The expected ids are those published with the specification's reference captures. */
static void tcp_has_the_id_of_the_specification_in_both_directions(void **state)
{
    (void)state;
    const char *want = "1:LQU9qZlK+B5F3KDmev6m5PMibrg=";
    assert_string_equal(id_of(6, "128.232.110.120", 34855, "66.35.250.204", 80), want);
    assert_string_equal(id_of(6, "66.35.250.204", 80, "128.232.110.120", 34855), want);
}

static void udp_has_the_id_of_the_specification(void **state)
{
    (void)state;
    assert_string_equal(id_of(17, "192.168.1.52", 54585, "8.8.8.8", 53),
                        "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
}

static void icmp_question_and_answer_share_the_id_of_the_specification(void **state)
{
    (void)state;
    const char *want = "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=";
    assert_string_equal(id_of(1, "192.168.0.89", 8, "192.168.0.1", 0), want);
    assert_string_equal(id_of(1, "192.168.0.1", 0, "192.168.0.89", 0), want);
}

static void icmpv6_solicitation_has_the_id_of_the_specification(void **state)
{
    (void)state;
    assert_string_equal(id_of(58, "fe80::200:86ff:fe05:80da", 135, "fe80::260:97ff:fe07:69ea", 0),
                        "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
}

static void a_one_way_icmp_message_keeps_its_direction(void **state)
{
    (void)state;
    char there[COMMUNITY_ID_SIZE];
    keep(there, id_of(1, "192.168.0.89", 3, "192.168.0.1", 1));
    assert_string_not_equal(there, id_of(1, "192.168.0.1", 3, "192.168.0.89", 1));
}

static void equal_addresses_are_ordered_by_port(void **state)
{
    (void)state;
    char there[COMMUNITY_ID_SIZE];
    keep(there, id_of(6, "127.0.0.1", 80, "127.0.0.1", 50000));
    assert_string_equal(there, id_of(6, "127.0.0.1", 50000, "127.0.0.1", 80));
}

static void protocols_without_ports_ignore_them(void **state)
{
    (void)state;
    char without[COMMUNITY_ID_SIZE];
    keep(without, id_of(47, "10.0.0.1", 0, "10.0.0.2", 0));
    assert_string_equal(without, id_of(47, "10.0.0.1", 5, "10.0.0.2", 6));
}

static void the_seed_changes_the_id(void **state)
{
    (void)state;
    assert_string_equal(id_seeded(6, "128.232.110.120", 34855, "66.35.250.204", 80, 1),
                        "1:3V71V58M3Ksw/yuFALMcW0LAHvc=");
}

static void a_key_without_addresses_has_no_id(void **state)
{
    (void)state;
    char buf[COMMUNITY_ID_SIZE] = "x";
    const struct flow_key key = {.protocol = 6};
    assert_string_equal(flow_key_community_id(&key, 0, buf), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_has_the_id_of_the_specification_in_both_directions),
        cmocka_unit_test(udp_has_the_id_of_the_specification),
        cmocka_unit_test(icmp_question_and_answer_share_the_id_of_the_specification),
        cmocka_unit_test(icmpv6_solicitation_has_the_id_of_the_specification),
        cmocka_unit_test(a_one_way_icmp_message_keeps_its_direction),
        cmocka_unit_test(equal_addresses_are_ordered_by_port),
        cmocka_unit_test(protocols_without_ports_ignore_them),
        cmocka_unit_test(the_seed_changes_the_id),
        cmocka_unit_test(a_key_without_addresses_has_no_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
