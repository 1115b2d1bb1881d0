/* Wall times cross as milliseconds; intervals as milliseconds too. */
#include "aggregator/store/state.h"

#include "aggregator/store/pg_list.h"
#include "common/alert_kinds.h"
#include "common/clock.h"
#include "common/wire/fields.h"

#include <inttypes.h>
#include <jansson.h>
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
    to->flapping = pg_bool(rows, row, 20);
    to->skewed = pg_bool(rows, row, 21);
}

/* Whether the centre's alert of a kind about the instance is engaged. */
#define ENGAGED(kind)                                                                              \
    "EXISTS (SELECT FROM alert a WHERE a.instance_id = i.id AND a.state = 'engaged'"               \
    " AND a.epoch IS NULL AND a.kind = " kind "::int)"

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
        " c.refused_reason, " ENGAGED("$1") ", " ENGAGED("$2") ", " ENGAGED(
            "$3") " FROM instance i LEFT JOIN config_state c ON c.instance_id = i.id"
                  " ORDER BY i.id";
    struct pg_args args = {0};
    pg_add_i64(&args, ALERT_FLEET_CONFIG_DRIFT);
    pg_add_i64(&args, ALERT_FLEET_AGENT_FLAPPING);
    pg_add_i64(&args, ALERT_FLEET_CLOCK_SKEW);
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

/* Runs sql with a list of objects as $1, which it takes over. */
static int run_rows(struct pg *pg, const char *sql, json_t *rows, struct err *e)
{
    char *text = json_dumps(rows, JSON_COMPACT);
    json_decref(rows);
    if (text == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for rows of state");
    }
    struct pg_args args = {0};
    pg_add_text(&args, text);
    int result = pg_run(pg, sql, &args, e);
    free(text);
    return result;
}

static int note_hellos(struct pg *pg, struct hello_job *const *jobs, unsigned count, struct err *e)
{
    static const char sql[] =
        "UPDATE instance i SET boot_id = r.boot, version = r.version, host = r.host, os = r.os"
        " FROM json_to_recordset($1::json) AS r(id int, boot text, version text, host text,"
        " os text) WHERE i.id = r.id";
    json_t *rows = json_array();
    for (unsigned n = 0; n < count; n++) {
        const struct hello *h = &jobs[n]->hello;
        json_t *row =
            json_pack("{s:i, s:o, s:o, s:o, s:o}", "id", (int)jobs[n]->instance_id, "boot",
                      fields_string(h->boot), "version", fields_string(h->version), "host",
                      fields_string(h->host), "os", fields_string(h->os));
        if (json_array_append_new(rows, row) != 0) {
            json_decref(rows);
            return err_set(e, ERR_NOMEM, "no memory for %u greetings", count);
        }
    }
    return run_rows(pg, sql, rows, e);
}

static struct pg_rows *find_cursors(struct pg *pg, struct hello_job *const *jobs, unsigned count,
                                    struct err *e)
{
    static const char sql[] =
        "SELECT w.n, c.stream, c.seq FROM unnest($1::int[], $2::int[], $3::smallint[],"
        " $4::bigint[]) AS w(n, id, stream, epoch) JOIN cursor c ON c.instance_id = w.id"
        " AND c.stream = w.stream AND c.epoch = w.epoch";
    struct pg_list lists[4] = {0};
    struct pg_rows *rows = NULL;
    bool room = true;
    for (int i = 0; i < 4; i++) {
        room = pg_list_open(&lists[i], count * STREAM_COUNT, PG_LIST_NUMBER) && room;
    }
    for (unsigned n = 0; room && n < count; n++) {
        for (int stream = 1; stream <= STREAM_COUNT; stream++) {
            pg_list_add(&lists[0], "%u", n);
            pg_list_add(&lists[1], "%" PRId32, jobs[n]->instance_id);
            pg_list_add(&lists[2], "%d", stream);
            pg_list_add(&lists[3], "%" PRId64, (int64_t)jobs[n]->hello.epochs[stream]);
        }
    }
    if (room) {
        struct pg_args args = {0};
        for (int i = 0; i < 4; i++) {
            pg_add_text(&args, lists[i].text);
        }
        rows = pg_query(pg, sql, &args, e);
    } else {
        (void)err_set(e, ERR_NOMEM, "no memory for %u greetings", count);
    }
    for (int i = 0; i < 4; i++) {
        pg_list_done(&lists[i]);
    }
    return rows;
}

int state_hellos(struct pg *pg, struct hello_job *const *jobs, unsigned count, struct err *e)
{
    struct pg_rows *rows =
        note_hellos(pg, jobs, count, e) == 0 ? find_cursors(pg, jobs, count, e) : NULL;
    if (rows == NULL) {
        return -1;
    }
    for (unsigned n = 0; n < count; n++) {
        for (int stream = 1; stream <= STREAM_COUNT; stream++) {
            jobs[n]->welcome.cursors[stream].epoch = jobs[n]->hello.epochs[stream];
            jobs[n]->welcome.cursors[stream].upto = 0;
        }
    }
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        int64_t n = pg_i64(rows, i, 0), stream = pg_i64(rows, i, 1);
        if (n >= 0 && n < count && stream >= 1 && stream <= STREAM_COUNT) {
            jobs[n]->welcome.cursors[stream].upto = (uint64_t)pg_i64(rows, i, 2);
        }
    }
    pg_rows_free(rows);
    return 0;
}

static json_t *change_row(const struct state_job *job, unsigned n)
{
    json_t *row = json_pack("{s:i, s:i, s:I, s:s, s:s, s:s?, s:i, s:o}", "n", (int)n, "id",
                            (int)job->instance_id, "at", (json_int_t)job->at_ms, "was",
                            presence_state_name(job->from), "state", presence_state_name(job->to),
                            "cause", presence_cause_name(job->cause), "reasons", (int)job->reasons,
                            "evidence", fields_string(job->evidence));
    if (row != NULL && job->ends_outage) {
        (void)json_object_set_new(row, "outage", json_integer((json_int_t)job->outage_ms));
    }
    if (row != NULL && job->outage_from_ms != 0) {
        (void)json_object_set_new(row, "outage_from",
                                  json_integer((json_int_t)job->outage_from_ms));
    }
    return row;
}

/* Of several changes of one instance the last says how it is now. */
#define CHANGE_ROWS                                                                                \
    "json_to_recordset($1::json) AS r(n int, id int, at bigint, was text, state text, cause text," \
    " reasons int, evidence text, outage bigint, outage_from bigint)"

int state_changes(struct pg *pg, const struct state_job *const *jobs, unsigned count, struct err *e)
{
    static const char sql[] =
        "WITH r AS MATERIALIZED (SELECT * FROM " CHANGE_ROWS "), last AS (SELECT DISTINCT ON (id)"
        " r.*, (SELECT o.outage FROM r o WHERE o.id = r.id AND o.outage IS NOT NULL"
        " ORDER BY o.n DESC LIMIT 1) AS length FROM r ORDER BY id, n DESC),"
        " now AS (UPDATE instance i SET state = l.state, cause = l.cause, reasons = l.reasons,"
        " state_since = to_timestamp(l.at / 1000.0),"
        " outage_from = to_timestamp(l.outage_from / 1000.0),"
        " last_outage = coalesce(l.length * interval '1 millisecond', i.last_outage)"
        " FROM last l WHERE i.id = l.id)"
        " INSERT INTO instance_state_change (instance_id, at, from_state, to_state, cause, reasons,"
        " evidence, outage) SELECT id, to_timestamp(at / 1000.0), was, state, cause, reasons,"
        " evidence, outage * interval '1 millisecond' FROM r ORDER BY n";
    json_t *rows = json_array();
    for (unsigned n = 0; n < count; n++) {
        if (json_array_append_new(rows, change_row(jobs[n], n)) != 0) {
            json_decref(rows);
            return err_set(e, ERR_NOMEM, "no memory for %u changes of state", count);
        }
    }
    return run_rows(pg, sql, rows, e);
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
