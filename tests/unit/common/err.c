/* Unit tests of common/err. */
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void setting_an_error_gives_minus_one_and_keeps_the_sentence(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, ERR_PARSE, "line %d", 7), -1);
    assert_int_equal(e.code, ERR_PARSE);
    assert_int_equal(e.sys, 0);
    assert_string_equal(e.what, "line 7");
}

static void a_missing_error_value_is_allowed_everywhere(void **state)
{
    (void)state;
    errno = ENOENT;
    assert_int_equal(err_set(NULL, ERR_ARG, "x"), -1);
    assert_int_equal(err_set_errno(NULL, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
    assert_int_equal(errno, ENOENT);
}

static void a_system_error_carries_its_number_and_its_words(void **state)
{
    (void)state;
    struct err e = {0};
    errno = ENOENT;
    assert_int_equal(err_set_errno(&e, "open %s", "a.conf"), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(e.sys, ENOENT);
    assert_string_equal(e.what, "open a.conf: No such file or directory");
    assert_int_equal(errno, ENOENT);
}

static void wrapping_puts_context_in_front_and_keeps_the_code(void **state)
{
    (void)state;
    struct err e = {0};
    errno = EACCES;
    (void)err_set_errno(&e, "open");
    assert_int_equal(err_wrap(&e, "config %s", "x"), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(e.sys, EACCES);
    assert_string_equal(e.what, "config x: open: Permission denied");
}

static void wrapping_for_ever_cuts_the_text_inside_the_buffer(void **state)
{
    (void)state;
    struct err e = {0};
    (void)err_set(&e, ERR_IO, "the end");
    for (int i = 0; i < 100; i++) {
        (void)err_wrap(&e, "a context of some length");
    }
    assert_int_equal(strnlen(e.what, sizeof e.what), sizeof e.what - 1);
}

static void every_code_has_its_own_word(void **state)
{
    (void)state;
    for (int a = ERR_NONE; a <= ERR_CLOSED; a++) {
        assert_string_not_equal(err_code_name((enum err_code)a), "unknown");
        for (int b = a + 1; b <= ERR_CLOSED; b++) {
            assert_string_not_equal(err_code_name((enum err_code)a),
                                    err_code_name((enum err_code)b));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_gives_minus_one_and_keeps_the_sentence),
        cmocka_unit_test(a_missing_error_value_is_allowed_everywhere),
        cmocka_unit_test(a_system_error_carries_its_number_and_its_words),
        cmocka_unit_test(wrapping_puts_context_in_front_and_keeps_the_code),
        cmocka_unit_test(wrapping_for_ever_cuts_the_text_inside_the_buffer),
        cmocka_unit_test(every_code_has_its_own_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
