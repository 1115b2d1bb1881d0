/*
 * The cursor is compared and set: only the transaction that finds it as it was read moves it, so
 * two writers can never store one batch twice, and rows and cursor can never part.
 */
#include "aggregator/store/commit.h"

#include "aggregator/store/alerts.h"
#include "aggregator/store/assets.h"
#include "aggregator/store/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUARANTINE_BYTES = 2048 /* of one record or message that are kept */ };

/* Where a stream stands. */
struct standing {
    bool known; /* the instance exists */
    bool has_cursor;
    int32_t instance_id;
    uint64_t seq;
};

static int read_standing(struct pg *pg, const char *name, const struct batch *batch,
                         struct standing *s, struct err *e)
{
    static const char sql[] =
        "SELECT i.id, c.seq FROM instance i LEFT JOIN cursor c ON c.instance_id = i.id"
        " AND c.stream = $2::smallint AND c.epoch = $3::bigint WHERE i.name = $1";
    struct pg_args args = {0};
    pg_add_text(&args, name);
    pg_add_i64(&args, batch->env.kind);
    pg_add_i64(&args, (int64_t)batch->env.epoch);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    *s = (struct standing){.known = pg_rows_count(rows) == 1};
    if (s->known) {
        s->instance_id = (int32_t)pg_i64(rows, 0, 0);
        s->has_cursor = !pg_is_null(rows, 0, 1);
        s->seq = (uint64_t)pg_i64(rows, 0, 1);
    }
    pg_rows_free(rows);
    return 0;
}

/* Compare and set. ERR_BUSY when another moved it meanwhile: read again. */
static int move_cursor(struct pg *pg, const struct standing *s, const struct batch *batch,
                       struct err *e)
{
    static const char set_sql[] =
        "UPDATE cursor SET seq = $4::bigint, updated_at = now() WHERE instance_id = $1::int"
        " AND stream = $2::smallint AND epoch = $3::bigint AND seq = $5::bigint";
    static const char new_sql[] = "INSERT INTO cursor (instance_id, stream, epoch, seq) VALUES"
                                  " ($1::int, $2::smallint, $3::bigint, $4::bigint)"
                                  " ON CONFLICT DO NOTHING";
    struct pg_args args = {0};
    pg_add_i64(&args, s->instance_id);
    pg_add_i64(&args, batch->env.kind);
    pg_add_i64(&args, (int64_t)batch->env.epoch);
    pg_add_i64(&args, (int64_t)batch->last_seq);
    if (s->has_cursor) {
        pg_add_i64(&args, (int64_t)s->seq);
    }
    struct pg_rows *rows = pg_query(pg, s->has_cursor ? set_sql : new_sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    bool moved = pg_rows_affected(rows) == 1;
    pg_rows_free(rows);
    return moved ? 0 : err_set(e, ERR_BUSY, "the cursor was moved by another writer");
}

static int store_gap(struct pg *pg, const struct standing *s, const struct batch *batch,
                     const struct gap *gap, const char *reason, struct err *e)
{
    static const char sql[] =
        "INSERT INTO gap (instance_id, stream, epoch, from_seq, to_seq, reason) VALUES"
        " ($1::int, $2::smallint, $3::bigint, $4::bigint, $5::bigint, $6)";
    struct pg_args args = {0};
    pg_add_i64(&args, s->instance_id);
    pg_add_i64(&args, batch->env.kind);
    pg_add_i64(&args, (int64_t)batch->env.epoch);
    pg_add_i64(&args, (int64_t)gap->from);
    pg_add_i64(&args, (int64_t)gap->to);
    pg_add_text(&args, reason);
    return pg_run(pg, sql, &args, e);
}

static int store_gaps(struct pg *pg, const struct standing *s, const struct batch *batch,
                      struct commit *commit, struct err *e)
{
    for (unsigned i = 0; i < batch->count; i++) {
        const struct batch_record *record = &batch->records[i];
        if (!record->is_gap) {
            continue;
        }
        const char *reason = gap_reason_name((enum gap_reason)record->gap.reason);
        if (store_gap(pg, s, batch, &record->gap, reason, e) != 0) {
            return -1;
        }
        commit->gaps++;
        commit->lost += record->gap.to - record->gap.from + 1;
    }
    return 0;
}

/* bytea's hex form of at most QUARANTINE_BYTES. */
static void hex_form(const void *bytes, size_t len, char text[3 + 2 * QUARANTINE_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = bytes;
    char *to = text;
    *to++ = '\\';
    *to++ = 'x';
    for (size_t i = 0; i < len && i < QUARANTINE_BYTES; i++) {
        *to++ = digits[at[i] >> 4];
        *to++ = digits[at[i] & 15];
    }
    *to = '\0';
}

struct quarantined {
    const char *name;
    const char *reason;
    const void *bytes;
    size_t len;
    uint64_t epoch, seq; /* 0: not known */
    enum wire_stream stream;
};

static int quarantine(struct pg *pg, const struct quarantined *q, struct err *e)
{
    static const char sql[] =
        "INSERT INTO quarantine (instance, stream, epoch, seq, reason, bytes) VALUES"
        " ($1, $2::smallint, nullif($3::bigint, 0), nullif($4::bigint, 0), $5, $6::bytea)";
    static const char trim_sql[] =
        "DELETE FROM quarantine WHERE id < (SELECT max(id) - 2000 FROM quarantine)";
    char hex[3 + 2 * QUARANTINE_BYTES];
    hex_form(q->bytes, q->len, hex);
    struct pg_args args = {0};
    pg_add_text(&args, q->name);
    pg_add_i64(&args, q->stream);
    pg_add_i64(&args, (int64_t)q->epoch);
    pg_add_i64(&args, (int64_t)q->seq);
    pg_add_text(&args, q->reason);
    pg_add_text(&args, hex);
    if (pg_run(pg, sql, &args, e) != 0) {
        return -1;
    }
    return pg_run(pg, trim_sql, NULL, e);
}

int commit_quarantine(struct pg *pg, const char *name, enum wire_stream stream, const void *bytes,
                      size_t len, const char *reason, struct err *e)
{
    struct quarantined q = {
        .name = name, .reason = reason, .bytes = bytes, .len = len, .stream = stream};
    return quarantine(pg, &q, e);
}

static int quarantine_bad(struct pg *pg, const char *name, const struct batch *batch,
                          const struct rows *rows, struct err *e)
{
    for (unsigned i = 0; i < rows->bad_count; i++) {
        const struct bad_record *bad = &rows->bad[i];
        struct quarantined q = {
            .name = name,
            .reason = bad->why.what,
            .bytes = bad->record->bytes,
            .len = bad->record->len,
            .epoch = batch->env.epoch,
            .seq = bad->record->seq,
            .stream = (enum wire_stream)batch->env.kind,
        };
        if (quarantine(pg, &q, e) != 0) {
            return -1;
        }
    }
    return 0;
}

static int apply_alerts(struct pg *pg, const struct rows *rows, struct commit *commit,
                        struct err *e)
{
    if (rows->alert_count == 0) {
        return 0;
    }
    commit->alerts = calloc(rows->alert_count, sizeof *commit->alerts);
    if (commit->alerts == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for %u alerts", rows->alert_count);
    }
    for (unsigned i = 0; i < rows->alert_count; i++) {
        struct alert_origin origin = {
            .instance_id = rows->instance_id,
            .epoch = rows->epoch,
            .seq = rows->alerts[i].seq,
        };
        struct alert_view *view = &commit->alerts[commit->alert_count];
        if (alerts_apply(pg, &origin, &rows->alerts[i].alert, view, e) != 0) {
            return -1;
        }
        commit->alert_count++;
    }
    return 0;
}

static int store_rows(struct pg *pg, const char *name, const struct standing *s,
                      struct batch *batch, struct commit *commit, struct err *e)
{
    struct rows rows;
    int result = -1;
    if (rows_open(&rows, s->instance_id, batch, e) == 0 && move_cursor(pg, s, batch, e) == 0 &&
        rows_copy(&rows, pg, e) == 0 && store_gaps(pg, s, batch, commit, e) == 0 &&
        quarantine_bad(pg, name, batch, &rows, e) == 0 &&
        targets_apply(&rows.targets, s->instance_id, pg, e) == 0 &&
        (json_array_size(rows.assets) == 0 ||
         assets_apply(pg, s->instance_id, rows.assets, e) == 0)) {
        result = apply_alerts(pg, &rows, commit, e);
    }
    commit->stored = rows.stored;
    commit->bad = rows.bad_count;
    rows_close(&rows);
    return result;
}

/* Ends the transaction as the work went; a failed one leaves nothing behind. */
static int end(struct pg *pg, int result, struct commit *commit, struct err *e)
{
    if (result == 0) {
        result = pg_script(pg, "COMMIT", e);
        bool unsure = result != 0 && !pg_is_usable(pg);
        if (result != 0) {
            commit_done(commit);
            commit->unsure = unsure;
        }
        return result;
    }
    if (pg_is_usable(pg)) {
        (void)pg_script(pg, "ROLLBACK", NULL); /* the first failure is the one to tell */
    }
    commit_done(commit);
    return -1;
}

/* Decides what needs no transaction. True when *commit is the answer. */
static bool is_settled(const struct standing *s, struct batch *batch, struct commit *commit)
{
    *commit = (struct commit){.result = COMMIT_STORED, .upto = s->seq};
    if (!s->known) {
        commit->result = COMMIT_STRANGER;
        return true;
    }
    switch (batch_place(batch, s->seq, &commit->trimmed)) {
    case BATCH_OLD: return true;
    case BATCH_HOLE: commit->result = COMMIT_HOLE; return true;
    case BATCH_FITS: break;
    }
    commit->upto = batch->last_seq;
    return false;
}

int commit_batch(struct pg *pg, const char *name, struct batch *batch, struct commit *commit,
                 struct err *e)
{
    struct standing s;
    *commit = (struct commit){0};
    if (read_standing(pg, name, batch, &s, e) != 0) {
        return -1;
    }
    if (is_settled(&s, batch, commit)) {
        return 0;
    }
    if (pg_script(pg, "BEGIN", e) != 0) {
        return -1;
    }
    return end(pg, store_rows(pg, name, &s, batch, commit, e), commit, e);
}

static int store_refused(struct pg *pg, const struct standing *s, const struct quarantined *q,
                         const struct batch *batch, struct err *e)
{
    struct gap all = {.from = batch->records[0].seq, .to = batch->last_seq};
    if (move_cursor(pg, s, batch, e) != 0 || quarantine(pg, q, e) != 0) {
        return -1;
    }
    return store_gap(pg, s, batch, &all, "quarantined", e);
}

int commit_refused(struct pg *pg, const char *name, struct batch *batch, const char *reason,
                   struct commit *commit, struct err *e)
{
    struct standing s;
    *commit = (struct commit){0};
    if (read_standing(pg, name, batch, &s, e) != 0) {
        return -1;
    }
    if (is_settled(&s, batch, commit)) {
        return 0;
    }
    struct quarantined q = {
        .name = name,
        .reason = reason,
        .bytes = batch->body,
        .len = batch->body_len,
        .epoch = batch->env.epoch,
        .seq = batch->records[0].seq,
        .stream = (enum wire_stream)batch->env.kind,
    };
    if (pg_script(pg, "BEGIN", e) != 0) {
        return -1;
    }
    commit->bad = batch->count;
    return end(pg, store_refused(pg, &s, &q, batch, e), commit, e);
}

void commit_done(struct commit *commit)
{
    free(commit->alerts);
    *commit = (struct commit){0};
}
