/* The spool on a real folder: what is accepted is read back in order, or a gap says what is not. */
#include "agent/uplink/spool.h"

#include "common/reader.h"
#include "common/wire/delivery.h"
#include "common/wire/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOW_S = 1000, MIB = 1024 * 1024 };

static char folder[64];
static uint8_t body[BATCH_MAX_BYTES];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/picket-spool-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_tree(void **state)
{
    (void)state;
    /* Two levels at most: streams, and their files. */
    DIR *top = opendir(folder);
    for (struct dirent *d; top != NULL && (d = readdir(top)) != NULL;) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        DIR *sub = d->d_name[0] == '.' ? NULL : opendir(path);
        for (struct dirent *f; sub != NULL && (f = readdir(sub)) != NULL;) {
            char file[700];
            snprintf(file, sizeof file, "%s/%s", path, f->d_name);
            (void)unlink(file);
        }
        if (sub != NULL) {
            closedir(sub);
            (void)rmdir(path);
        }
    }
    if (top != NULL) {
        closedir(top);
    }
    return rmdir(folder);
}

static struct spool *open_spool(uint64_t cap)
{
    struct err e = {0};
    struct spool *s = spool_open(
        &(struct spool_options){.dir = folder, .cap_bytes = cap, .ledger_fd = -1, .now_s = NOW_S},
        &e);
    if (s == NULL) {
        fail_msg("%s", e.what);
    }
    return s;
}

static void sync_all(struct spool *s, enum wire_stream stream)
{
    struct spool_sync job;
    if (spool_sync_begin(s, stream, &job)) {
        spool_sync_run(&job);
        spool_sync_end(s, &job);
    }
}

static void append_many(struct spool *s, enum wire_stream stream, unsigned count, size_t len)
{
    char *text = calloc(1, len);
    for (unsigned i = 0; i < count; i++) {
        snprintf(text, len, "record %u", i);
        (void)spool_append(s, stream, text, len, NULL, NULL);
    }
    free(text);
    sync_all(s, stream);
}

static struct stream_batch read_from(struct spool *s, enum wire_stream stream, uint64_t from)
{
    struct stream_batch b = {.body = body, .size = sizeof body};
    struct err e = {0};
    if (spool_read(s, stream, from, BATCH_MAX_RECORDS, &b, &e) != 0) {
        fail_msg("%s", e.what);
    }
    return b;
}

/* The index-th record of a batch. */
static const uint8_t *record_at(const struct stream_batch *b, unsigned index, size_t *len)
{
    struct reader r = reader_of(b->body, b->len);
    const uint8_t *bytes = NULL;
    for (unsigned i = 0; i <= index; i++) {
        assert_int_equal(record_next(&r, &bytes, len, NULL), 1);
    }
    return bytes;
}

static void a_record_is_read_only_once_it_is_durable(void **state)
{
    (void)state;
    struct spool *s = open_spool(4 * MIB);
    uint64_t seq = 0;
    assert_int_equal(spool_append(s, STREAM_ALERT, "one", 3, &seq, NULL), 0);
    assert_int_equal(seq, 1);
    assert_int_equal(read_from(s, STREAM_ALERT, 1).count, 0);
    sync_all(s, STREAM_ALERT);
    struct stream_batch b = read_from(s, STREAM_ALERT, 1);
    assert_int_equal(b.count, 1);
    size_t len = 0;
    assert_memory_equal(record_at(&b, 0, &len), "one", 3);
    assert_int_equal(len, 3);
    spool_close(s);
}

static void what_was_not_acknowledged_is_there_after_a_restart(void **state)
{
    (void)state;
    struct spool *s = open_spool(4 * MIB);
    append_many(s, STREAM_FLOW, 10, 32);
    struct spool_place before = spool_place(s, STREAM_FLOW);
    spool_ack(s, STREAM_FLOW, before.epoch, 4);
    spool_close(s);
    s = open_spool(4 * MIB);
    struct spool_place after = spool_place(s, STREAM_FLOW);
    assert_int_equal(after.epoch, before.epoch);
    assert_int_equal(after.tail, 10);
    assert_int_equal(after.acked, 4);
    struct stream_batch b = read_from(s, STREAM_FLOW, 5);
    assert_int_equal(b.count, 6);
    assert_int_equal(b.last, 10);
    spool_close(s);
}

/* Bytes that this process has read so far, by the kernel's account. */
static uint64_t bytes_read(void)
{
    uint64_t count = 0;
    FILE *file = fopen("/proc/self/io", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "rchar: %" SCNu64, &count), 1);
    (void)fclose(file);
    return count;
}

static void a_record_that_did_not_fit_is_read_again_and_no_other(void **state)
{
    (void)state;
    enum { COUNT = 4000, LEN = 200, ROOM = 3000 }; /* fourteen to a batch */
    struct spool *s = open_spool(64 * MIB);
    append_many(s, STREAM_FLOW, COUNT, LEN);
    uint64_t before = bytes_read();
    uint64_t next = 1;
    while (next <= COUNT) {
        struct stream_batch b = {.body = body, .size = ROOM};
        assert_int_equal(spool_read(s, STREAM_FLOW, next, BATCH_MAX_RECORDS, &b, NULL), 0);
        assert_in_range(b.count, 1, ROOM / LEN);
        assert_int_equal(b.first, next);
        next = b.last + 1;
    }
    assert_true(bytes_read() - before < 4ull * COUNT * LEN); /* each with what stands behind it */
    spool_close(s);
}

static void the_centre_may_ask_again_for_what_it_had_acknowledged(void **state)
{
    (void)state;
    struct spool *s = open_spool(4 * MIB);
    append_many(s, STREAM_FLOW, 700, 32);
    struct spool_place place = spool_place(s, STREAM_FLOW);
    spool_ack(s, STREAM_FLOW, place.epoch, 700);
    assert_int_equal(spool_reconcile(s, STREAM_FLOW, place.epoch, 20, NOW_S), 21);
    struct stream_batch b = read_from(s, STREAM_FLOW, 21);
    assert_int_equal(b.first, 21);
    assert_int_equal(b.count, 500);
    b = read_from(s, STREAM_FLOW, b.last + 1);
    assert_int_equal(b.last, 700);
    spool_close(s);
}

static void a_torn_tail_is_cut_and_its_sequence_used_again(void **state)
{
    (void)state;
    struct spool *s = open_spool(4 * MIB);
    append_many(s, STREAM_ALERT, 3, 40);
    spool_close(s);
    char path[128];
    snprintf(path, sizeof path, "%s/alert/00000000000000000001.seg", folder);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 7), 0);
    s = open_spool(4 * MIB);
    assert_int_equal(spool_place(s, STREAM_ALERT).tail, 2);
    uint64_t seq = 0;
    assert_int_equal(spool_append(s, STREAM_ALERT, "new", 3, &seq, NULL), 0);
    assert_int_equal(seq, 3);
    spool_close(s);
}

static void a_full_spool_drops_flows_before_alerts_and_tells_the_gap(void **state)
{
    (void)state;
    struct spool *s = open_spool(MIB);
    append_many(s, STREAM_ALERT, 50, 1000);
    append_many(s, STREAM_FLOW, 3000, 1000);
    struct spool_stats stats;
    spool_stats(s, &stats);
    assert_true(stats.dropped > 0);
    assert_int_equal(read_from(s, STREAM_ALERT, 1).count, 50);
    struct stream_batch b = read_from(s, STREAM_FLOW, 1);
    size_t len = 0;
    const uint8_t *first = record_at(&b, 0, &len);
    assert_true(gap_is(first, len));
    struct gap gap;
    assert_int_equal(gap_unpack(first, len, &gap, NULL), 0);
    assert_int_equal(gap.from, 1);
    assert_int_equal(gap.reason, GAP_SPOOL_FULL);
    /* Gap and records together leave no sequence out. */
    uint64_t next = 1;
    while ((b = read_from(s, STREAM_FLOW, next)).count > 0) {
        assert_int_equal(b.first, next);
        next = b.last + 1;
    }
    assert_int_equal(next, spool_place(s, STREAM_FLOW).tail + 1);
    spool_close(s);
}

static void damage_in_the_middle_is_a_gap_and_the_rest_is_read(void **state)
{
    (void)state;
    struct spool *s = open_spool(MIB);
    append_many(s, STREAM_FLOW, 200, 1000); /* segments of 64 KiB: three and a bit */
    spool_close(s);
    char path[128];
    snprintf(path, sizeof path, "%s/flow/00000000000000000001.seg", folder);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "\xff\xff\xff", 3, 30000), 3);
    close(fd);
    s = open_spool(MIB);
    uint64_t next = 1;
    unsigned gaps = 0;
    struct stream_batch b;
    while ((b = read_from(s, STREAM_FLOW, next)).count > 0) {
        for (unsigned i = 0; i < b.count; i++) {
            size_t len = 0;
            const uint8_t *bytes = record_at(&b, i, &len);
            gaps += gap_is(bytes, len) ? 1 : 0;
        }
        next = b.last + 1;
    }
    assert_int_equal(gaps, 1);
    assert_int_equal(next, 201);
    spool_close(s);
}

static void a_centre_that_knows_more_makes_a_new_epoch(void **state)
{
    (void)state;
    struct spool *s = open_spool(4 * MIB);
    append_many(s, STREAM_FLOW, 5, 32);
    struct spool_place old = spool_place(s, STREAM_FLOW);
    assert_int_equal(spool_reconcile(s, STREAM_FLOW, old.epoch, 90, NOW_S + 9), 1);
    struct spool_place new = spool_place(s, STREAM_FLOW);
    assert_true(new.epoch > old.epoch);
    assert_int_equal(new.tail, 5);
    sync_all(s, STREAM_FLOW);
    assert_int_equal(read_from(s, STREAM_FLOW, 1).count, 5);
    spool_close(s);
    s = open_spool(4 * MIB);
    assert_int_equal(spool_place(s, STREAM_FLOW).epoch, new.epoch);
    assert_int_equal(spool_place(s, STREAM_FLOW).tail, 5);
    spool_close(s);
}

static void an_older_copy_sends_only_what_came_after_it(void **state)
{
    (void)state;
    struct spool *s = open_spool(4 * MIB);
    append_many(s, STREAM_FLOW, 5, 32);
    spool_close(s);
    s = open_spool(4 * MIB); /* the copy; the centre has these five, and 85 that it lacks */
    append_many(s, STREAM_FLOW, 2, 32);
    uint64_t epoch = spool_place(s, STREAM_FLOW).epoch;
    assert_int_equal(spool_reconcile(s, STREAM_FLOW, epoch, 90, NOW_S + 9), 1);
    assert_int_equal(spool_place(s, STREAM_FLOW).tail, 2);
    spool_close(s);
}

static void a_lost_folder_begins_a_later_epoch_than_its_state_tells(void **state)
{
    (void)state;
    struct spool *s = open_spool(4 * MIB);
    append_many(s, STREAM_ALERT, 2, 32);
    uint64_t epoch = spool_place(s, STREAM_ALERT).epoch;
    spool_close(s);
    char path[128];
    snprintf(path, sizeof path, "%s/alert/00000000000000000001.seg", folder);
    assert_int_equal(unlink(path), 0);
    s = open_spool(4 * MIB);
    assert_true(spool_place(s, STREAM_ALERT).epoch > epoch);
    assert_int_equal(spool_place(s, STREAM_ALERT).tail, 0);
    spool_close(s);
}

static void what_a_failed_sync_left_in_doubt_is_a_gap(void **state)
{
    (void)state;
    struct spool *s = open_spool(4 * MIB);
    append_many(s, STREAM_FLOW, 3, 40);
    uint64_t seq = 0;
    assert_int_equal(spool_append(s, STREAM_FLOW, "lost", 4, &seq, NULL), 0);
    struct spool_sync job;
    assert_true(spool_sync_begin(s, STREAM_FLOW, &job));
    spool_sync_run(&job);
    job.failed = EIO;
    spool_sync_end(s, &job);
    assert_int_equal(spool_append(s, STREAM_FLOW, "kept", 4, &seq, NULL), 0);
    assert_int_equal(seq, 5);
    sync_all(s, STREAM_FLOW);
    struct stream_batch b = read_from(s, STREAM_FLOW, 1);
    assert_int_equal(b.count, 5);
    assert_int_equal(b.last, 5);
    size_t len = 0;
    struct gap gap;
    const uint8_t *record = record_at(&b, 3, &len);
    assert_int_equal(gap_unpack(record, len, &gap, NULL), 0);
    assert_int_equal(gap.from, 4);
    assert_int_equal(gap.to, 4);
    struct spool_stats stats;
    spool_stats(s, &stats);
    assert_int_equal(stats.dropped, 1);
    spool_close(s);
    s = open_spool(4 * MIB);
    b = read_from(s, STREAM_FLOW, 1);
    assert_int_equal(b.count, 5);
    spool_close(s);
}

static void damage_in_the_last_segment_does_not_hold_up_what_follows(void **state)
{
    (void)state;
    struct spool *s = open_spool(4 * MIB);
    append_many(s, STREAM_ALERT, 3, 40);
    char path[128];
    snprintf(path, sizeof path, "%s/alert/00000000000000000001.seg", folder);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "?", 1, SEGMENT_HEAD_SIZE + SEGMENT_RECORD_HEAD_SIZE + 60), 1);
    (void)close(fd);
    struct stream_batch b = read_from(s, STREAM_ALERT, 1);
    assert_int_equal(b.last, 1);
    append_many(s, STREAM_ALERT, 1, 40);
    b = read_from(s, STREAM_ALERT, 2);
    assert_int_equal(b.count, 2);
    assert_int_equal(b.last, 4);
    size_t len = 0;
    const uint8_t *record = record_at(&b, 0, &len);
    assert_true(gap_is(record, len));
    spool_close(s);
}

/* A file system of two megabytes, seen by this process alone. */
static bool small_disk(void)
{
    char options[] = "size=2m";
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", folder, "tmpfs", 0, options) == 0;
}

static void on_a_full_disk_flows_make_room_for_alerts(void **state)
{
    (void)state;
    if (!small_disk()) {
        skip(); /* needs root */
    }
    struct spool *s = open_spool(16 * MIB);
    append_many(s, STREAM_FLOW, 4000, 1000);
    struct spool_stats stats;
    spool_stats(s, &stats);
    assert_true(stats.dropped > 0);
    uint64_t seq = 0;
    for (unsigned i = 1; i <= 100; i++) {
        struct err e = {0};
        if (spool_append(s, STREAM_ALERT, "alert", 5, &seq, &e) != 0) {
            fail_msg("%s", e.what);
        }
        assert_int_equal(seq, i);
    }
    sync_all(s, STREAM_ALERT);
    assert_int_equal(read_from(s, STREAM_ALERT, 1).count, 100);
    uint64_t next = 1;
    struct stream_batch b;
    while ((b = read_from(s, STREAM_FLOW, next)).count > 0) {
        next = b.last + 1;
    }
    assert_true(next > 1);
    spool_close(s);
    assert_int_equal(umount(folder), 0);
}

static void what_waits_is_set_aside_under_its_own_epoch_and_survives_a_restart(void **state)
{
    (void)state;
    struct spool *s = open_spool(16 * MIB);
    append_many(s, STREAM_COUNTER, 10, 40);
    spool_ack(s, STREAM_COUNTER, NOW_S, 3);
    assert_false(spool_set_aside(s, STREAM_COUNTER, 8, NOW_S)); /* seven wait */
    assert_false(spool_set_aside(s, STREAM_ALERT, 0, NOW_S));   /* has no late lane */
    assert_true(spool_set_aside(s, STREAM_COUNTER, 7, NOW_S));
    struct spool_place late = spool_place(s, SPOOL_COUNTER_LATE);
    struct spool_place live = spool_place(s, STREAM_COUNTER);
    assert_int_equal(late.epoch, NOW_S);
    assert_int_equal(late.acked, 3);
    assert_int_equal(late.tail, 10);
    assert_true(live.epoch > late.epoch);
    assert_int_equal(live.tail, 0);
    append_many(s, STREAM_COUNTER, 5, 40);
    assert_false(spool_set_aside(s, STREAM_COUNTER, 1, NOW_S)); /* the one before is not through */
    spool_close(s);

    s = open_spool(16 * MIB);
    assert_int_equal(spool_place(s, SPOOL_COUNTER_LATE).tail, 10);
    assert_int_equal(spool_place(s, STREAM_COUNTER).epoch, live.epoch);
    assert_int_equal(spool_place(s, STREAM_COUNTER).tail, 5);
    struct stream_batch b = {.body = body, .size = sizeof body};
    assert_int_equal(spool_read(s, SPOOL_COUNTER_LATE, 4, BATCH_MAX_RECORDS, &b, NULL), 0);
    assert_int_equal(b.count, 7);
    assert_int_equal(b.last, 10);
    struct spool_stats stats;
    spool_stats(s, &stats);
    assert_int_equal(stats.records, 12);
    spool_ack(s, SPOOL_COUNTER_LATE, late.epoch, 10);
    assert_true(spool_set_aside(s, STREAM_COUNTER, 5, NOW_S));
    assert_int_equal(spool_place(s, SPOOL_COUNTER_LATE).epoch, live.epoch);
    assert_true(spool_place(s, STREAM_COUNTER).epoch > live.epoch);
    spool_close(s);
}

static void a_stop_between_setting_aside_and_going_on_takes_no_epoch_twice(void **state)
{
    (void)state;
    char from[100], to[100];
    struct spool *s = open_spool(16 * MIB);
    append_many(s, STREAM_FLOW, 10, 40);
    spool_close(s);
    snprintf(from, sizeof from, "%s/flow", folder);
    snprintf(to, sizeof to, "%s/flow-late", folder);
    assert_int_equal(rename(from, to), 0);
    s = open_spool(16 * MIB);
    assert_int_equal(spool_place(s, SPOOL_FLOW_LATE).tail, 10);
    assert_true(spool_place(s, STREAM_FLOW).epoch > spool_place(s, SPOOL_FLOW_LATE).epoch);
    spool_close(s);
}

static void a_full_spool_drops_what_was_set_aside_first(void **state)
{
    (void)state;
    struct spool *s = open_spool(2 * MIB);
    append_many(s, STREAM_FLOW, 1000, 1000);
    assert_true(spool_set_aside(s, STREAM_FLOW, 1, NOW_S));
    append_many(s, STREAM_FLOW, 1500, 1000);
    struct stream_batch b = {.body = body, .size = sizeof body};
    assert_int_equal(spool_read(s, SPOOL_FLOW_LATE, 1, BATCH_MAX_RECORDS, &b, NULL), 0);
    size_t len;
    struct gap gap;
    const uint8_t *record = record_at(&b, 0, &len);
    assert_int_equal(gap_unpack(record, len, &gap, NULL), 0);
    assert_int_equal(gap.from, 1);
    assert_int_equal(gap.reason, GAP_SPOOL_FULL);
    b = read_from(s, STREAM_FLOW, 1);
    assert_false(gap_is(record_at(&b, 0, &len), len));
    spool_close(s);
}

int main(void)
{
#define SPOOL_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_tree)
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(a_record_is_read_only_once_it_is_durable),
        SPOOL_TEST(what_was_not_acknowledged_is_there_after_a_restart),
        SPOOL_TEST(a_record_that_did_not_fit_is_read_again_and_no_other),
        SPOOL_TEST(the_centre_may_ask_again_for_what_it_had_acknowledged),
        SPOOL_TEST(a_torn_tail_is_cut_and_its_sequence_used_again),
        SPOOL_TEST(a_full_spool_drops_flows_before_alerts_and_tells_the_gap),
        SPOOL_TEST(damage_in_the_middle_is_a_gap_and_the_rest_is_read),
        SPOOL_TEST(a_centre_that_knows_more_makes_a_new_epoch),
        SPOOL_TEST(an_older_copy_sends_only_what_came_after_it),
        SPOOL_TEST(a_lost_folder_begins_a_later_epoch_than_its_state_tells),
        SPOOL_TEST(what_a_failed_sync_left_in_doubt_is_a_gap),
        SPOOL_TEST(damage_in_the_last_segment_does_not_hold_up_what_follows),
        SPOOL_TEST(on_a_full_disk_flows_make_room_for_alerts),
        SPOOL_TEST(what_waits_is_set_aside_under_its_own_epoch_and_survives_a_restart),
        SPOOL_TEST(a_stop_between_setting_aside_and_going_on_takes_no_epoch_twice),
        SPOOL_TEST(a_full_spool_drops_what_was_set_aside_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
