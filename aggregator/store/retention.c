/* A plan is one statement; applying it is one transaction a partition. */
#include "aggregator/store/retention.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNTED_BYTES = 256 << 20 /* above this, rows are estimated rather than counted */ };

/* $1 the one kind that is asked for, or NULL for the stored limits; $2 days, $3 bytes. Partitions
 * of one day share their running sum, so that the counters of a day go together. */
static const char plan_sql[] =
    "WITH wanted AS (SELECT kind, days, bytes FROM retention WHERE $1::text IS NULL"
    " UNION ALL SELECT $1, nullif($2::int, 0), nullif($3::bigint, 0) WHERE $1 IS NOT NULL),"
    " part AS (SELECT p.*, sum(p.bytes) OVER (PARTITION BY p.kind ORDER BY p.from_at DESC) AS upto"
    " FROM fact_partition p)"
    " SELECT part.kind, part.name, (extract(epoch FROM from_at) * 1000)::bigint,"
    " (extract(epoch FROM to_at) * 1000)::bigint, rows_about, part.bytes,"
    " coalesce(to_at <= now() - wanted.days * interval '1 day', false) AS by_days"
    " FROM part JOIN wanted USING (kind)"
    " WHERE to_at <= (date_trunc('day', now() AT TIME ZONE 'UTC') - interval '1 day')"
    " AT TIME ZONE 'UTC'"
    " AND (to_at <= now() - wanted.days * interval '1 day' OR upto > wanted.bytes)"
    " ORDER BY from_at, part.name";

/* A name out of fact_partition: letters, digits and underscores. */
static bool name_is_plain(const char *name)
{
    return name[0] != '\0' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static int count_rows(struct pg *pg, struct retention_drop *drop, struct err *e)
{
    char sql[RETENTION_NAME_SIZE + 40];
    if (!name_is_plain(drop->partition)) {
        return err_set(e, ERR_ARG, "partition %s", drop->partition);
    }
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", drop->partition); /* fits */
    struct pg_rows *rows = pg_query(pg, sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    drop->rows = pg_i64(rows, 0, 0);
    drop->rows_exact = true;
    pg_rows_free(rows);
    return 0;
}

static int fill(struct pg *pg, struct retention_drop *drop, const struct pg_rows *rows, unsigned i,
                struct err *e)
{
    *drop = (struct retention_drop){
        .from_ms = pg_i64(rows, i, 2),
        .to_ms = pg_i64(rows, i, 3),
        .rows = pg_i64(rows, i, 4),
        .bytes = pg_i64(rows, i, 5),
        .by_days = pg_bool(rows, i, 6),
    };
    (void)snprintf(drop->kind, sizeof drop->kind, "%s", pg_text(rows, i, 0)); /* fit: names */
    (void)snprintf(drop->partition, sizeof drop->partition, "%s", pg_text(rows, i, 1));
    bool estimated = drop->rows >= 0 && drop->bytes > COUNTED_BYTES;
    return estimated ? 0 : count_rows(pg, drop, e);
}

int retention_plan(struct pg *pg, const char *kind, int64_t days, int64_t bytes,
                   struct retention_plan *plan, struct err *e)
{
    struct pg_args args = {0};
    *plan = (struct retention_plan){0};
    pg_add_text(&args, kind);
    pg_add_i64(&args, days);
    pg_add_i64(&args, bytes);
    struct pg_rows *rows = pg_query(pg, plan_sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    unsigned count = pg_rows_count(rows);
    int result = 0;
    plan->drops = calloc(count + 1, sizeof *plan->drops);
    if (plan->drops == NULL) {
        result = err_set(e, ERR_NOMEM, "no memory for %u partitions", count);
    }
    for (unsigned i = 0; i < count && result == 0; i++) {
        result = fill(pg, &plan->drops[plan->count++], rows, i, e);
    }
    pg_rows_free(rows);
    if (result != 0) {
        retention_plan_done(plan);
    }
    return result;
}

void retention_plan_done(struct retention_plan *plan)
{
    free(plan->drops);
    *plan = (struct retention_plan){0};
}

/* Runs between BEGIN and COMMIT with a short wait for locks: writers come first. */
static int in_transaction(struct pg *pg, const char *sql, const struct pg_args *args, struct err *e)
{
    if (pg_script(pg, "BEGIN; SET LOCAL lock_timeout = '2s'", e) != 0) {
        return -1;
    }
    if (pg_run(pg, sql, args, e) != 0) {
        if (pg_is_usable(pg)) {
            (void)pg_script(pg, "ROLLBACK", NULL); /* the first failure is the one to tell */
        }
        return -1;
    }
    return pg_script(pg, "COMMIT", e);
}

static int drop_one(struct pg *pg, const struct retention_drop *drop, struct err *e)
{
    char detail[160];
    (void)snprintf(detail, sizeof detail, "%s%" PRId64 " rows, %" PRId64 " bytes, %s",
                   drop->rows_exact ? "" : "about ", drop->rows, drop->bytes,
                   drop->by_days ? "older than the limit of days"
                                 : "beyond the limit of bytes"); /* fits */
    struct pg_args args = {0};
    pg_add_text(&args, drop->partition);
    pg_add_text(&args, detail);
    return in_transaction(pg, "SELECT drop_partition($1, $2)", &args, e);
}

int retention_apply(struct pg *pg, unsigned *dropped, struct err *e)
{
    struct retention_plan plan;
    int result = 0;
    *dropped = 0;
    if (in_transaction(pg, "SELECT split_defaults()", NULL, e) != 0 && e->code != ERR_BUSY) {
        return -1; /* ERR_BUSY: in use; the next time is an hour away */
    }
    if (retention_plan(pg, NULL, 0, 0, &plan, e) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < plan.count && result == 0; i++) {
        struct err why = {0};
        if (drop_one(pg, &plan.drops[i], &why) == 0) {
            (*dropped)++;
        } else if (why.code != ERR_BUSY) {
            *e = why;
            result = -1;
        }
    }
    retention_plan_done(&plan);
    return result;
}
