/* Unit tests of agent/dpi: handshakes of OpenVPN, random payloads, and who comes back. */
#include "agent/dpi/evasion.h"
#include "agent/dpi/repeats.h"
#include "agent/dpi/risks.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t client_session[8] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t server_session[8] = {9, 8, 7, 6, 5, 4, 3, 2};

/* Opcode, session, then `len` more bytes; over TCP with the length in front. Returns the bytes. */
static size_t message(uint8_t *buf, uint8_t opcode, const uint8_t session[8], const void *rest,
                      size_t len, bool tcp)
{
    uint8_t *at = buf;
    size_t own = 1 + 8 + len;
    if (tcp) {
        *at++ = (uint8_t)(own >> 8);
        *at++ = (uint8_t)own;
    }
    *at++ = (uint8_t)(opcode << 3);
    memcpy(at, session, 8);
    memcpy(at + 8, rest, len);
    return own + (tcp ? 2 : 0);
}

/* The server acknowledges the client's reset: [count 1][number 0][client's session][number 0]. */
static void a_plain_handshake_is_known_by_the_servers_answer(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct openvpn o = {0};
        uint8_t buf[128], first[5] = {0}, answer[17] = {1};
        memcpy(answer + 5, client_session, 8);
        size_t len = message(buf, 7, client_session, first, sizeof first, tcp);
        assert_false(openvpn_look(&o, buf, len, tcp, true));
        len = message(buf, 8, server_session, answer, sizeof answer, tcp);
        assert_true(openvpn_look(&o, buf, len, tcp, false));
    }
}

/* With tls-crypt only opcode and session are clear. */
static void an_encrypted_handshake_is_known_by_its_sessions(void **state)
{
    (void)state;
    struct openvpn o = {0};
    uint8_t buf[128], noise[60];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)(i * 151 + 7);
    }
    size_t len = message(buf, 7, client_session, noise, sizeof noise, false);
    assert_false(openvpn_look(&o, buf, len, false, true));
    len = message(buf, 8, server_session, noise, sizeof noise, false);
    assert_false(openvpn_look(&o, buf, len, false, false));
    len = message(buf, 5, client_session, noise, sizeof noise, false);
    assert_false(openvpn_look(&o, buf, len, false, true));
    len = message(buf, 4, server_session, noise, sizeof noise, false);
    assert_true(openvpn_look(&o, buf, len, false, false));
}

static void what_is_none_stays_none(void **state)
{
    (void)state;
    uint8_t buf[128], rest[20] = {0};
    struct openvpn o = {0};
    size_t len = message(buf, 9, client_session, rest, sizeof rest, false); /* no reset */
    assert_false(openvpn_look(&o, buf, len, false, true));
    len = message(buf, 7, client_session, rest, sizeof rest, false);
    assert_false(openvpn_look(&o, buf, len, false, true));
    assert_true(o.excluded);
    o = (struct openvpn){0};
    len = message(buf, 7, client_session, rest, sizeof rest, false);
    assert_false(openvpn_look(&o, buf, len, false, true));
    len = message(buf, 4, server_session, rest, sizeof rest, false); /* the client's session goes */
    assert_false(openvpn_look(&o, buf, len, false, true));
    assert_true(o.excluded);
    for (len = 0; len < 16; len++) { /* cut anywhere */
        o = (struct openvpn){0};
        assert_false(openvpn_look(&o, buf, len, true, true));
        o = (struct openvpn){0};
        assert_false(openvpn_look(&o, buf, len, false, true));
    }
}

static void noise_is_random_and_nothing_else(void **state)
{
    (void)state;
    uint8_t b[400];
    srandom(7);
    for (size_t i = 0; i < sizeof b; i++) {
        b[i] = (uint8_t)random();
    }
    b[0] = 0x80;
    assert_true(evasion_is_random(b, sizeof b));
    assert_false(evasion_is_random(b, 99));
    memcpy(b, "\x16\x03\x01", 3);
    assert_false(evasion_is_random(b, sizeof b));
    memcpy(b, "POST /", 6);
    assert_false(evasion_is_random(b, sizeof b));
    b[0] = 0x80;
    memset(b + 100, 'x', 21); /* a word in the middle */
    assert_false(evasion_is_random(b, sizeof b));
    memset(b, 0, sizeof b);
    assert_false(evasion_is_random(b, sizeof b));
    memset(b, 0xff, sizeof b);
    assert_false(evasion_is_random(b, sizeof b));
}

static void the_second_flow_of_a_pair_is_a_repetition(void **state)
{
    (void)state;
    static struct repeats r;
    struct flow_key key = {.family = ADDR_IPV4, .protocol = 6, .server_port = 8388};
    uint64_t at_ns = 1700000000ull * NS_PER_S;
    assert_false(repeats_note(&r, &key, at_ns));
    assert_true(repeats_note(&r, &key, at_ns + NS_PER_S));
    key.server_port = 443;
    assert_false(repeats_note(&r, &key, at_ns));
    assert_false(repeats_note(&r, &key, at_ns + 25ull * 3600 * NS_PER_S)); /* a day later */
}

static void alpn_has_to_fit_the_port(void **state)
{
    (void)state;
    uint64_t odd = 1ull << ALERT_TLS_ALPN_SNI_MISMATCH;
    const uint8_t *h2 = (const uint8_t *)"h2", *dot = (const uint8_t *)"dot";
    assert_int_equal(risks_of_alpn(h2, 2, 443), 0);
    assert_int_equal(risks_of_alpn(h2, 2, 8443), 0);
    assert_int_equal(risks_of_alpn(h2, 2, 993), odd);
    assert_int_equal(risks_of_alpn(dot, 3, 853), 0);
    assert_int_equal(risks_of_alpn(dot, 3, 443), odd);
    assert_int_equal(risks_of_alpn(NULL, 0, 993), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_handshake_is_known_by_the_servers_answer),
        cmocka_unit_test(an_encrypted_handshake_is_known_by_its_sessions),
        cmocka_unit_test(what_is_none_stays_none),
        cmocka_unit_test(noise_is_random_and_nothing_else),
        cmocka_unit_test(the_second_flow_of_a_pair_is_a_repetition),
        cmocka_unit_test(alpn_has_to_fit_the_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
