/*
 * Unit tests of agent/print/syn and syns. The vectors 1 to 13 are those of Appendix A of "nDPI TCP
 * Fingerprint Format", draft version 0.4, copyright 2026 ntop, CC BY 4.0; the values of 2025 are
 * those that its section 15 and nDPI's own results name.
 */
#include "agent/print/syn.h"

#include "agent/decode/decode.h"
#include "agent/print/syns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINUX                                                                                      \
    "020405b4"                                                                                     \
    "0402"                                                                                         \
    "080a0102030400000000"                                                                         \
    "01"                                                                                           \
    "030307"
#define MACOS                                                                                      \
    "020405b4"                                                                                     \
    "01"                                                                                           \
    "030305"                                                                                       \
    "0101"                                                                                         \
    "080a0102030400000000"                                                                         \
    "0402"                                                                                         \
    "0000"

struct vector {
    unsigned flags, ttl, window;
    const char *options; /* hex */
    const char *text;
    const char *print;
};

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return len;
}

/* An IPv4 SYN with these options, through the decoder. */
static struct print_syn syn_of(const struct vector *v)
{
    static uint8_t bytes[100];
    memset(bytes, 0, sizeof bytes);
    size_t options = unhex(v->options, bytes + 40);
    size_t padded = (options + 3) / 4 * 4;
    assert_int_equal(options, padded); /* a vector is never padded by us: that would be another */
    bytes[0] = 0x45;
    bytes[3] = (uint8_t)(40 + padded);
    bytes[8] = (uint8_t)v->ttl;
    bytes[9] = 6;
    bytes[12] = bytes[16] = 10;
    bytes[15] = 1;
    bytes[19] = 2;
    bytes[32] = (uint8_t)((5 + padded / 4) << 4 | v->flags >> 8);
    bytes[33] = (uint8_t)v->flags;
    bytes[34] = (uint8_t)(v->window >> 8);
    bytes[35] = (uint8_t)v->window;
    struct packet p = {0};
    assert_int_equal(decode_packet(101, 0, bytes, 40 + padded, 40 + padded, &p), DECODE_OK);
    struct print_syn syn;
    assert_true(syn_read(&p, &syn));
    return syn;
}

static void check(struct digest *d, const struct vector *v)
{
    struct print_syn syn = syn_of(v);
    char text[SYN_TEXT_MAX + 1];
    text[syn_text(&syn, text)] = '\0';
    assert_string_equal(text, v->text);
    assert_true(syn_hash(d, &syn));
    struct flow_prints prints = {.syn = syn};
    struct print_texts texts;
    prints_texts(&prints, &texts);
    assert_string_equal(texts.tcp, v->print);
}

static void the_vectors_of_the_draft_come_out(void **state)
{
    static const struct vector vectors[] = {
        {2, 64, 64240, LINUX, "020408010307", "2_64_64240_5ec4846073b9"},
        {2, 64, 64800,
         "020405a0"
         "0402"
         "080a0102030400000000"
         "01"
         "030307",
         "020408010307", "2_64_64800_5ec4846073b9"},
        {2, 64, 64240,
         LINUX "2202"
               "0101",
         "020408010307", "2_64_64240_5ec4846073b9"},
        {2, 64, 64240,
         LINUX "220a"
               "0102030405060708"
               "0101",
         "020408010307", "2_64_64240_5ec4846073b9"},
        {2, 64, 64240,
         LINUX "1e0c"
               "0081"
               "0102030405060708",
         "0204080103071e0081", "2_64_64240_d9f8b1298998"},
        {2, 64, 65535, MACOS, "020103050101080400", "2_64_65535_fa6f8edaadeb"},
        {194, 57, 65535, MACOS, "020103050101080400", "194_64_65535_fa6f8edaadeb"},
        {2, 255, 16384,
         "020405b4"
         "1312"
         "0102030405060708090a0b0c0d0e0f10"
         "0101",
         "02130101", "2_255_16384_df9f6ba44436"},
        {2, 64, 64240,
         "020405b4"
         "fe06f989aabb"
         "0101",
         "02", "2_64_64240_a953f09a1b6b"},
        {2, 250, 1024, "", "", "2_255_1024_e3b0c44298fc"},
        {2, 64, 64240,
         "2203"
         "01"
         "22fd"
         "0000000000000000000000000000000000000000000000000000000000000000000000",
         "", "2_64_64240_e3b0c44298fc"},
        {2, 64, 64240,
         "020405b4"
         "03000000",
         "0203", "2_64_64240_c2576dd8541a"},
        {2, 64, 64240,
         "020405b4"
         "00deadbe",
         "0200", "2_64_64240_1fdc13485c8a"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        check(*state, &vectors[i]);
    }
}

static void the_form_of_2025_keeps_values_and_goes_past_the_end(void **state)
{
    static const struct vector vectors[] = {
        {2, 64, 64240, LINUX, "", "2_64_64240_2e3cee914fc1"},
        {2, 64, 65535,
         "020405b4"
         "01"
         "030306"
         "0101"
         "080a0102030400000000"
         "0402"
         "0000",
         "", "2_64_65535_d29295416479"},
        {2, 128, 64240,
         "020405b4"
         "01"
         "030308"
         "0101"
         "0402",
         "", "2_128_64240_6bb88f5575fd"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct flow_prints prints = {.syn = syn_of(&vectors[i])};
        struct print_texts texts;
        assert_true(syn_hash(*state, &prints.syn));
        prints_texts(&prints, &texts);
        assert_string_equal(texts.tcp_2025, vectors[i].print);
    }
}

static void hops_are_what_lacks_to_the_bucket(void **state)
{
    (void)state;
    const struct vector v = {2, 57, 65535, MACOS, "", ""};
    assert_int_equal(syn_of(&v).hops, 7);
}

static void an_answer_is_not_a_client(void **state)
{
    (void)state;
    struct packet p = {.tcp = {.flags = TCP_SYN | TCP_ACK}};
    struct print_syn syn;
    uint8_t header[20] = {[12] = 0x50, [13] = 0x12};
    p.tcp_header = header;
    assert_false(syn_read(&p, &syn));
}

static void equal_syns_are_kept_once(void **state)
{
    static struct syns syns;
    const struct vector linux_now = {2, 64, 64240, LINUX, "", ""};
    const struct vector linux_later = {2,
                                       61,
                                       64240,
                                       "020405b4"
                                       "0402"
                                       "080a5566778800000000"
                                       "01"
                                       "030307",
                                       "",
                                       ""};
    const struct vector macos = {2, 64, 65535, MACOS, "", ""};
    struct print_syn syn = syn_of(&linux_now);
    uint16_t first = syns_take(&syns, *state, &syn);
    syn = syn_of(&linux_later);
    assert_int_equal(syns_take(&syns, *state, &syn), first);
    syn = syn_of(&macos);
    uint16_t other = syns_take(&syns, *state, &syn);
    assert_int_not_equal(other, first);
    assert_int_equal(syns.slots[first - 1].flows, 2);
    syns_put(&syns, first);
    syns_put(&syns, first);
    syns_put(&syns, other);
    assert_int_equal(syns.slots[first - 1].flows, 0);
}

/* Strangers may send as many forms as they like: what does not fit is left out. */
static void a_flood_of_forms_does_not_grow_it(void **state)
{
    struct syns *syns = calloc(1, sizeof *syns);
    assert_non_null(syns);
    const struct vector v = {2, 64, 0, LINUX, "", ""};
    struct print_syn syn = syn_of(&v);
    unsigned taken = 0;
    for (unsigned i = 0; i < 3 * SYNS_MAX; i++) {
        syn.window = (uint16_t)i;
        taken += syns_take(syns, *state, &syn) != 0;
    }
    assert_in_range(taken, SYNS_MAX / 2, SYNS_MAX);
    free(syns);
}

static int open_digest(void **state)
{
    *state = digest_new(NULL);
    return *state == NULL ? -1 : 0;
}

static int close_digest(void **state)
{
    digest_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_draft_come_out),
        cmocka_unit_test(the_form_of_2025_keeps_values_and_goes_past_the_end),
        cmocka_unit_test(hops_are_what_lacks_to_the_bucket),
        cmocka_unit_test(an_answer_is_not_a_client),
        cmocka_unit_test(equal_syns_are_kept_once),
        cmocka_unit_test(a_flood_of_forms_does_not_grow_it),
    };
    return cmocka_run_group_tests(tests, open_digest, close_digest);
}
