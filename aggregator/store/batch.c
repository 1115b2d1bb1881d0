/* A batch's sequences follow from the first one: a record counts one, a gap jumps to its end. */
#include "aggregator/store/batch.h"

#include "common/reader.h"

#include <stdlib.h>
#include <string.h>

/* Reads one frame at sequence seq; a gap must begin where the record would have stood. */
static int read_record(struct reader *r, uint64_t seq, struct batch_record *record, struct err *e)
{
    uint32_t len = reader_le32(r);
    const uint8_t *bytes = reader_bytes(r, len);
    if (r->bad || len == 0) {
        return err_set(e, ERR_PARSE, "the frame of record %llu is not sound",
                       (unsigned long long)seq);
    }
    *record = (struct batch_record){.seq = seq, .bytes = bytes, .len = len};
    if (!gap_is(bytes, len)) {
        return 0;
    }
    record->is_gap = true;
    if (gap_unpack(bytes, len, &record->gap, e) != 0) {
        return -1;
    }
    if (record->gap.from != seq) {
        return err_set(e, ERR_PARSE, "a gap from %llu stands at %llu",
                       (unsigned long long)record->gap.from, (unsigned long long)seq);
    }
    return 0;
}

static uint64_t record_last(const struct batch_record *record)
{
    return record->is_gap ? record->gap.to : record->seq;
}

static int read_records(struct batch *b, struct err *e)
{
    struct reader r = reader_of(b->body, b->body_len);
    uint64_t seq = b->env.first_seq;
    for (; b->count < b->env.count; b->count++) {
        struct batch_record *record = &b->records[b->count];
        if (read_record(&r, seq, record, e) != 0) {
            return -1;
        }
        b->last_seq = record_last(record);
        if (b->last_seq >= INT64_MAX) {
            return err_set(e, ERR_PARSE, "sequence %llu is out of range",
                           (unsigned long long)b->last_seq);
        }
        seq = b->last_seq + 1;
    }
    if (reader_left(&r) != 0) {
        return err_set(e, ERR_PARSE, "%zu bytes behind the last record", reader_left(&r));
    }
    return 0;
}

static int check_envelope(const struct envelope *env, enum wire_stream stream, struct err *e)
{
    if (env->kind != stream) {
        return err_set(e, ERR_PARSE, "kind %u on the subject of stream %u", env->kind,
                       (unsigned)stream);
    }
    if (env->count == 0 || env->count > BATCH_MAX_RECORDS) {
        return err_set(e, ERR_PARSE, "%u records, allowed are 1 to %u", env->count,
                       (unsigned)BATCH_MAX_RECORDS);
    }
    if (env->first_seq == 0 || env->first_seq > INT64_MAX || env->epoch == 0 ||
        env->epoch > INT64_MAX) {
        return err_set(e, ERR_PARSE, "epoch %llu, first sequence %llu: out of range",
                       (unsigned long long)env->epoch, (unsigned long long)env->first_seq);
    }
    return 0;
}

int batch_open(struct batch *b, enum wire_stream stream, const void *bytes, size_t len,
               struct err *e)
{
    *b = (struct batch){0};
    if (envelope_unpack(bytes, len, &b->env, &b->body, &b->body_len, e) != 0) {
        b->body = NULL;
        return -1;
    }
    if (check_envelope(&b->env, stream, e) != 0) {
        return -1;
    }
    b->records = calloc(b->env.count, sizeof *b->records);
    if (b->records == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for %u records", b->env.count);
    }
    return read_records(b, e);
}

void batch_close(struct batch *b)
{
    free(b->records);
    free(b->body);
    *b = (struct batch){0};
}

static void trim_front(struct batch *b, unsigned count)
{
    b->count -= count;
    memmove(b->records, b->records + count, b->count * sizeof *b->records);
}

enum batch_place batch_place(struct batch *b, uint64_t stored, unsigned *trimmed)
{
    *trimmed = 0;
    if (b->env.first_seq > stored + 1) {
        return BATCH_HOLE;
    }
    if (b->last_seq <= stored) {
        *trimmed = b->count;
        return BATCH_OLD;
    }
    unsigned old = 0;
    while (record_last(&b->records[old]) <= stored) {
        old++;
    }
    trim_front(b, old);
    *trimmed = old;
    struct batch_record *first = &b->records[0];
    if (first->is_gap && first->gap.from <= stored) {
        first->gap.from = stored + 1; /* a gap that has grown since it was first told */
        first->seq = first->gap.from;
    }
    return BATCH_FITS;
}
