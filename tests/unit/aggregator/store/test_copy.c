/* The bytes of binary COPY, against the format of the PostgreSQL documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/store/copy.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 19 };

/* What follows the header and the count of fields of the first row. */
static void assert_field(struct copy *c, const void *expected, size_t len)
{
    assert_false(c->failed);
    assert_int_equal(c->len, HEAD + 2 + len);
    assert_memory_equal(c->bytes + HEAD + 2, expected, len);
    copy_done(c);
}

static void the_header_comes_once_and_the_mark_at_the_end(void **state)
{
    (void)state;
    struct copy c = {0};
    copy_row(&c, 1);
    copy_null(&c);
    copy_row(&c, 1);
    copy_null(&c);
    assert_true(copy_finish(&c));
    assert_int_equal(c.rows, 2);
    assert_int_equal(c.len, HEAD + 2 * 6 + 2);
    assert_memory_equal(c.bytes, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", HEAD);
    assert_memory_equal(c.bytes + HEAD, "\0\1\377\377\377\377\0\1\377\377\377\377\377\377", 14);
    copy_done(&c);
}

static void numbers_are_big_endian_with_their_length(void **state)
{
    (void)state;
    struct copy c = {0};
    copy_row(&c, 3);
    copy_i16(&c, -2);
    copy_i32(&c, 258);
    copy_i64(&c, UINT64_MAX);
    assert_field(&c, "\0\0\0\2\377\376\0\0\0\4\0\0\1\2\0\0\0\10\377\377\377\377\377\377\377\377",
                 26);
}

static void zero_may_stand_for_null(void **state)
{
    (void)state;
    struct copy c = {0};
    copy_row(&c, 1);
    copy_i64_or_null(&c, 0);
    assert_field(&c, "\377\377\377\377", 4);
}

static void time_counts_microseconds_from_the_year_2000(void **state)
{
    (void)state;
    struct copy c = {0};
    copy_row(&c, 2);
    copy_time(&c, 946684800000001000ull);
    copy_time(&c, 946684799999999000ull);
    assert_field(&c, "\0\0\0\10\0\0\0\0\0\0\0\1\0\0\0\10\377\377\377\377\377\377\377\377", 24);
}

static void addresses_are_inet_of_full_length(void **state)
{
    (void)state;
    struct copy c = {0};
    struct addr four, six;
    (void)addr_parse("192.0.2.1", &four);
    (void)addr_parse("2001:db8::1", &six);
    copy_row(&c, 3);
    copy_inet(&c, ADDR_IPV4, &four);
    copy_inet(&c, ADDR_IPV6, &six);
    copy_inet(&c, ADDR_NONE, &four);
    assert_field(&c,
                 "\0\0\0\10\2\40\0\4\300\0\2\1"
                 "\0\0\0\24\3\200\0\20\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1"
                 "\377\377\377\377",
                 40);
}

static void a_mac_of_zeros_is_null(void **state)
{
    (void)state;
    struct copy c = {0};
    const struct mac none = {{0}}, some = {{2, 0, 0, 0, 0, 1}};
    copy_row(&c, 2);
    copy_mac(&c, &none);
    copy_mac(&c, &some);
    assert_field(&c, "\377\377\377\377\0\0\0\6\2\0\0\0\0\1", 14);
}

static void many_rows_grow_the_buffer(void **state)
{
    (void)state;
    struct copy c = {0};
    for (int i = 0; i < 10000; i++) {
        copy_row(&c, 1);
        copy_text(&c, "a text of thirty characters ok");
    }
    assert_true(copy_finish(&c));
    assert_int_equal(c.len, HEAD + 10000 * (2 + 4 + 30) + 2);
    copy_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_comes_once_and_the_mark_at_the_end),
        cmocka_unit_test(numbers_are_big_endian_with_their_length),
        cmocka_unit_test(zero_may_stand_for_null),
        cmocka_unit_test(time_counts_microseconds_from_the_year_2000),
        cmocka_unit_test(addresses_are_inet_of_full_length),
        cmocka_unit_test(a_mac_of_zeros_is_null),
        cmocka_unit_test(many_rows_grow_the_buffer),
    };
    return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
