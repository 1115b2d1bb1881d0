/* Wall times cross as milliseconds; intervals as milliseconds too. */
#include "aggregator/store/state.h"

#include "aggregator/store/pg_list.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COPY_TEXT(to, from) ((void)snprintf((to), sizeof(to), "%s", (from))) /* cut is fine */

static void fill_instance(struct instance_row *to, const struct pg_rows *rows, unsigned row)
{
    to->id = (int32_t)pg_i64(rows, row, 0);
    COPY_TEXT(to->name, pg_text(rows, row, 1));
    COPY_TEXT(to->title, pg_text(rows, row, 2));
    COPY_TEXT(to->site, pg_text(rows, row, 3));
    to->state = presence_state_by_name(pg_text(rows, row, 4));
    to->cause = presence_cause_by_name(pg_text(rows, row, 5));
    to->reasons = (unsigned)pg_i64(rows, row, 6);
    to->state_since_ms = (uint64_t)pg_i64(rows, row, 7);
    to->outage_from_ms = (uint64_t)pg_i64(rows, row, 8);
    to->has_outage = !pg_is_null(rows, row, 9);
    to->outage_ms = (uint64_t)pg_i64(rows, row, 9);
    to->last_seen_ms = (uint64_t)pg_i64(rows, row, 10);
    COPY_TEXT(to->version, pg_text(rows, row, 11));
    to->centre_alerts = (uint32_t)pg_i64(rows, row, 12);
    to->config.wanted = (uint64_t)pg_i64(rows, row, 13);
    COPY_TEXT(to->config.wanted_hash, pg_text(rows, row, 14));
    to->config.in_force = (uint64_t)pg_i64(rows, row, 15);
    COPY_TEXT(to->config.in_force_hash, pg_text(rows, row, 16));
    to->config.refused = (uint64_t)pg_i64(rows, row, 17);
    COPY_TEXT(to->config.reason, pg_text(rows, row, 18));
    to->config.drift = pg_bool(rows, row, 19);
}

static int load_instances(struct pg *pg, struct load_job *job, struct err *e)
{
    static const char sql[] =
        "SELECT i.id, i.name, i.title, i.site, i.state, coalesce(i.cause, ''), i.reasons,"
        " coalesce((extract(epoch FROM i.state_since) * 1000)::bigint, 0),"
        " coalesce((extract(epoch FROM i.outage_from) * 1000)::bigint, 0),"
        " (extract(epoch FROM i.last_outage) * 1000)::bigint,"
        " coalesce((extract(epoch FROM i.last_seen_at) * 1000)::bigint, 0), i.version,"
        " (SELECT count(*) FROM alert a WHERE a.instance_id = i.id AND a.state = 'engaged'"
        " AND a.epoch IS NULL), c.revision, c.hash, c.in_force, c.in_force_hash, c.refused,"
        " c.refused_reason, EXISTS (SELECT FROM alert a WHERE a.instance_id = i.id"
        " AND a.state = 'engaged' AND a.epoch IS NULL AND a.kind = $1::int)"
        " FROM instance i LEFT JOIN config_state c ON c.instance_id = i.id"
        " ORDER BY i.id";
    struct pg_args args = {0};
    pg_add_i64(&args, ALERT_FLEET_CONFIG_DRIFT);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    unsigned count = pg_rows_count(rows);
    job->instances = calloc(count + 1, sizeof *job->instances);
    if (job->instances == NULL) {
        pg_rows_free(rows);
        return err_set(e, ERR_NOMEM, "no memory for %u instances", count);
    }
    for (unsigned i = 0; i < count; i++) {
        fill_instance(&job->instances[i], rows, i);
    }
    job->instance_count = count;
    pg_rows_free(rows);
    return 0;
}

static int load_keys(struct pg *pg, struct load_job *job, struct err *e)
{
    static const char sql[] = "SELECT nkey, instance_id,"
                              " coalesce(extract(epoch FROM revoked_at)::bigint, 0)"
                              " FROM instance_key";
    struct pg_rows *rows = pg_query(pg, sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    unsigned count = pg_rows_count(rows);
    job->keys = calloc(count + 1, sizeof *job->keys);
    if (job->keys == NULL) {
        pg_rows_free(rows);
        return err_set(e, ERR_NOMEM, "no memory for %u keys", count);
    }
    for (unsigned i = 0; i < count; i++) {
        COPY_TEXT(job->keys[i].nkey, pg_text(rows, i, 0));
        job->keys[i].instance_id = (int32_t)pg_i64(rows, i, 1);
        job->keys[i].revoked_s = (uint64_t)pg_i64(rows, i, 2);
    }
    job->key_count = count;
    pg_rows_free(rows);
    return 0;
}

int state_load(struct pg *pg, struct load_job *job, struct err *e)
{
    if (load_instances(pg, job, e) != 0) {
        return -1;
    }
    return load_keys(pg, job, e);
}

static int note_hello(struct pg *pg, const struct hello_job *job, struct err *e)
{
    static const char sql[] = "UPDATE instance SET boot_id = $2, version = $3, host = $4, os = $5"
                              " WHERE id = $1::int";
    struct pg_args args = {0};
    pg_add_i64(&args, job->instance_id);
    pg_add_text(&args, job->hello.boot);
    pg_add_text(&args, job->hello.version);
    pg_add_text(&args, job->hello.host);
    pg_add_text(&args, job->hello.os);
    return pg_run(pg, sql, &args, e);
}

enum { EPOCHS_SIZE = STREAM_COUNT * 21 + 3 }; /* 20 digits and a comma each */

/* The epochs of all streams as an array of PostgreSQL, whose first element has the index 1. */
static void epochs_array(const uint64_t epochs[STREAM_COUNT + 1], char text[EPOCHS_SIZE])
{
    size_t len = 0;
    for (int stream = 1; stream <= STREAM_COUNT; stream++) {
        len += (size_t)snprintf(text + len, EPOCHS_SIZE - len, "%c%" PRId64,
                                stream == 1 ? '{' : ',', (int64_t)epochs[stream]);
    }
    (void)snprintf(text + len, EPOCHS_SIZE - len, "}");
}

int state_hello(struct pg *pg, struct hello_job *job, struct err *e)
{
    static const char sql[] = "SELECT stream, seq FROM cursor WHERE instance_id = $1::int"
                              " AND epoch = ($2::bigint[])[stream]";
    if (note_hello(pg, job, e) != 0) {
        return -1;
    }
    char epochs[EPOCHS_SIZE];
    epochs_array(job->hello.epochs, epochs);
    struct pg_args args = {0};
    pg_add_i64(&args, job->instance_id);
    pg_add_text(&args, epochs);
    for (int stream = 1; stream <= STREAM_COUNT; stream++) {
        job->welcome.cursors[stream].epoch = job->hello.epochs[stream];
    }
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        int64_t stream = pg_i64(rows, i, 0);
        if (stream >= 1 && stream <= STREAM_COUNT) {
            job->welcome.cursors[stream].upto = (uint64_t)pg_i64(rows, i, 1);
        }
    }
    pg_rows_free(rows);
    return 0;
}

int state_change(struct pg *pg, const struct state_job *job, struct err *e)
{
    static const char sql[] =
        "WITH now AS (UPDATE instance SET state = $4, cause = $5, reasons = $6::int,"
        " state_since = $2::timestamptz, outage_from = $9::timestamptz,"
        " last_outage = coalesce($8::bigint * interval '1 millisecond', last_outage)"
        " WHERE id = $1::int)"
        " INSERT INTO instance_state_change (instance_id, at, from_state, to_state, cause, reasons,"
        " evidence, outage) VALUES ($1::int, $2::timestamptz, $3, $4, $5, $6::int, $7,"
        " $8::bigint * interval '1 millisecond')";
    struct pg_args args = {0};
    pg_add_i64(&args, job->instance_id);
    pg_add_time(&args, job->at_ms * NS_PER_MS);
    pg_add_text(&args, presence_state_name(job->from));
    pg_add_text(&args, presence_state_name(job->to));
    pg_add_text(&args, presence_cause_name(job->cause));
    pg_add_i64(&args, job->reasons);
    pg_add_text(&args, job->evidence);
    if (job->ends_outage) {
        pg_add_i64(&args, (int64_t)job->outage_ms);
    } else {
        pg_add_text(&args, NULL);
    }
    pg_add_time(&args, job->outage_from_ms * NS_PER_MS);
    return pg_run(pg, sql, &args, e);
}

int state_seen(struct pg *pg, const struct seen_job *job, struct err *e)
{
    static const char sql[] =
        "UPDATE instance i SET last_seen_at = greatest(i.last_seen_at, to_timestamp(w.ms / 1000.0))"
        " FROM unnest($1::int[], $2::bigint[]) AS w(id, ms) WHERE i.id = w.id";
    struct pg_list ids = {0}, times = {0};
    int result = -1;
    if (pg_list_open(&ids, job->count, PG_LIST_NUMBER) &&
        pg_list_open(&times, job->count, PG_LIST_NUMBER)) {
        for (unsigned i = 0; i < job->count; i++) {
            pg_list_add(&ids, "%" PRId32, job->entries[i].instance_id);
            pg_list_add(&times, "%" PRIu64, job->entries[i].last_seen_ms);
        }
        struct pg_args args = {0};
        pg_add_text(&args, ids.text);
        pg_add_text(&args, times.text);
        result = pg_run(pg, sql, &args, e);
    } else {
        (void)err_set(e, ERR_NOMEM, "no memory for %u instances", job->count);
    }
    pg_list_done(&ids);
    pg_list_done(&times);
    return result;
}
