/*
 * Unit tests of agent/print/ja and the hellos it reads. JA4: values that FoxIO publishes for its
 * own captures, from the lists that they stand for. JA3: the examples of its first description.
 */
#include "agent/print/ja.h"

#include "common/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct digest *digest;

/* Codes from comma separated hexadecimal. */
static uint16_t codes_of(const char *text, uint16_t *codes)
{
    uint16_t count = 0;
    for (const char *at = text; *at != '\0'; at += at[4] == ',' ? 5 : 4) {
        unsigned code = 0;
        assert_int_equal(sscanf(at, "%4x", &code), 1);
        codes[count++] = (uint16_t)code;
    }
    return count;
}

static void check_ja4(enum ja_carrier carrier, uint16_t newest, const char *ciphers,
                      const char *extensions, const char *signatures, const char *alpn,
                      const char *wanted)
{
    static struct tls_client hello;
    char ja4[PRINT_JA4_SIZE];
    hello = (struct tls_client){.version = 0x0303, .newest = newest, .names_server = true};
    hello.cipher_count = codes_of(ciphers, hello.ciphers);
    hello.extension_count = codes_of(extensions, hello.extensions);
    hello.signature_count = codes_of(signatures, hello.signatures);
    hello.alpn = (const uint8_t *)alpn;
    hello.alpn_len = (uint8_t)strlen(alpn);
    ja4_of(digest, &hello, carrier, ja4);
    assert_string_equal(ja4, wanted);
}

static void ja4_is_what_its_authors_publish(void **state)
{
    (void)state;
    check_ja4(JA_TCP, 0x0304,
              "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
              "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015",
              "0403,0804,0401,0503,0805,0501,0806,0601", "h2",
              "t13d1516h2_8daaf6152771_e5627efa2ab1");
    check_ja4(JA_QUIC, 0x0304, "1301,1302,1303",
              "0000,000a,0010,000d,001b,002b,002d,0033,0039,4469",
              "0403,0804,0401,0503,0805,0501,0806,0601,0201", "h3",
              "q13d0310h3_55b375c5d22e_cd85d2d88918");
    check_ja4(JA_TCP, 0x0304,
              "1301,1303,1302,c02b,c02f,cca9,cca8,c02c,c030,c00a,c009,c013,c014,009c,009d,002f,"
              "0035",
              "0000,0017,ff01,000a,000b,0023,0010,0005,0022,0033,002b,000d,002d,001c,0015",
              "0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201", "h2",
              "t13d1715h2_5b57614c22b0_3d5424432f57");
}

static void ja4_of_little_is_zeros(void **state)
{
    (void)state;
    static struct tls_client hello;
    char ja4[PRINT_JA4_SIZE];
    hello = (struct tls_client){.version = 0x0301, .newest = 0x0301};
    ja4_of(digest, &hello, JA_TCP, ja4);
    assert_string_equal(ja4, "t10i000000_000000000000_000000000000");
}

/* The rule's own examples: bytes that are no letters or digits are told by their digits. */
static void an_odd_alpn_is_told_by_its_digits(void **state)
{
    (void)state;
    static struct tls_client hello;
    char ja4[PRINT_JA4_SIZE];
    hello =
        (struct tls_client){.newest = 0x0303, .alpn = (const uint8_t *)"\xab\xcd", .alpn_len = 2};
    ja4_of(digest, &hello, JA_TCP, ja4);
    assert_memory_equal(ja4, "t12i0000ad_", 11);
    hello.alpn = (const uint8_t *)"h";
    hello.alpn_len = 1;
    ja4_of(digest, &hello, JA_DTLS, ja4);
    assert_memory_equal(ja4, "d12i0000hh_", 11);
}

/* Two ways of sorting must not give two fingerprints. */
static void a_long_list_is_sorted_as_a_short_one(void **state)
{
    (void)state;
    static struct tls_client up;
    static struct tls_client down;
    char first[PRINT_JA4_SIZE];
    char second[PRINT_JA4_SIZE];
    up = (struct tls_client){.newest = 0x0303, .cipher_count = 300};
    down = up;
    for (unsigned i = 0; i < 300; i++) {
        up.ciphers[i] = (uint16_t)(i * 200 + 1);
        down.ciphers[299 - i] = up.ciphers[i];
    }
    ja4_of(digest, &up, JA_TCP, first);
    ja4_of(digest, &down, JA_TCP, second);
    assert_string_equal(first, second);
    assert_memory_equal(first, "t12i9900", 8);
}

static void check_ja3(const struct tls_client *hello, const char *wanted)
{
    struct flow_prints prints = {.program = {.kind = PRINT_TLS, .known = PRINT_CLIENT}};
    struct print_texts texts;
    assert_true(ja3_of(digest, hello, prints.program.client));
    prints_texts(&prints, &texts);
    assert_string_equal(texts.ja3, wanted);
}

static void ja3_is_what_its_authors_publish(void **state)
{
    (void)state;
    static const struct tls_client first = {
        .version = 769,
        .ciphers = {47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4},
        .cipher_count = 12,
        .extensions = {0, 10, 11},
        .extension_count = 3,
        .groups = {23, 24, 25},
        .group_count = 3,
        .formats = {0},
        .format_count = 1,
    };
    static const struct tls_client second = {
        .version = 769,
        .ciphers = {4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99},
        .cipher_count = 11,
    };
    check_ja3(&first, "ada70206e40642a3e4461f35503241d5");
    check_ja3(&second, "de350869b8c85de67a350c8d186f11e6");
}

static struct ssh_text text_of(const char *text)
{
    return (struct ssh_text){.at = text, .len = strlen(text)};
}

/* The lists of the server that HASSH's description prints. */
static void hassh_is_of_the_side_that_is_asked_for(void **state)
{
    (void)state;
    struct ssh_offer offer = {
        .lists = {
            [SSH_KEX] = text_of("diffie-hellman-group-exchange-sha256,diffie-hellman-group-"
                                "exchange-sha1,diffie-hellman-group14-sha1,diffie-hellman-group1-"
                                "sha1"),
            [SSH_CIPHER_S2C] = text_of("aes128-ctr,aes192-ctr,aes256-ctr,arcfour256,arcfour128,"
                                       "aes128-cbc,3des-cbc,blowfish-cbc,cast128-cbc,aes192-cbc,"
                                       "aes256-cbc,arcfour,rijndael-cbc@lysator.liu.se"),
            [SSH_MAC_S2C] = text_of("hmac-md5,hmac-sha1,umac-64@openssh.com,hmac-ripemd160,hmac-"
                                    "ripemd160@openssh.com,hmac-sha1-96,hmac-md5-96"),
            [SSH_COMPRESSION_S2C] = text_of("none,zlib@openssh.com"),
            [SSH_CIPHER_C2S] = text_of("aes128-ctr"),
            [SSH_MAC_C2S] = text_of("hmac-sha1"),
            [SSH_COMPRESSION_C2S] = text_of("none"),
        }};
    struct flow_prints prints = {.program = {.kind = PRINT_SSH, .known = PRINT_SERVER}};
    struct print_texts texts;
    assert_true(hassh_of(digest, &offer, false, prints.program.server));
    assert_true(hassh_of(digest, &offer, true, prints.program.client));
    prints_texts(&prints, &texts);
    assert_string_equal(texts.hassh_server, "b1c6c0d56317555b85c7005a3de29325");
    assert_string_equal(texts.hassh, "");
    assert_memory_not_equal(prints.program.client, prints.program.server, PRINT_MD5_SIZE);
}

static int open_digest(void **state)
{
    (void)state;
    digest = digest_new(NULL);
    return digest == NULL ? -1 : 0;
}

static int close_digest(void **state)
{
    (void)state;
    digest_free(digest);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ja4_is_what_its_authors_publish),
        cmocka_unit_test(ja4_of_little_is_zeros),
        cmocka_unit_test(an_odd_alpn_is_told_by_its_digits),
        cmocka_unit_test(a_long_list_is_sorted_as_a_short_one),
        cmocka_unit_test(ja3_is_what_its_authors_publish),
        cmocka_unit_test(hassh_is_of_the_side_that_is_asked_for),
    };
    return cmocka_run_group_tests(tests, open_digest, close_digest);
}
