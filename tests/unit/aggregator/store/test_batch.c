/* What a batch holds, and where it stands against what is stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/store/batch.h"
#include "common/writer.h"

#include <stdlib.h>
#include <string.h>

enum { EPOCH = 77, FIRST = 10 };

/* Packs a batch of epoch 77 whose body is given, as if it began at sequence 10. */
static int open_body(struct batch *b, const struct writer *w, uint16_t count, struct err *e)
{
    struct envelope env = {
        .version = ENVELOPE_VERSION,
        .kind = STREAM_FLOW,
        .epoch = EPOCH,
        .first_seq = FIRST,
        .count = count,
        .schema = 1,
    };
    size_t len = 0;
    uint8_t *bytes = envelope_pack(&env, w->start, writer_len(w), &len, e);
    assert_non_null(bytes);
    int result = batch_open(b, STREAM_FLOW, bytes, len, e);
    free(bytes);
    return result;
}

static void put_record(struct writer *w, const char *text)
{
    writer_le32(w, (uint32_t)strlen(text));
    writer_bytes(w, text, strlen(text));
}

static void put_gap(struct writer *w, uint64_t from, uint64_t to)
{
    uint8_t packed[GAP_PACKED_SIZE];
    struct gap gap = {.from = from, .to = to, .reason = GAP_SPOOL_FULL};
    assert_int_equal(gap_pack(&gap, packed, sizeof packed), sizeof packed);
    writer_le32(w, sizeof packed);
    writer_bytes(w, packed, sizeof packed);
}

/* Records 10, 11, then a gap of 12 to 20, then record 21. */
static struct batch sample(void)
{
    uint8_t buf[256];
    struct writer w = writer_of(buf, sizeof buf);
    put_record(&w, "a");
    put_record(&w, "b");
    put_gap(&w, 12, 20);
    put_record(&w, "c");
    struct batch b;
    struct err e = {0};
    assert_int_equal(open_body(&b, &w, 4, &e), 0);
    return b;
}

static void records_count_on_and_a_gap_jumps_to_its_end(void **state)
{
    (void)state;
    struct batch b = sample();
    assert_int_equal(b.count, 4);
    assert_int_equal(b.records[1].seq, 11);
    assert_true(b.records[2].is_gap);
    assert_int_equal(b.records[3].seq, 21);
    assert_int_equal(b.last_seq, 21);
    batch_close(&b);
}

static void the_next_batch_fits_whole(void **state)
{
    (void)state;
    struct batch b = sample();
    unsigned trimmed = 9;
    assert_int_equal(batch_place(&b, FIRST - 1, &trimmed), BATCH_FITS);
    assert_int_equal(trimmed, 0);
    assert_int_equal(b.count, 4);
    batch_close(&b);
}

static void an_overlap_is_trimmed_off_the_front(void **state)
{
    (void)state;
    struct batch b = sample();
    unsigned trimmed = 0;
    assert_int_equal(batch_place(&b, 11, &trimmed), BATCH_FITS);
    assert_int_equal(trimmed, 2);
    assert_true(b.records[0].is_gap);
    assert_int_equal(b.records[0].gap.from, 12);
    batch_close(&b);
}

static void a_gap_of_which_a_part_is_stored_begins_after_it(void **state)
{
    (void)state;
    struct batch b = sample();
    unsigned trimmed = 0;
    assert_int_equal(batch_place(&b, 15, &trimmed), BATCH_FITS);
    assert_int_equal(b.records[0].gap.from, 16);
    assert_int_equal(b.records[0].gap.to, 20);
    batch_close(&b);
}

static void a_repetition_is_old(void **state)
{
    (void)state;
    struct batch b = sample();
    unsigned trimmed = 0;
    assert_int_equal(batch_place(&b, 21, &trimmed), BATCH_OLD);
    assert_int_equal(trimmed, 4);
    assert_int_equal(batch_place(&b, 100, &trimmed), BATCH_OLD);
    batch_close(&b);
}

static void missing_records_before_it_are_a_hole(void **state)
{
    (void)state;
    struct batch b = sample();
    unsigned trimmed = 0;
    assert_int_equal(batch_place(&b, 8, &trimmed), BATCH_HOLE);
    assert_int_equal(batch_place(&b, 0, &trimmed), BATCH_HOLE);
    batch_close(&b);
}

static void a_cut_frame_is_refused(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof buf);
    writer_le32(&w, 1000);
    writer_bytes(&w, "short", 5);
    struct batch b;
    struct err e = {0};
    assert_int_equal(open_body(&b, &w, 1, &e), -1);
    assert_int_equal(e.code, ERR_PARSE);
    batch_close(&b);
}

static void bytes_behind_the_last_record_are_refused(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof buf);
    put_record(&w, "a");
    put_record(&w, "b");
    struct batch b;
    struct err e = {0};
    assert_int_equal(open_body(&b, &w, 1, &e), -1);
    batch_close(&b);
}

static void a_gap_that_stands_elsewhere_is_refused(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof buf);
    put_gap(&w, FIRST + 1, FIRST + 5);
    struct batch b;
    struct err e = {0};
    assert_int_equal(open_body(&b, &w, 1, &e), -1);
    batch_close(&b);
}

static void a_gap_to_the_end_of_numbers_is_refused(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof buf);
    put_gap(&w, FIRST, INT64_MAX);
    struct batch b;
    struct err e = {0};
    assert_int_equal(open_body(&b, &w, 1, &e), -1);
    batch_close(&b);
}

static void a_batch_of_another_stream_is_refused(void **state)
{
    (void)state;
    struct envelope env = {.version = ENVELOPE_VERSION,
                           .kind = STREAM_ALERT,
                           .epoch = EPOCH,
                           .first_seq = FIRST,
                           .count = 1,
                           .schema = 1};
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof buf);
    put_record(&w, "a");
    struct err e = {0};
    size_t len = 0;
    uint8_t *bytes = envelope_pack(&env, buf, writer_len(&w), &len, &e);
    struct batch b;
    assert_int_equal(batch_open(&b, STREAM_FLOW, bytes, len, &e), -1);
    batch_close(&b);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_count_on_and_a_gap_jumps_to_its_end),
        cmocka_unit_test(the_next_batch_fits_whole),
        cmocka_unit_test(an_overlap_is_trimmed_off_the_front),
        cmocka_unit_test(a_gap_of_which_a_part_is_stored_begins_after_it),
        cmocka_unit_test(a_repetition_is_old),
        cmocka_unit_test(missing_records_before_it_are_a_hole),
        cmocka_unit_test(a_cut_frame_is_refused),
        cmocka_unit_test(bytes_behind_the_last_record_are_refused),
        cmocka_unit_test(a_gap_that_stands_elsewhere_is_refused),
        cmocka_unit_test(a_gap_to_the_end_of_numbers_is_refused),
        cmocka_unit_test(a_batch_of_another_stream_is_refused),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
