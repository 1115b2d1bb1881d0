/* Unit tests of aggregator/http/text: every reading against its grammar. */
#include "aggregator/http/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static bool printable(const char *text)
{
    return text_is_printable(text, strlen(text));
}

static void text_is_utf8_without_control_characters(void **state)
{
    (void)state;
    assert_true(printable("plain, Röma, 東京, \xf0\x9f\x98\x80"));
    assert_false(printable("tab\there"));
    assert_false(printable("\x7f"));
    assert_false(printable("\xc2\x80")); /* U+0080, a control character */
    assert_false(printable("\xc0\xaf")); /* overlong '/' */
    assert_false(printable("\xe0\x80\xaf"));
    assert_false(printable("\xed\xa0\x80")); /* a surrogate */
    assert_false(printable("\xf4\x90\x80\x80"));
    assert_false(printable("cut \xe6\x9d"));
    assert_false(text_is_printable("a\0b", 3));
}

static void a_cookie_is_found_by_its_whole_name(void **state)
{
    (void)state;
    char value[16];
    assert_true(text_cookie("a=1; picket=two; b=3", "picket", value, sizeof value));
    assert_string_equal(value, "two");
    assert_false(text_cookie("xpicket=1; picketx=2", "picket", value, sizeof value));
    assert_false(text_cookie("picket", "picket", value, sizeof value));
    assert_false(text_cookie("picket=0123456789abcdef", "picket", value, sizeof value));
    assert_true(text_cookie(";;  picket=", "picket", value, sizeof value));
    assert_string_equal(value, "");
}

static void an_encoding_with_weight_zero_is_not_accepted(void **state)
{
    (void)state;
    assert_true(text_accepts_encoding("gzip, deflate, br", "br"));
    assert_true(text_accepts_encoding("GZIP;q=0.5", "gzip"));
    assert_false(text_accepts_encoding("br;q=0", "br"));
    assert_false(text_accepts_encoding("br; q=0.000, gzip", "br"));
    assert_false(text_accepts_encoding("brotli", "br"));
    assert_false(text_accepts_encoding("", "br"));
}

static void an_etag_matches_in_a_list_weak_or_not(void **state)
{
    (void)state;
    assert_true(text_etag_matches("\"a\"", "\"a\""));
    assert_true(text_etag_matches("\"x\", W/\"a\"", "\"a\""));
    assert_true(text_etag_matches("*", "\"a\""));
    assert_false(text_etag_matches("\"ab\"", "\"a\""));
    assert_false(text_etag_matches("", "\"a\""));
}

static void only_our_own_origin_is_ours(void **state)
{
    (void)state;
    assert_true(text_origin_is("http://h:1", "h:1", false));
    assert_true(text_origin_is("https://h:1", "h:1", false));
    assert_true(text_origin_is("https://H:1", "h:1", true));
    assert_false(text_origin_is("http://h:1", "h:1", true));
    assert_false(text_origin_is("https://h:1.evil", "h:1", true));
    assert_false(text_origin_is("", "h:1", false));
    assert_false(text_origin_is("http://", "", false));
    assert_false(text_origin_is("null", "h:1", false));
}

static void a_word_is_found_in_a_list_in_any_case(void **state)
{
    (void)state;
    assert_true(text_list_has("application/json; charset=utf-8", "application/json"));
    assert_true(text_list_has("a, Picket.V1", "picket.v1"));
    assert_false(text_list_has("application/jsonx", "application/json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_utf8_without_control_characters),
        cmocka_unit_test(a_cookie_is_found_by_its_whole_name),
        cmocka_unit_test(an_encoding_with_weight_zero_is_not_accepted),
        cmocka_unit_test(an_etag_matches_in_a_list_weak_or_not),
        cmocka_unit_test(only_our_own_origin_is_ours),
        cmocka_unit_test(a_word_is_found_in_a_list_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
