/* Unit tests of common/conf: one table of settings with a row of every type. */
#include "common/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
    char *name;
    struct conf_list urls;
    bool fast;
    int64_t workers;
    int64_t beat_ms;
    int64_t cap;
    char *password;
};

static int check_name(const char *value, struct err *e)
{
    return strchr(value, '*') == NULL ? 0 : err_set(e, ERR_CONFIG, "holds a star; leave it out");
}

#define AT(member) offsetof(struct settings, member)
static const struct conf_row rows[] = {
    {.key = "name",
     .type = CONF_TEXT,
     .offset = AT(name),
     .help = "The name.",
     .check = check_name},
    {.key = "nats.urls",
     .type = CONF_LIST,
     .offset = AT(urls),
     .fallback = "a b",
     .help = "Where.",
     .check = check_name},
    {.key = "fast", .type = CONF_BOOL, .offset = AT(fast), .fallback = "no", .help = "Fast|slow."},
    {.key = "engine.workers",
     .type = CONF_INT,
     .offset = AT(workers),
     .fallback = "1",
     .min = 1,
     .max = 64,
     .help = "Threads."},
    {.key = "engine.beat",
     .type = CONF_DURATION,
     .offset = AT(beat_ms),
     .fallback = "5s",
     .min = 100,
     .max = 60000,
     .reloadable = true,
     .help = "Between beats."},
    {.key = "spool.cap",
     .type = CONF_BYTES,
     .offset = AT(cap),
     .fallback = "64MiB",
     .help = "Bytes kept."},
    {.key = "spool.password",
     .type = CONF_TEXT,
     .offset = AT(password),
     .fallback = "",
     .secret = true,
     .help = "Secret."},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* What a test loads; released at its end. */
static struct settings settings;
static struct conf_faults faults;

static int begin(void **state)
{
    (void)state;
    settings = (struct settings){0};
    faults = (struct conf_faults){0};
    (void)unsetenv("PICKET_ENGINE_BEAT");
    (void)unsetenv("PICKET_NAME");
    return 0;
}

static int end(void **state)
{
    (void)state;
    conf_done(rows, ROWS, &settings);
    conf_faults_done(&faults);
    return 0;
}

static int load(const char *text)
{
    return conf_load_text(rows, ROWS, "x.conf", text, strlen(text), &settings, &faults);
}

static void assert_faults(const char *text, unsigned count, const char *fault)
{
    assert_int_equal(load(text), -1);
    if (faults.text == NULL || strcmp(faults.text, fault) != 0) {
        print_error("wanted: %sgot:    %s", fault, faults.text);
    }
    assert_string_equal(faults.text, fault);
    assert_int_equal(faults.count, count);
}

static void assert_fault(const char *text, const char *fault)
{
    assert_faults(text, 1, fault);
}

/* The printed form as a string of the heap. */
static char *printed(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    conf_print(rows, ROWS, &settings, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void defaults_fill_what_the_file_leaves_out(void **state)
{
    (void)state;
    assert_int_equal(load("name = mill\n"), 0);
    assert_string_equal(settings.name, "mill");
    assert_int_equal(settings.urls.count, 2);
    assert_string_equal(settings.urls.items[1], "b");
    assert_false(settings.fast);
    assert_int_equal(settings.workers, 1);
    assert_int_equal(settings.beat_ms, 5000);
    assert_int_equal(settings.cap, 64 << 20);
    assert_string_equal(settings.password, "");
}

static void the_file_sets_every_type(void **state)
{
    (void)state;
    assert_int_equal(load("# a comment\r\n"
                          "[main]\n"
                          "  name=north mill   # the old one\n"
                          "fast = on\n"
                          "[engine]  # stage one\n"
                          "workers = 8\n"
                          "beat = 250 ms\n"
                          "\n"
                          "[nats]\n"
                          "urls = nats://a:4222, nats://b:4222\tnats://c#d\n"
                          "[spool]\n"
                          "cap=2GiB"),
                     0);
    assert_string_equal(settings.name, "north mill");
    assert_true(settings.fast);
    assert_int_equal(settings.workers, 8);
    assert_int_equal(settings.beat_ms, 250);
    assert_int_equal(settings.cap, 2LL << 30);
    assert_int_equal(settings.urls.count, 3);
    assert_string_equal(settings.urls.items[2], "nats://c#d");
}

static void quotes_keep_blanks_hashes_and_escaped_quotes(void **state)
{
    (void)state;
    assert_int_equal(load("name = \" a # \\\"b\\\\ \"  # said\n"), 0);
    assert_string_equal(settings.name, " a # \"b\\ ");
}

static void the_environment_overrides_the_file(void **state)
{
    (void)state;
    (void)setenv("PICKET_ENGINE_BEAT", "1m", 1);
    (void)setenv("PICKET_UNKNOWN_KEY", "1", 1);
    assert_int_equal(load("name = mill\n[engine]\nbeat = 2s\n"), 0);
    assert_int_equal(settings.beat_ms, 60000);
}

static void an_empty_variable_counts_as_not_set(void **state)
{
    (void)state;
    (void)setenv("PICKET_ENGINE_BEAT", "", 1);
    assert_int_equal(load("name = mill\n[engine]\nbeat = 2s\n"), 0);
    assert_int_equal(settings.beat_ms, 2000);
}

static void all_faults_are_named_at_once(void **state)
{
    (void)state;
    (void)setenv("PICKET_ENGINE_BEAT", "soon", 1);
    assert_int_equal(load("fast = maybe\n[engine]\nworkers = 65\n"), -1);
    assert_int_equal(faults.count, 4);
    assert_string_equal(
        faults.text,
        "x.conf: name: missing; set it there or as PICKET_NAME: The name.\n"
        "x.conf:1: fast = maybe: is neither true nor false; write true or false\n"
        "x.conf:3: engine.workers = 65: is out of range; choose from 1 to 64\n"
        "environment PICKET_ENGINE_BEAT: engine.beat = soon: is not a duration; write a number "
        "with its unit ms, s, m, h or d, such as 10s\n");
}

static void a_mistyped_key_is_told_the_one_that_was_meant(void **state)
{
    (void)state;
    assert_fault("name = a\n[nats]\nurl = x\n",
                 "x.conf:3: nats.url: unknown key; did you mean nats.urls?\n");
}

static void a_key_far_from_all_others_is_unknown(void **state)
{
    (void)state;
    assert_fault("name = a\nbogus_thing = x\n",
                 "x.conf:2: bogus_thing: unknown key; remove it, or see --print-config for all\n");
}

static void a_key_given_twice_is_a_fault(void **state)
{
    (void)state;
    assert_fault("name = a\n\nname = b\n",
                 "x.conf:3: name = b: given already in line 1; keep one of the two\n");
}

static void a_line_that_is_no_pair_is_a_fault(void **state)
{
    (void)state;
    assert_fault("name = a\nnonsense\n", "x.conf:2: neither a section nor \"key = value\"\n");
}

static void an_open_section_is_a_fault(void **state)
{
    (void)state;
    assert_fault("name = a\n[nats\n", "x.conf:2: [nats: a section is written [name]\n");
}

static void an_open_quote_is_a_fault(void **state)
{
    (void)state;
    assert_fault("name = a\nfast = \"on\\\"\n",
                 "x.conf:2: fast: a quoted value ends in one \" with nothing behind it\n");
}

static void a_control_character_is_a_fault(void **state)
{
    (void)state;
    const char text[] = "name = a\nfast = o\0n\n";
    assert_int_equal(
        conf_load_text(rows, ROWS, "x.conf", text, sizeof text - 1, &settings, &faults), -1);
    assert_string_equal(faults.text, "x.conf:2: holds the control character 0; remove it\n");
}

static void a_control_character_in_a_variable_is_a_fault(void **state)
{
    (void)state;
    (void)setenv("PICKET_NAME", "a\nb", 1);
    assert_fault("", "environment PICKET_NAME: name = a?b: holds a control character; "
                     "remove it\n");
}

static void the_row_s_own_check_is_asked(void **state)
{
    (void)state;
    assert_fault("name = a*\n", "x.conf:1: name = a*: holds a star; leave it out\n");
}

static void each_word_of_a_list_is_checked_on_its_own(void **state)
{
    (void)state;
    assert_faults("name = a\n[nats]\nurls = x*, y, z*\n", 2,
                  "x.conf:3: nats.urls = x*: holds a star; leave it out\n"
                  "x.conf:3: nats.urls = z*: holds a star; leave it out\n");
}

static void the_keys_below_a_broken_section_are_judged_by_what_was_meant(void **state)
{
    (void)state;
    assert_faults("name = a\n[engine\nworkers = 2\nbeat = 1d\n", 2,
                  "x.conf:2: [engine: a section is written [name]\n"
                  "x.conf:4: engine.beat = 1d: is out of range; choose from 100ms to 1m\n");
}

static void a_secret_is_never_repeated(void **state)
{
    (void)state;
    assert_int_equal(load("name = a\n[spool]\npassword = hunter\npassword = hunter\n"), -1);
    assert_null(strstr(faults.text, "hunter"));
    assert_non_null(strstr(faults.text, "spool.password = ********"));
    char *text = printed();
    assert_null(strstr(text, "hunter"));
    assert_non_null(strstr(text, "password = ********\n"));
    free(text);
}

static void a_long_value_is_cut_in_its_fault(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text);
    memcpy(text, "name = a\nfast = ", 16);
    text[sizeof text - 1] = '\0';
    assert_int_equal(load(text), -1);
    assert_true(strlen(faults.text) < 200);
    assert_non_null(strstr(faults.text, "xxx...: is neither"));
}

static void the_printed_form_says_what_was_loaded(void **state)
{
    (void)state;
    assert_int_equal(load("name = \"a #1\"\n[nats]\nurls = x,y\n[engine]\nbeat = 60s\n"), 0);
    char *text = printed();
    assert_string_equal(text, "name = \"a #1\"\n\n[nats]\nurls = x, y\n\n[main]\nfast = false\n\n"
                              "[engine]\nworkers = 1\nbeat = 1m\n\n"
                              "[spool]\ncap = 64MiB\npassword = \n");
    free(text);
}

static void the_printed_form_loads_to_the_same_settings(void **state)
{
    (void)state;
    assert_int_equal(load("name = \" \\\\ \\\" # \"\nfast = yes\n[engine]\nworkers = 3\n"
                          "beat = 1500ms\n[spool]\ncap = 1500B\n"),
                     0);
    char *first = printed();
    conf_done(rows, ROWS, &settings);
    settings = (struct settings){0};
    assert_int_equal(load(first), 0);
    assert_string_equal(settings.name, " \\ \" # ");
    char *second = printed();
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void a_list_with_a_hash_is_printed_in_quotes(void **state)
{
    (void)state;
    assert_int_equal(load("name = a\n[nats]\nurls = b,#c\\,\"d\n"), 0);
    char *text = printed();
    assert_non_null(strstr(text, "urls = \"b, #c\\\\, \\\"d\"\n"));
    conf_done(rows, ROWS, &settings);
    settings = (struct settings){0};
    assert_int_equal(load(text), 0);
    assert_int_equal(settings.urls.count, 3);
    assert_string_equal(settings.urls.items[1], "#c\\");
    assert_string_equal(settings.urls.items[2], "\"d");
    free(text);
}

static void a_file_that_is_not_there_is_a_fault_with_a_reason(void **state)
{
    (void)state;
    assert_int_equal(conf_load(rows, ROWS, "/nowhere/x.conf", &settings, &faults), -1);
    assert_string_equal(faults.text,
                        "/nowhere/x.conf: cannot be opened: No such file or directory; "
                        "check the path and its rights\n");
}

static void a_file_is_loaded_by_its_path(void **state)
{
    (void)state;
    char path[] = "/tmp/picket-unit-conf-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, "name = filed\n", 13), 13);
    (void)close(file);
    int result = conf_load(rows, ROWS, path, &settings, &faults);
    (void)unlink(path);
    assert_int_equal(result, 0);
    assert_string_equal(settings.name, "filed");
}

static void without_a_file_defaults_and_environment_suffice(void **state)
{
    (void)state;
    (void)setenv("PICKET_NAME", "env", 1);
    assert_int_equal(conf_load(rows, ROWS, NULL, &settings, &faults), 0);
    assert_string_equal(settings.name, "env");
}

static void a_fault_beyond_the_rows_can_be_added(void **state)
{
    (void)state;
    conf_fault(&faults, "%s and %s contradict each other", "a", "b");
    conf_fault(&faults, "more");
    assert_int_equal(faults.count, 2);
    assert_string_equal(faults.text, "a and b contradict each other\nmore\n");
}

static void the_reference_names_every_key_once(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    conf_print_markdown(rows, ROWS, "Settings", out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "# Settings\n"));
    assert_non_null(strstr(text, "| `name` | `PICKET_NAME` | text | *required* | – | needs a "
                                 "restart | The name. |\n"));
    assert_non_null(strstr(text, "| `engine.beat` | `PICKET_ENGINE_BEAT` | duration | `5s` | "
                                 "100ms to 1m | taken over | Between beats. |\n"));
    assert_non_null(strstr(text, "Fast\\|slow."));
    free(text);
}

static void durations_need_a_unit_and_do_not_overflow(void **state)
{
    (void)state;
    int64_t ms = -1;
    assert_int_equal(conf_parse_duration("2d", &ms), 0);
    assert_int_equal(ms, 172800000);
    assert_int_equal(conf_parse_duration("0", &ms), 0);
    assert_int_equal(ms, 0);
    const char *wrong[] = {"",
                           "5",
                           "-5s",
                           "5 sec",
                           "s",
                           "1.5s",
                           "5ss",
                           "9223372036854775807s",
                           "99999999999999999999ms"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(conf_parse_duration(wrong[i], &ms), -1);
    }
}

static void sizes_need_a_unit_and_do_not_overflow(void **state)
{
    (void)state;
    int64_t bytes = -1;
    assert_int_equal(conf_parse_bytes("3KiB", &bytes), 0);
    assert_int_equal(bytes, 3072);
    assert_int_equal(conf_parse_bytes("3", &bytes), -1);
    assert_int_equal(conf_parse_bytes("3KB", &bytes), -1);
    assert_int_equal(conf_parse_bytes("9223372036854775807GiB", &bytes), -1);
}

#define LOADING(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOADING(defaults_fill_what_the_file_leaves_out),
        LOADING(the_file_sets_every_type),
        LOADING(quotes_keep_blanks_hashes_and_escaped_quotes),
        LOADING(the_environment_overrides_the_file),
        LOADING(an_empty_variable_counts_as_not_set),
        LOADING(all_faults_are_named_at_once),
        LOADING(a_mistyped_key_is_told_the_one_that_was_meant),
        LOADING(a_key_far_from_all_others_is_unknown),
        LOADING(a_key_given_twice_is_a_fault),
        LOADING(a_line_that_is_no_pair_is_a_fault),
        LOADING(an_open_section_is_a_fault),
        LOADING(an_open_quote_is_a_fault),
        LOADING(a_control_character_is_a_fault),
        LOADING(a_control_character_in_a_variable_is_a_fault),
        LOADING(the_row_s_own_check_is_asked),
        LOADING(each_word_of_a_list_is_checked_on_its_own),
        LOADING(the_keys_below_a_broken_section_are_judged_by_what_was_meant),
        LOADING(a_secret_is_never_repeated),
        LOADING(a_long_value_is_cut_in_its_fault),
        LOADING(the_printed_form_says_what_was_loaded),
        LOADING(the_printed_form_loads_to_the_same_settings),
        LOADING(a_list_with_a_hash_is_printed_in_quotes),
        LOADING(a_file_that_is_not_there_is_a_fault_with_a_reason),
        LOADING(a_file_is_loaded_by_its_path),
        LOADING(without_a_file_defaults_and_environment_suffice),
        LOADING(a_fault_beyond_the_rows_can_be_added),
        LOADING(the_reference_names_every_key_once),
        cmocka_unit_test(durations_need_a_unit_and_do_not_overflow),
        cmocka_unit_test(sizes_need_a_unit_and_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
