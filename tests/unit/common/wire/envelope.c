/* The envelope: what goes in comes out, and nothing else gets in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/envelope.h"

static const struct envelope BATCH = {.kind = STREAM_FLOW,
                                      .epoch = 1700000000,
                                      .first_seq = 812,
                                      .wall_ns = 123456789,
                                      .count = 3,
                                      .schema = 1};

static uint8_t *packed(const void *body, size_t body_len, size_t *len)
{
    struct err e = {0};
    uint8_t *bytes = envelope_pack(&BATCH, body, body_len, len, &e);
    assert_non_null(bytes);
    return bytes;
}

/* Unpacks and frees; returns 0 or -1 with the reason in e. */
static int unpacks(const uint8_t *bytes, size_t len, struct err *e)
{
    struct envelope env;
    uint8_t *body;
    size_t body_len;
    int result = envelope_unpack(bytes, len, &env, &body, &body_len, e);
    free(body);
    return result;
}

static void seal_again(uint8_t *bytes, size_t len)
{
    memset(bytes + 40, 0, 4);
    uint32_t crc = crc32c(0, bytes, len);
    memcpy(bytes + 40, &crc, sizeof crc);
}

static void round_trip(const uint8_t *body, size_t body_len, bool compressed)
{
    struct err e = {0};
    struct envelope env;
    uint8_t *out;
    size_t len, out_len;
    uint8_t *bytes = packed(body, body_len, &len);
    assert_int_equal(envelope_unpack(bytes, len, &env, &out, &out_len, &e), 0);
    assert_int_equal(out_len, body_len);
    assert_memory_equal(out, body, body_len);
    assert_int_equal(env.kind, STREAM_FLOW);
    assert_int_equal(env.epoch, BATCH.epoch);
    assert_int_equal(env.first_seq, BATCH.first_seq);
    assert_int_equal(env.wall_ns, BATCH.wall_ns);
    assert_int_equal(env.count, BATCH.count);
    assert_int_equal((env.flags & ENVELOPE_FLAG_ZLIB) != 0, compressed);
    free(out);
    free(bytes);
}

static void a_small_body_travels_as_it_is(void **state)
{
    (void)state;
    round_trip((const uint8_t *)"three records", 13, false);
}

static void a_large_body_is_compressed_when_that_pays(void **state)
{
    (void)state;
    uint8_t body[8192];
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)((i * 7 + i / 100) % 61);
    }
    round_trip(body, sizeof body, true);
}

static void a_body_that_shrinks_past_the_ratio_is_sent_uncompressed(void **state)
{
    (void)state;
    static const uint8_t zeros[100000];
    round_trip(zeros, sizeof zeros, false);
}

static void every_single_flipped_bit_is_noticed(void **state)
{
    (void)state;
    size_t len;
    uint8_t *bytes = packed("three records", 13, &len);
    for (size_t bit = 0; bit < len * 8; bit++) {
        struct err e = {0};
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_int_equal(unpacks(bytes, len, &e), -1);
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    free(bytes);
}

static void a_cut_message_is_an_error_not_a_crash(void **state)
{
    (void)state;
    size_t len;
    uint8_t *bytes = packed("three records", 13, &len);
    for (size_t cut = 0; cut < len; cut++) {
        struct err e = {0};
        uint8_t *part = malloc(cut > 0 ? cut : 1);
        memcpy(part, bytes, cut);
        assert_int_equal(unpacks(part, cut, &e), -1);
        free(part);
    }
    free(bytes);
}

static void a_header_that_claims_a_bomb_is_refused_before_inflating(void **state)
{
    (void)state;
    struct err e = {0};
    size_t len;
    uint8_t *bytes = packed("three records", 13, &len);
    uint32_t claim = 13 * WIRE_MAX_RATIO + 1;
    memcpy(bytes + 32, &claim, sizeof claim);
    bytes[6] = ENVELOPE_FLAG_ZLIB;
    seal_again(bytes, len);
    assert_int_equal(unpacks(bytes, len, &e), -1);
    assert_non_null(strstr(e.what, "claim to hold"));
    free(bytes);
}

static void an_unknown_version_is_named(void **state)
{
    (void)state;
    struct err e = {0};
    size_t len;
    uint8_t *bytes = packed("three records", 13, &len);
    bytes[4] = 9;
    seal_again(bytes, len);
    assert_int_equal(unpacks(bytes, len, &e), -1);
    assert_string_equal(e.what, "envelope version 9 is unknown");
    free(bytes);
}

static void records_are_walked_to_the_end_and_not_past_it(void **state)
{
    (void)state;
    struct err e = {0};
    const uint8_t body[] = {2, 0, 0, 0, 'a', 'b', 0, 0, 0, 0, 9, 0, 0, 0, 'c'};
    struct reader r = reader_of(body, sizeof body);
    const uint8_t *bytes;
    size_t len;
    assert_int_equal(record_next(&r, &bytes, &len, &e), 1);
    assert_int_equal(len, 2);
    assert_int_equal(record_next(&r, &bytes, &len, &e), 1);
    assert_int_equal(len, 0);
    assert_int_equal(record_next(&r, &bytes, &len, &e), -1);
}

/* RFC 3720, appendix B.4. */
static void crc32c_gives_the_published_values(void **state)
{
    (void)state;
    uint8_t bytes[32] = {0};
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x8A9136AA);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x62A8AB43);
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c_by_tables(0, "123456789", 9), 0xE3069283);
}

static void crc32c_is_the_same_by_instruction_by_tables_and_in_parts(void **state)
{
    (void)state;
    uint8_t bytes[257];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 31 + 7);
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        uint32_t whole = crc32c(0, bytes, len);
        assert_int_equal(crc32c_by_tables(0, bytes, len), whole);
        assert_int_equal(crc32c(crc32c(0, bytes, len / 3), bytes + len / 3, len - len / 3), whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_body_travels_as_it_is),
        cmocka_unit_test(a_large_body_is_compressed_when_that_pays),
        cmocka_unit_test(a_body_that_shrinks_past_the_ratio_is_sent_uncompressed),
        cmocka_unit_test(every_single_flipped_bit_is_noticed),
        cmocka_unit_test(a_cut_message_is_an_error_not_a_crash),
        cmocka_unit_test(a_header_that_claims_a_bomb_is_refused_before_inflating),
        cmocka_unit_test(an_unknown_version_is_named),
        cmocka_unit_test(records_are_walked_to_the_end_and_not_past_it),
        cmocka_unit_test(crc32c_gives_the_published_values),
        cmocka_unit_test(crc32c_is_the_same_by_instruction_by_tables_and_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
