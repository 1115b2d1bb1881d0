/* Unit tests of agent/capture: capture files, and the words that name sources. */
#include "agent/capture/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define S 1000000000ull

enum { PACKETS = 5, SIZE = 60 };

static void put32(FILE *f, uint32_t v)
{
    assert_int_equal(fwrite(&v, sizeof v, 1, f), 1);
}

/* Five packets of the second 100, one a second; returns the path, to be freed and removed. */
static char *write_capture(void)
{
    char *path = strdup("/tmp/picket-unit-XXXXXX");
    uint8_t bytes[SIZE] = {0};
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "wb");
    assert_non_null(f);
    put32(f, 0xa1b2c3d4);
    put32(f, 4u << 16 | 2u);
    put32(f, 0);
    put32(f, 0);
    put32(f, 65535);
    put32(f, 1);
    for (uint32_t i = 0; i < PACKETS; i++) {
        put32(f, 100 + i);
        put32(f, 0);
        put32(f, SIZE);
        put32(f, SIZE);
        bytes[0] = (uint8_t)i;
        assert_int_equal(fwrite(bytes, sizeof bytes, 1, f), 1);
    }
    assert_int_equal(fclose(f), 0);
    return path;
}

struct seen {
    unsigned count;
    uint64_t first_ns;
    uint64_t last_ns;
};

static void on_packet(const struct packet_view *view, void *arg)
{
    struct seen *seen = arg;
    assert_int_equal(view->caplen, SIZE);
    assert_int_equal(view->link_type, 1);
    if (seen->count++ == 0) {
        seen->first_ns = view->time_ns;
    }
    assert_true(view->time_ns >= seen->last_ns);
    seen->last_ns = view->time_ns;
}

static struct source *open_with(const char *path, const char *options, struct err *e)
{
    const struct source_options plain = {.filter = "", .ring = 1 << 20, .snaplen = 65535};
    char word[128];
    (void)snprintf(word, sizeof word, "file:%s%s", path, options);
    return source_open(word, &plain, e);
}

static enum source_result read_at(struct source *s, uint64_t now_ns, struct seen *seen)
{
    enum source_result result = SOURCE_MORE;
    for (unsigned turn = 0; turn < 3 && result == SOURCE_MORE; turn++) {
        result = s->ops->read(s, 64, now_ns, on_packet, seen);
    }
    return result;
}

static void a_file_without_pace_is_read_at_once_and_ends(void **state)
{
    (void)state;
    char *path = write_capture();
    struct seen seen = {0};
    struct source *s = open_with(path, "?pace=0&keep-time", NULL);
    assert_non_null(s);
    assert_int_equal(read_at(s, 1, &seen), SOURCE_END);
    assert_int_equal(seen.count, PACKETS);
    assert_int_equal(seen.first_ns, 100 * S);
    assert_int_equal(seen.last_ns, 104 * S);
    source_close(s);
    (void)unlink(path);
    free(path);
}

static void a_file_read_at_once_ends_now(void **state)
{
    (void)state;
    char *path = write_capture();
    struct seen seen = {0};
    struct source *s = open_with(path, "?pace=0", NULL);
    assert_non_null(s);
    assert_int_equal(read_at(s, 1000 * S, &seen), SOURCE_END);
    assert_int_equal(seen.count, PACKETS);
    assert_int_equal(seen.first_ns, 996 * S);
    assert_int_equal(seen.last_ns, 1000 * S);
    source_close(s);
    (void)unlink(path);
    free(path);
}

/* A large file is gone through a batch a turn, and nothing of it before the first turn. */
static void a_file_read_at_once_is_measured_turn_by_turn(void **state)
{
    (void)state;
    char *path = write_capture();
    struct seen seen = {0};
    struct source *s = open_with(path, "?pace=0", NULL);
    assert_non_null(s);
    FILE *f = fopen(path, "ab");
    assert_non_null(f);
    const uint8_t bytes[SIZE] = {PACKETS};
    put32(f, 200);
    put32(f, 0);
    put32(f, SIZE);
    put32(f, SIZE);
    assert_int_equal(fwrite(bytes, sizeof bytes, 1, f), 1);
    assert_int_equal(fclose(f), 0);
    for (unsigned turn = 0; turn < PACKETS + 2; turn++) { /* the end takes a turn too */
        assert_int_equal(s->ops->read(s, 1, 1000 * S, on_packet, &seen), SOURCE_MORE);
        assert_int_equal(seen.count, 0);
    }
    assert_int_equal(s->ops->read(s, 1, 1000 * S, on_packet, &seen), SOURCE_MORE);
    assert_int_equal(seen.count, 1);
    assert_int_equal(read_at(s, 1000 * S, &seen), SOURCE_END);
    assert_int_equal(seen.count, PACKETS + 1);
    assert_int_equal(seen.first_ns, 900 * S);
    assert_int_equal(seen.last_ns, 1000 * S);
    source_close(s);
    (void)unlink(path);
    free(path);
}

static void a_paced_file_keeps_its_distances_and_is_of_now(void **state)
{
    (void)state;
    char *path = write_capture();
    struct seen seen = {0};
    struct source *s = open_with(path, "", NULL);
    const uint64_t now = 5000 * S;
    assert_int_equal(read_at(s, now, &seen), SOURCE_AGAIN);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.first_ns, now);
    assert_int_equal(s->due_ns, now + S);
    assert_int_equal(read_at(s, now + S - 1, &seen), SOURCE_AGAIN);
    assert_int_equal(seen.count, 1);
    assert_int_equal(read_at(s, now + 2 * S, &seen), SOURCE_AGAIN);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.last_ns, now + 2 * S);
    source_close(s);
    (void)unlink(path);
    free(path);
}

static void a_faster_pace_brings_no_packet_from_the_future(void **state)
{
    (void)state;
    char *path = write_capture();
    struct seen seen = {0};
    struct source *s = open_with(path, "?pace=2", NULL);
    const uint64_t now = 5000 * S;
    (void)read_at(s, now, &seen);
    assert_int_equal(read_at(s, now + 2 * S, &seen), SOURCE_END);
    assert_int_equal(seen.count, PACKETS);
    assert_int_equal(seen.last_ns, now + 2 * S);
    source_close(s);
    (void)unlink(path);
    free(path);
}

static void a_paced_file_goes_on_when_the_clock_is_set_back(void **state)
{
    (void)state;
    char *path = write_capture();
    struct seen seen = {0};
    struct source *s = open_with(path, "", NULL);
    (void)read_at(s, 5000 * S, &seen);
    assert_int_equal(read_at(s, 5000 * S + S / 2, &seen), SOURCE_AGAIN);
    seen.last_ns = 0;
    assert_int_equal(read_at(s, 1000 * S, &seen), SOURCE_AGAIN);
    assert_int_equal(seen.count, 1);
    assert_int_equal(read_at(s, 1000 * S + S / 2, &seen), SOURCE_AGAIN);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.last_ns, 1000 * S + S / 2);
    source_close(s);
    (void)unlink(path);
    free(path);
}

static void the_rounds_of_a_loop_follow_each_other(void **state)
{
    (void)state;
    char *path = write_capture();
    struct seen seen = {0};
    struct source *s = open_with(path, "?loop&pace=10", NULL);
    const uint64_t now = 5000 * S;
    for (unsigned i = 0; i <= 120; i++) { /* 1.2 s are 12 s of the file */
        assert_int_not_equal(read_at(s, now + i * S / 100, &seen), SOURCE_END);
    }
    assert_in_range(seen.count, 12, 14);
    source_close(s);
    (void)unlink(path);
    free(path);
}

static void a_missing_file_is_named_in_the_error(void **state)
{
    (void)state;
    struct err e = {0};
    assert_null(open_with("/nonexistent/x.pcap", "", &e));
    assert_non_null(strstr(e.what, "/nonexistent/x.pcap"));
}

static void a_file_that_is_no_capture_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/picket-unit-XXXXXX";
    struct err e = {0};
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "hello, this is text and no capture", 34), 34);
    (void)close(fd);
    assert_null(open_with(path, "", &e));
    assert_int_equal(e.code, ERR_PARSE);
    (void)unlink(path);
}

static void a_cut_file_gives_what_it_has_and_then_an_error(void **state)
{
    (void)state;
    char *path = write_capture();
    struct seen seen = {0};
    assert_int_equal(truncate(path, 24 + 3 * (16 + SIZE) + 20), 0);
    struct source *s = open_with(path, "?pace=0", NULL);
    assert_int_equal(read_at(s, 1, &seen), SOURCE_ERROR);
    assert_int_equal(seen.count, 3);
    assert_string_not_equal(s->error, "");
    source_close(s);
    (void)unlink(path);
    free(path);
}

static void a_filter_picks_packets(void **state)
{
    (void)state;
    char *path = write_capture();
    struct seen seen = {0};
    const struct source_options options = {.filter = "ether[0] > 2", .snaplen = 65535};
    char word[128];
    (void)snprintf(word, sizeof word, "file:%s?pace=0", path);
    struct source *s = source_open(word, &options, NULL);
    assert_int_equal(read_at(s, 1, &seen), SOURCE_END);
    assert_int_equal(seen.count, 2);
    source_close(s);
    (void)unlink(path);
    free(path);
}

static void words_are_checked_before_they_are_opened(void **state)
{
    (void)state;
    assert_int_equal(source_check("eth0", NULL), 0);
    assert_int_equal(source_check("any", NULL), 0);
    assert_int_equal(source_check("file:/a.pcap?loop&pace=0.5&name=hall", NULL), 0);
    assert_int_equal(source_check("file:/a.pcap?loop&pace=0", NULL), -1);
    assert_int_equal(source_check("", NULL), -1);
    assert_int_equal(source_check("an-interface-name-too-long", NULL), -1);
    assert_int_equal(source_check("file:", NULL), -1);
    assert_int_equal(source_check("file:/a.pcap?fast", NULL), -1);
    assert_int_equal(source_check("file:/a.pcap?pace=-1", NULL), -1);
    assert_int_equal(source_check("file:/a.pcap?pace=nan", NULL), -1);
    assert_int_equal(source_check("file:/a.pcap?loop&keep-time", NULL), -1);
}

static void a_file_is_labelled_by_its_base_name(void **state)
{
    (void)state;
    char label[SOURCE_LABEL_SIZE];
    assert_string_equal(source_label("eth0", label), "eth0");
    assert_string_equal(source_label("file:/x/branch-office.pcap?loop", label), "branch-office");
    assert_string_equal(source_label("file:/x/y.pcap?name=hall", label), "hall");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_without_pace_is_read_at_once_and_ends),
        cmocka_unit_test(a_file_read_at_once_ends_now),
        cmocka_unit_test(a_file_read_at_once_is_measured_turn_by_turn),
        cmocka_unit_test(a_paced_file_keeps_its_distances_and_is_of_now),
        cmocka_unit_test(a_faster_pace_brings_no_packet_from_the_future),
        cmocka_unit_test(a_paced_file_goes_on_when_the_clock_is_set_back),
        cmocka_unit_test(the_rounds_of_a_loop_follow_each_other),
        cmocka_unit_test(a_missing_file_is_named_in_the_error),
        cmocka_unit_test(a_file_that_is_no_capture_is_refused),
        cmocka_unit_test(a_cut_file_gives_what_it_has_and_then_an_error),
        cmocka_unit_test(a_filter_picks_packets),
        cmocka_unit_test(words_are_checked_before_they_are_opened),
        cmocka_unit_test(a_file_is_labelled_by_its_base_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
