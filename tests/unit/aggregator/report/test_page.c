/* The writing side of reports: escaping, numbers with units and changes, charts with gaps. */
#include "aggregator/report/chart.h"
#include "aggregator/report/figure.h"
#include "aggregator/report/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_text_from_outside_cannot_end_an_element_or_an_attribute(void **state)
{
    (void)state;
    struct html html = {0};
    html_text(&html, "<b a=\"1\" c='2'>&\x01\xc3\xa9");
    assert_string_equal(html.text, "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp; \xc3\xa9");
    html_done(&html);
}

static void a_page_that_grows_past_its_cap_is_marked_as_failed(void **state)
{
    (void)state;
    struct html html = {0};
    char *block = malloc(HTML_MAX / 4);
    assert_non_null(block);
    memset(block, 'x', HTML_MAX / 4 - 1);
    block[HTML_MAX / 4 - 1] = '\0';
    for (int i = 0; i < 4; i++) {
        html_raw(&html, block);
    }
    assert_false(html.failed);
    html_raw(&html, block);
    assert_true(html.failed);
    assert_int_equal(html.len, 4 * (HTML_MAX / 4 - 1));
    html_done(&html);
    free(block);
}

static void what_a_failed_section_wrote_is_taken_back(void **state)
{
    (void)state;
    struct html html = {0};
    html_raw(&html, "keep");
    size_t len = html.len;
    html_raw(&html, "half a sect");
    html_cut(&html, len);
    assert_string_equal(html.text, "keep");
    html_done(&html);
}

static void assert_figure(enum figure_unit unit, double value, const char *text)
{
    char buf[FIGURE_SIZE];
    assert_string_equal(figure_format(unit, value, buf), text);
}

static void every_number_carries_its_unit(void **state)
{
    (void)state;
    assert_figure(FIGURE_COUNT, 1234567, "1,234,567");
    assert_figure(FIGURE_COUNT, 999, "999");
    assert_figure(FIGURE_BYTES, 0, "0\u00a0B");
    assert_figure(FIGURE_BYTES, 999, "999\u00a0B");
    assert_figure(FIGURE_BYTES, 999.6, "1\u00a0kB");
    assert_figure(FIGURE_BYTES, 1500, "1.5\u00a0kB");
    assert_figure(FIGURE_BYTES, 1.234e9, "1.23\u00a0GB");
    assert_figure(FIGURE_BYTES, 1e18, "1000\u00a0PB");
    assert_figure(FIGURE_BPS, 100e6, "100\u00a0Mbit/s");
    assert_figure(FIGURE_MS, 185000, "3\u00a0min 5\u00a0s");
    assert_figure(FIGURE_MS, 7200000, "2\u00a0h");
    assert_figure(FIGURE_MS, 0, "0\u00a0s");
    assert_figure(FIGURE_US, 12400, "12.4\u00a0ms");
    assert_figure(FIGURE_RATIO, 1, "100\u00a0%");
    assert_figure(FIGURE_RATIO, 0.123, "12.3\u00a0%");
}

static void less_than_all_is_never_shown_as_all(void **state)
{
    (void)state;
    assert_figure(FIGURE_RATIO, 0.9999999, "99.99\u00a0%");
}

static void assert_change(const struct figure *figure, const char *text)
{
    char buf[FIGURE_SIZE];
    assert_string_equal(figure_change(figure, buf), text);
}

static void a_change_is_told_against_the_period_before(void **state)
{
    (void)state;
    struct figure f = {.unit = FIGURE_BYTES, .now = 1500, .known = true};
    assert_change(&f, "");
    f.has_before = true;
    assert_change(&f, "new");
    f.before = 1000;
    assert_change(&f, "+50\u00a0%");
    f.before = 1500;
    assert_change(&f, "no change");
    f.before = 1505;
    assert_change(&f, "-0.3\u00a0%");
    f.before = 1;
    assert_change(&f, "×\u00a01500");
    struct figure ratio = {
        .unit = FIGURE_RATIO, .now = 0.99, .before = 1, .known = true, .has_before = true};
    assert_change(&ratio, "-1.00\u00a0points");
}

static void a_time_without_data_is_a_gap_and_not_a_line_at_nought(void **state)
{
    (void)state;
    struct html html = {0};
    struct chart_time time = {.to_ms = 50000, .step_ms = 10000, .steps = 5};
    struct chart_series now = {.values = {10, 20, 0, 5, 0}, .known = {true, true, false, true}};
    chart_lines(&html, &time, FIGURE_BPS, &now, NULL, "alt & text");
    unsigned gaps = 0;
    unsigned lines = 0;
    for (const char *at = html.text; (at = strstr(at, "class=\"gap\"")) != NULL; at++) {
        gaps++;
    }
    for (const char *at = html.text; (at = strstr(at, "class=\"line\"")) != NULL; at++) {
        lines++;
    }
    assert_int_equal(gaps, 2);
    assert_int_equal(lines, 2);
    assert_non_null(strstr(html.text, "aria-label=\"alt &amp; text\""));
    html_done(&html);
}

static void a_short_outage_is_still_seen_in_a_long_strip(void **state)
{
    (void)state;
    struct html html = {0};
    struct chart_time time = {.to_ms = 2592000000};
    struct chart_span span = {.from_ms = 1000000, .to_ms = 1001000, .class = "s-away"};
    chart_strip(&html, &time, &span, 1, "pisa-1");
    assert_non_null(strstr(html.text, "class=\"s-away\" x=\"0.09\" width=\"0.60\""));
    html_done(&html);
}

/* The labels of the vertical axis, from the bottom, of columns as high as the value. */
static void assert_axis(double value, const char *labels)
{
    struct html html = {0};
    struct chart_time time = {.to_ms = 10000, .step_ms = 10000, .steps = 1};
    struct chart_layer layer = {.class = "v-info", .values = {value}};
    char found[120] = "";
    chart_columns(&html, &time, FIGURE_COUNT, &layer, 1, "alt");
    for (const char *at = html.text; (at = strstr(at, "class=\"y\"")) != NULL; at++) {
        const char *text = strchr(at, '>') + 1;
        size_t used = strlen(found);
        (void)snprintf(found + used, sizeof found - used, "%.*s ", (int)strcspn(text, "<"), text);
    }
    html_done(&html);
    assert_string_equal(found, labels);
}

static void an_axis_of_counts_goes_in_round_whole_steps_and_not_far_above_the_highest(void **state)
{
    (void)state;
    assert_axis(0, "0 1 2 3 4 ");
    assert_axis(4, "0 1 2 3 4 ");
    assert_axis(5, "0 2 4 6 8 ");
    assert_axis(29, "0 10 20 30 40 ");
    assert_axis(100, "0 25 50 75 100 ");
    assert_axis(101, "0 50 100 150 200 ");
}

static void a_bar_of_parts_is_divided_as_the_values_are(void **state)
{
    (void)state;
    struct html html = {0};
    const struct chart_part parts[] = {{"q-good", 3}, {"q-fair", 0}, {"q-poor", 1}};
    chart_parts(&html, parts, 3, "alt");
    assert_non_null(strstr(html.text, "class=\"q-good\" x=\"0.00\" width=\"540.00\""));
    assert_non_null(strstr(html.text, "class=\"q-poor\" x=\"540.00\" width=\"180.00\""));
    html_done(&html);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_from_outside_cannot_end_an_element_or_an_attribute),
        cmocka_unit_test(a_page_that_grows_past_its_cap_is_marked_as_failed),
        cmocka_unit_test(what_a_failed_section_wrote_is_taken_back),
        cmocka_unit_test(every_number_carries_its_unit),
        cmocka_unit_test(less_than_all_is_never_shown_as_all),
        cmocka_unit_test(a_change_is_told_against_the_period_before),
        cmocka_unit_test(a_time_without_data_is_a_gap_and_not_a_line_at_nought),
        cmocka_unit_test(a_short_outage_is_still_seen_in_a_long_strip),
        cmocka_unit_test(an_axis_of_counts_goes_in_round_whole_steps_and_not_far_above_the_highest),
        cmocka_unit_test(a_bar_of_parts_is_divided_as_the_values_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
