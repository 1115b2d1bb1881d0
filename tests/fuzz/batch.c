/*
 * A batch as it comes from an agent: the first byte is the stream, the second the count of records,
 * the rest the body, around which a sound envelope is put. What opens must number its records
 * without a hole, find its place, and become rows or be put aside record by record.
 */
#include "aggregator/store/rows.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

enum { FIRST = 100 };

static void check_order(const struct batch *b)
{
    uint64_t next = b->records[0].seq;
    for (unsigned i = 0; i < b->count; i++) {
        const struct batch_record *r = &b->records[i];
        FUZZ_CHECK(r->seq == next && (!r->is_gap || r->gap.to >= r->seq));
        next = (r->is_gap ? r->gap.to : r->seq) + 1;
    }
    FUZZ_CHECK(next == b->last_seq + 1);
}

static void check_rows(const struct batch *b)
{
    struct rows rows;
    struct row_tables tables = {0};
    unsigned gaps = 0;
    for (unsigned i = 0; i < b->count; i++) {
        gaps += b->records[i].is_gap;
    }
    if (rows_open(&rows, &tables, 1, b, NULL) == 0) {
        FUZZ_CHECK(rows.stored + rows.bad_count + gaps == b->count);
    }
    rows_close(&rows);
    row_tables_done(&tables);
}

static void check_batch(struct batch *b)
{
    unsigned trimmed = 0;
    check_order(b);
    check_rows(b);
    uint64_t stored = FIRST + b->env.count / 2;
    if (batch_place(b, stored, &trimmed) == BATCH_FITS) {
        FUZZ_CHECK(b->count > 0 && b->records[0].seq == stored + 1);
        check_order(b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 3 || len > BATCH_MAX_BYTES) {
        return 0;
    }
    struct envelope env = {
        .version = ENVELOPE_VERSION,
        .kind = (uint8_t)(1 + bytes[0] % STREAM_COUNT),
        .epoch = 1,
        .first_seq = FIRST,
        .count = bytes[1],
        .schema = 1,
    };
    size_t packed_len = 0;
    uint8_t *packed = envelope_pack(&env, bytes + 2, len - 2, &packed_len, NULL);
    struct batch b = {0};
    if (packed != NULL &&
        batch_open(&b, (enum wire_stream)env.kind, packed, packed_len, NULL) == 0) {
        check_batch(&b);
    }
    batch_close(&b);
    free(packed);
    return 0;
}
