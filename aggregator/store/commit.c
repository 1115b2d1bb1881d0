/*
 * The cursor is compared and set: only the transaction that finds it as it was read moves it, so
 * two writers can never store one batch twice, and rows and cursor can never part.
 */
#include "aggregator/store/commit.h"

#include "aggregator/store/alerts.h"
#include "aggregator/store/assets.h"
#include "aggregator/store/cursor.h"
#include "aggregator/store/quarantine.h"
#include "aggregator/store/rows.h"
#include "common/clock.h"
#include "common/wire/counters.h"
#include "common/wire/flows.h"

#include <stdlib.h>
#include <string.h>

/* By the sender's clock, which says both times. */
enum { LATE_ALERT_S = 15 * 60 };

/* Of a batch among those of its group. */
struct place {
    struct cursor *cursor; /* of its stream */
    bool fits;             /* to be stored, once trimmed */
};

/* A group with the cursors of its streams, each once. */
struct group {
    struct commit *all; /* borrowed */
    unsigned count;
    struct cursor *cursors; /* owned */
    unsigned cursor_count;
    struct place *places; /* owned; one a batch */
};

static struct cursor *find_cursor(struct group *g, const struct commit *c)
{
    const struct envelope *env = &c->batch->env;
    for (unsigned i = 0; i < g->cursor_count; i++) {
        struct cursor *have = &g->cursors[i];
        if (have->epoch == env->epoch && have->stream == env->kind &&
            strcmp(have->name, c->name) == 0) {
            return have;
        }
    }
    struct cursor *new = &g->cursors[g->cursor_count++];
    *new = (struct cursor){.name = c->name, .stream = env->kind, .epoch = env->epoch};
    return new;
}

static int group_open(struct group *g, struct commit *all, unsigned count, struct err *e)
{
    *g = (struct group){.all = all, .count = count};
    g->cursors = calloc(count, sizeof *g->cursors);
    g->places = calloc(count, sizeof *g->places);
    if (g->cursors == NULL || g->places == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for a group of %u batches", count);
    }
    for (unsigned i = 0; i < count; i++) {
        g->places[i].cursor = find_cursor(g, &all[i]);
    }
    return 0;
}

static void group_close(struct group *g)
{
    free(g->cursors);
    free(g->places);
}

/* Behind the batches before it. When it is to be stored, moves the cursor's goal and is true. */
static bool place(struct commit *c, struct cursor *cursor)
{
    c->result = COMMIT_STORED;
    if (!cursor->known) {
        c->result = COMMIT_STRANGER;
        return false;
    }
    switch (batch_place(c->batch, cursor->upto, &c->trimmed)) {
    case BATCH_OLD: return false;
    case BATCH_HOLE: c->result = COMMIT_HOLE; return false;
    case BATCH_FITS: break;
    }
    cursor->upto = c->batch->last_seq;
    return true;
}

/* How many are to be stored. */
static unsigned place_all(struct group *g)
{
    unsigned fitting = 0;
    for (unsigned i = 0; i < g->count; i++) {
        g->places[i].fits = place(&g->all[i], g->places[i].cursor);
        fitting += g->places[i].fits;
    }
    return fitting;
}

/* Sequences that will never come, and about when they happened; 0: not known. */
struct missing {
    const struct gap *gap;
    const char *reason;
    uint64_t from_ns, to_ns;
};

static int store_gap(struct pg *pg, const struct cursor *cursor, const struct missing *m,
                     struct err *e)
{
    static const char sql[] =
        "INSERT INTO gap (instance_id, stream, epoch, from_seq, to_seq, reason, from_at, to_at)"
        " VALUES ($1::int, $2::smallint, $3::bigint, $4::bigint, $5::bigint, $6,"
        " least($7::timestamptz, $8::timestamptz), $8::timestamptz)";
    struct pg_args args = {0};
    pg_add_i64(&args, cursor->instance_id);
    pg_add_i64(&args, cursor->stream);
    pg_add_i64(&args, (int64_t)cursor->epoch);
    pg_add_i64(&args, (int64_t)m->gap->from);
    pg_add_i64(&args, (int64_t)m->gap->to);
    pg_add_text(&args, m->reason);
    pg_add_time(&args, m->from_ns);
    pg_add_time(&args, m->to_ns);
    return pg_run(pg, sql, &args, e);
}

/* When the first record at or behind `i` happened, if its stream tells; else when it was sent. */
static uint64_t time_behind(const struct batch *batch, unsigned i)
{
    for (; i < batch->count; i++) {
        const struct batch_record *record = &batch->records[i];
        struct counter_record counter;
        struct flow_record flow;
        if (record->is_gap) {
            continue;
        }
        if (batch->env.kind == STREAM_COUNTER &&
            counter_record_unpack(record->bytes, record->len, &counter, NULL) == 0) {
            return counter.start_ns;
        }
        if (batch->env.kind == STREAM_FLOW &&
            flow_record_unpack(record->bytes, record->len, &flow, NULL) == 0) {
            return flow.last_ns;
        }
        break;
    }
    return batch->env.wall_ns;
}

static int store_gaps(struct pg *pg, const struct cursor *cursor, struct commit *c, struct err *e)
{
    for (unsigned i = 0; i < c->batch->count; i++) {
        const struct batch_record *record = &c->batch->records[i];
        if (!record->is_gap) {
            continue;
        }
        const struct missing missing = {
            .gap = &record->gap,
            .reason = gap_reason_name((enum gap_reason)record->gap.reason),
            .from_ns = cursor->moved_ns,
            .to_ns = time_behind(c->batch, i + 1),
        };
        if (store_gap(pg, cursor, &missing, e) != 0) {
            return -1;
        }
        c->gaps++;
        c->lost += record->gap.to - record->gap.from + 1;
    }
    return 0;
}

static int quarantine_bad(struct pg *pg, const struct commit *c, const struct rows *rows,
                          struct err *e)
{
    for (unsigned i = 0; i < rows->bad_count; i++) {
        const struct bad_record *bad = &rows->bad[i];
        struct quarantined q = {
            .name = c->name,
            .reason = bad->why.what,
            .bytes = bad->record->bytes,
            .len = bad->record->len,
            .epoch = c->batch->env.epoch,
            .seq = bad->record->seq,
            .stream = (enum wire_stream)c->batch->env.kind,
        };
        if (quarantine_add(pg, &q, e) != 0) {
            return -1;
        }
    }
    return 0;
}

static int apply_alerts(struct pg *pg, const struct rows *rows, struct commit *c, struct err *e)
{
    if (rows->alert_count == 0) {
        return 0;
    }
    c->alerts = calloc(rows->alert_count, sizeof *c->alerts);
    if (c->alerts == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for %u alerts", rows->alert_count);
    }
    for (unsigned i = 0; i < rows->alert_count; i++) {
        const struct wire_alert *alert = &rows->alerts[i].alert;
        struct alert_origin origin = {
            .instance_id = rows->instance_id,
            .epoch = rows->epoch,
            .seq = rows->alerts[i].seq,
            .late = rows->sent_ns > alert->at_ns + (uint64_t)LATE_ALERT_S * NS_PER_S,
        };
        struct alert_view *view = &c->alerts[c->alert_count];
        if (alerts_apply(pg, &origin, alert, view, e) != 0) {
            return -1;
        }
        c->alert_count++;
    }
    return 0;
}

/* What of a batch is not a fact: gaps, what is bad, and how things are now. */
static int apply(struct pg *pg, const struct cursor *cursor, const struct rows *rows,
                 struct commit *c, struct err *e)
{
    if (store_gaps(pg, cursor, c, e) != 0 || quarantine_bad(pg, c, rows, e) != 0 ||
        targets_apply(&rows->targets, rows->instance_id, pg, e) != 0 ||
        (json_array_size(rows->assets) > 0 &&
         assets_apply(pg, rows->instance_id, rows->assets, e) != 0)) {
        return -1;
    }
    return apply_alerts(pg, rows, c, e);
}

static int store_batch_rows(struct pg *pg, const struct cursor *cursor, struct row_tables *tables,
                            struct commit *c, struct err *e)
{
    struct rows rows;
    int result = rows_open(&rows, tables, cursor->instance_id, c->batch, e);
    if (result == 0) {
        result = apply(pg, cursor, &rows, c, e);
    }
    c->stored = rows.stored;
    c->bad = rows.bad_count;
    rows_close(&rows);
    return result;
}

/* First the cursors: a second writer waits here, and finds them moved. */
static int store_group(struct pg *pg, const struct group *g, struct err *e)
{
    struct row_tables tables = {0};
    int result = cursors_move(pg, g->cursors, g->cursor_count, e);
    for (unsigned i = 0; result == 0 && i < g->count; i++) {
        if (g->places[i].fits) {
            result = store_batch_rows(pg, g->places[i].cursor, &tables, &g->all[i], e);
        }
    }
    if (result == 0) {
        result = row_tables_copy(&tables, pg, e);
    }
    row_tables_done(&tables);
    return result;
}

/* Ends the transaction as the work went; a failed one leaves nothing behind. */
static int end(struct pg *pg, int result, bool *unsure, struct err *e)
{
    if (result == 0) {
        result = pg_script(pg, "COMMIT", e);
        *unsure = result != 0 && !pg_is_usable(pg);
    } else if (pg_is_usable(pg)) {
        (void)pg_script(pg, "ROLLBACK", NULL); /* the first failure is the one to tell */
    }
    return result;
}

static void forget(struct commit *c)
{
    free(c->alerts);
    *c = (struct commit){.name = c->name, .batch = c->batch};
}

static int commit_opened(struct pg *pg, struct group *g, bool *unsure, struct err *e)
{
    if (cursors_read(pg, g->cursors, g->cursor_count, e) != 0) {
        return -1;
    }
    if (place_all(g) == 0) {
        return 0;
    }
    return pg_script(pg, "BEGIN", e) == 0 ? end(pg, store_group(pg, g, e), unsure, e) : -1;
}

int commit_group(struct pg *pg, struct commit *all, unsigned count, bool *unsure, struct err *e)
{
    struct group g;
    *unsure = false;
    for (unsigned i = 0; i < count; i++) {
        forget(&all[i]);
    }
    int result = group_open(&g, all, count, e);
    if (result == 0) {
        result = commit_opened(pg, &g, unsure, e);
    }
    for (unsigned i = 0; i < count; i++) {
        if (result != 0) {
            forget(&all[i]);
        } else {
            all[i].upto = g.places[i].cursor->upto;
        }
    }
    group_close(&g);
    return result;
}

static int store_refused(struct pg *pg, const struct cursor *cursor, const struct quarantined *q,
                         const struct batch *batch, struct err *e)
{
    struct gap all = {.from = batch->records[0].seq, .to = batch->last_seq};
    if (cursors_move(pg, cursor, 1, e) != 0 || quarantine_add(pg, q, e) != 0) {
        return -1;
    }
    const struct missing missing = {.gap = &all,
                                    .reason = "quarantined",
                                    .from_ns = cursor->moved_ns,
                                    .to_ns = batch->env.wall_ns};
    return store_gap(pg, cursor, &missing, e);
}

int commit_refused(struct pg *pg, struct commit *c, const char *reason, bool *unsure, struct err *e)
{
    struct batch *batch = c->batch;
    struct cursor cursor = {.name = c->name, .stream = batch->env.kind, .epoch = batch->env.epoch};
    forget(c);
    *unsure = false;
    if (cursors_read(pg, &cursor, 1, e) != 0) {
        return -1;
    }
    if (place(c, &cursor)) {
        struct quarantined q = {
            .name = c->name,
            .reason = reason,
            .bytes = batch->body,
            .len = batch->body_len,
            .epoch = batch->env.epoch,
            .seq = batch->records[0].seq,
            .stream = (enum wire_stream)batch->env.kind,
        };
        c->bad = batch->count;
        if (pg_script(pg, "BEGIN", e) != 0 ||
            end(pg, store_refused(pg, &cursor, &q, batch, e), unsure, e) != 0) {
            forget(c);
            return -1;
        }
    }
    c->upto = cursor.upto;
    return 0;
}

void commit_done(struct commit *c)
{
    forget(c);
}
