/* Unit tests of common/log. */
#define LOG_MODULE "log_test"
#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OUT_SIZE = 65536 };

/* Standard error as a file in memory while a test logs. */
struct capture {
    int file;
    int saved;
    char text[OUT_SIZE];
};
static struct capture capture;

static int capture_begin(void **state)
{
    (void)state;
    log_init("tester", LOG_LEVEL_INFO);
    capture.saved = dup(STDERR_FILENO);
    capture.file = memfd_create("log", 0);
    /* Appending makes the writes of several threads to one file atomic, as on a terminal. */
    if (fcntl(capture.file, F_SETFL, O_APPEND) < 0) {
        return -1;
    }
    return dup2(capture.file, STDERR_FILENO) < 0 ? -1 : 0;
}

/* Gives standard error back and returns all that was written. */
static const char *captured(void)
{
    (void)dup2(capture.saved, STDERR_FILENO);
    ssize_t len = pread(capture.file, capture.text, sizeof capture.text - 1, 0);
    capture.text[len < 0 ? 0 : len] = '\0';
    return capture.text;
}

static int capture_end(void **state)
{
    (void)state;
    (void)dup2(capture.saved, STDERR_FILENO);
    (void)close(capture.saved);
    (void)close(capture.file);
    return 0;
}

static unsigned lines_of(const char *text)
{
    unsigned lines = 0;
    for (; *text != '\0'; text++) {
        lines += *text == '\n' ? 1 : 0;
    }
    return lines;
}

static void a_line_names_level_program_module_thread_and_message(void **state)
{
    (void)state;
    (void)pthread_setname_np(pthread_self(), "the thread");
    log_warn(NULL, "%d things", 3);
    assert_non_null(strstr(captured(), "Z level=warn program=tester module=log_test "
                                       "thread=the_thread msg=\"3 things\"\n"));
}

static void the_time_stands_first_in_utc_with_milliseconds(void **state)
{
    (void)state;
    log_info(NULL, "x");
    int year = 0;
    int ms = 0;
    assert_int_equal(sscanf(captured(), "time=%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%3dZ ", &year, &ms), 2);
    assert_true(year >= 2024);
}

static void an_error_ends_the_line(void **state)
{
    (void)state;
    struct err e = {.code = ERR_IO, .what = "disk gone"};
    log_error(&e, "cannot store");
    assert_non_null(strstr(captured(), "msg=\"cannot store\" error=\"disk gone\"\n"));
}

static void quotes_and_control_characters_cannot_forge_a_line(void **state)
{
    (void)state;
    log_info(NULL, "%s", "a\"b\\c\nd\te\x1b[31m\x7f\xc2\x9bx");
    const char *text = captured();
    assert_non_null(strstr(text, "msg=\"a\\\"b\\\\c\\nd\\te\\x1b[31m\\x7f\\xc2\\x9bx\"\n"));
    assert_int_equal(lines_of(text), 1);
}

static void text_in_utf8_stays_readable(void **state)
{
    (void)state;
    log_info(NULL, "%s", "Z\xc3\xbcrich \xe6\x9d\xb1\xe4\xba\xac");
    assert_non_null(strstr(captured(), "msg=\"Z\xc3\xbcrich \xe6\x9d\xb1\xe4\xba\xac\""));
}

static void a_line_below_the_level_is_not_written(void **state)
{
    (void)state;
    log_debug(NULL, "quiet");
    log_set_level(LOG_LEVEL_ERROR);
    log_warn(NULL, "quiet too");
    assert_string_equal(captured(), "");
}

static void errno_is_kept(void **state)
{
    (void)state;
    errno = ENOTTY;
    log_info(NULL, "x");
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(lines_of(captured()), 1);
}

static void a_message_too_long_is_cut_and_says_so(void **state)
{
    (void)state;
    char text[5000];
    memset(text, '"', sizeof text - 1); /* the worst case: every character is escaped */
    text[sizeof text - 1] = '\0';
    struct err e = {.code = ERR_IO};
    memset(e.what, 1, sizeof e.what - 1);
    log_info(&e, "%s", text);
    const char *line = captured();
    assert_true(strlen(line) <= 4096);
    assert_non_null(strstr(line, "...\" error=\"\\x01"));
    assert_int_equal(lines_of(line), 1);
    assert_string_equal(line + strlen(line) - 6, "\\x01\"\n");
}

static void say_again(void)
{
    log_info(NULL, "again");
}

static void a_call_site_is_held_to_ten_lines_in_a_window(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        say_again();
    }
    assert_int_equal(lines_of(captured()), 10);
}

static void what_was_held_back_is_told_in_the_next_line(void **state)
{
    (void)state;
    struct log_site site = {.module = "m"};
    for (int i = 0; i < 13; i++) {
        log_write(&site, LOG_LEVEL_INFO, NULL, "busy");
    }
    site.window_ms -= 10001; /* the window passes */
    log_write(&site, LOG_LEVEL_INFO, NULL, "after");
    log_write(&site, LOG_LEVEL_INFO, NULL, "later");
    const char *text = captured();
    assert_non_null(strstr(text, "msg=\"after\" held=3\n"));
    assert_non_null(strstr(text, "msg=\"later\"\n"));
}

static void *log_many(void *arg)
{
    struct log_site sites[100];
    for (int i = 0; i < 100; i++) {
        sites[i] = (struct log_site){.module = arg};
        log_write(&sites[i], LOG_LEVEL_INFO, NULL, "from a thread");
    }
    return NULL;
}

static void lines_of_several_threads_never_mix(void **state)
{
    (void)state;
    pthread_t threads[4];
    char name[] = "mod";
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, name), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    const char *at = captured();
    unsigned whole = 0;
    for (const char *end = strchr(at, '\n'); end != NULL; at = end + 1, end = strchr(at, '\n')) {
        whole += strncmp(at, "time=", 5) == 0 && end[-1] == '"' ? 1 : 0;
    }
    assert_int_equal(whole, 400);
}

static void the_four_level_words_are_read_and_no_other(void **state)
{
    (void)state;
    enum log_level level = LOG_LEVEL_DEBUG;
    assert_int_equal(log_level_parse("error", &level), 0);
    assert_int_equal(level, LOG_LEVEL_ERROR);
    assert_int_equal(log_level_parse("debug", &level), 0);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse("Error", &level), -1);
    assert_int_equal(log_level_parse("", &level), -1);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
}

#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, capture_begin, capture_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAPTURED(a_line_names_level_program_module_thread_and_message),
        CAPTURED(the_time_stands_first_in_utc_with_milliseconds),
        CAPTURED(an_error_ends_the_line),
        CAPTURED(quotes_and_control_characters_cannot_forge_a_line),
        CAPTURED(text_in_utf8_stays_readable),
        CAPTURED(a_line_below_the_level_is_not_written),
        CAPTURED(errno_is_kept),
        CAPTURED(a_message_too_long_is_cut_and_says_so),
        CAPTURED(a_call_site_is_held_to_ten_lines_in_a_window),
        CAPTURED(what_was_held_back_is_told_in_the_next_line),
        CAPTURED(lines_of_several_threads_never_mix),
        cmocka_unit_test(the_four_level_words_are_read_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
