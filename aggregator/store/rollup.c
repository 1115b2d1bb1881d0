/* A table of levels; each names the statements that make one time of some instances anew. */
#include "aggregator/store/rollup.h"

#include "common/clock.h"

#include <stddef.h>
#include <stdio.h>

/* $1 instances, $2 begin and $3 end of the minute, hour or day. */
#define OF_SQL(at)                                                                                 \
    " instance_id = ANY ($1::int[]) AND " at " >= $2::timestamptz AND " at " < $3::timestamptz"
#define CLEAR(table)     "DELETE FROM " table " WHERE" OF_SQL("at")
#define LAST(column, at) " (array_agg(" column " ORDER BY " at " DESC))[1]"
#define TRAFFIC_SQL      " sum(bytes_in), sum(bytes_out), sum(packets)"

#define TOTAL_SQL(to, from, at, most)                                                              \
    "INSERT INTO " to " SELECT instance_id, $2::timestamptz, sum(seconds)," TRAFFIC_SQL            \
    ", sum(dropped)," LAST("flows", at) "," LAST(                                                  \
        "hosts", at) ", max(flows" most "), max(hosts" most "), bool_or(late) FROM " from          \
                     " WHERE" OF_SQL(at) " GROUP BY instance_id"
#define INTERFACE_SQL(to, from, at)                                                                \
    "INSERT INTO " to " SELECT instance_id, $2::timestamptz, name, sum(seconds)," TRAFFIC_SQL      \
    ", sum(dropped) FROM " from " WHERE" OF_SQL(at) " GROUP BY instance_id, name"
#define APP_SQL(to, from, at)                                                                      \
    "INSERT INTO " to " SELECT instance_id, $2::timestamptz, app," TRAFFIC_SQL                     \
    ", sum(flows) FROM " from " WHERE" OF_SQL(at) " GROUP BY instance_id, app"
#define HOST_SQL(to, from, at)                                                                     \
    "INSERT INTO " to " SELECT instance_id, $2::timestamptz, host, vlan, local, bytes_in,"         \
    " bytes_out, packets, flows FROM (SELECT instance_id, host, vlan, bool_or(local) AS local,"    \
    " sum(bytes_in) AS bytes_in, sum(bytes_out) AS bytes_out, sum(packets) AS packets,"            \
    " sum(flows) AS flows, row_number() OVER (PARTITION BY instance_id"                            \
    " ORDER BY sum(bytes_in + bytes_out) DESC, host, vlan) AS place FROM " from                    \
    " WHERE" OF_SQL(at) " GROUP BY instance_id, host, vlan) t WHERE place <= 200"

static const char *const counter_minute[] = {
    CLEAR("rollup_total_minute"),
    TOTAL_SQL("rollup_total_minute", "counter_total", "start_at", ""),
    CLEAR("rollup_interface_minute"),
    INTERFACE_SQL("rollup_interface_minute", "counter_interface", "start_at"),
    NULL,
};
static const char *const counter_hour[] = {
    CLEAR("rollup_total_hour"),
    TOTAL_SQL("rollup_total_hour", "counter_total", "start_at", ""),
    CLEAR("rollup_interface_hour"),
    INTERFACE_SQL("rollup_interface_hour", "counter_interface", "start_at"),
    CLEAR("rollup_app_hour"),
    APP_SQL("rollup_app_hour", "counter_app", "start_at"),
    CLEAR("rollup_host_hour"),
    HOST_SQL("rollup_host_hour", "counter_host_top", "start_at"),
    NULL,
};
static const char *const counter_day[] = {
    CLEAR("rollup_total_day"),
    TOTAL_SQL("rollup_total_day", "rollup_total_hour", "at", "_max"),
    CLEAR("rollup_interface_day"),
    INTERFACE_SQL("rollup_interface_day", "rollup_interface_hour", "at"),
    CLEAR("rollup_app_day"),
    APP_SQL("rollup_app_day", "rollup_app_hour", "at"),
    CLEAR("rollup_host_day"),
    HOST_SQL("rollup_host_day", "rollup_host_hour", "at"),
    NULL,
};
static const char *const flow_hour[] = {
    CLEAR("rollup_quality_hour"),
    "INSERT INTO rollup_quality_hour SELECT instance_id, $2::timestamptz, kind, name, score, reason,"
    " flows FROM (SELECT *, dense_rank() OVER (PARTITION BY instance_id, kind ORDER BY judged DESC,"
    " name) AS place FROM (SELECT *, sum(flows) OVER (PARTITION BY instance_id, kind, name)"
    " AS judged FROM quality_count($1::int[], $2::timestamptz, $3::timestamptz)) q) t"
    " WHERE kind = 'app' OR place <= 200",
    CLEAR("rollup_latency_hour"),
    "INSERT INTO rollup_latency_hour SELECT instance_id, $2::timestamptz, side, bucket, flows"
    " FROM latency_count($1::int[], $2::timestamptz, $3::timestamptz)",
    NULL,
};
static const char *const flow_day[] = {
    CLEAR("rollup_quality_day"),
    "INSERT INTO rollup_quality_day SELECT instance_id, $2::timestamptz, kind, name, score, reason,"
    " sum(flows) FROM rollup_quality_hour WHERE" OF_SQL(
        "at") " GROUP BY instance_id, kind, name, score, reason",
    CLEAR("rollup_latency_day"),
    "INSERT INTO rollup_latency_day SELECT instance_id, $2::timestamptz, side, bucket, sum(flows)"
    " FROM rollup_latency_hour WHERE" OF_SQL("at") " GROUP BY instance_id, side, bucket",
    NULL,
};

/* A time is due when it is over and its last counters have come: minutes and seconds after. */
static const struct roll {
    const char *facts, *level;
    const char *source; /* kind of facts that it is made of, as retention calls it */
    const char *ripe;   /* age of its begin */
    const char *coarser;
    const char *const *statements;
} rolls[] = {
    {"counter", "minute", "counter", "75 s", NULL, counter_minute},
    {"counter", "hour", "counter", "1 hour 75 s", "day", counter_hour},
    {"flow", "hour", "flow", "1 hour 75 s", "day", flow_hour},
    {"counter", "day", "rollup_hour", "1 day 5 min", NULL, counter_day},
    {"flow", "day", "rollup_hour", "1 day 5 min", NULL, flow_day},
};
enum { ROLLS = sizeof rolls / sizeof rolls[0], INSTANCES_AT_ONCE = 200 };

/* The inbox into the list, each time once; now: the time of the server, as text. */
static int empty_inbox(struct pg *pg, char *now, size_t size, struct err *e)
{
    static const char sql[] =
        "WITH gone AS (DELETE FROM rollup_dirty RETURNING *), due AS (INSERT INTO rollup_due"
        " (facts, level, at, instance_id) SELECT DISTINCT facts, level, date_trunc(level, at, 'UTC'),"
        " instance_id FROM gone, (VALUES ('minute'), ('hour')) l (level)"
        " WHERE facts = 'counter' OR level = 'hour' ON CONFLICT DO NOTHING) SELECT now()";
    struct pg_rows *rows = pg_query(pg, sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    (void)snprintf(now, size, "%s", pg_text(rows, 0, 0)); /* a time: fits */
    pg_rows_free(rows);
    return 0;
}

/* Takes the newest time that is due off the list; NULL and e, or rows: no ids when there is none.
 */
static struct pg_rows *take(struct pg *pg, const struct roll *roll, const char *now, struct err *e)
{
    static const char sql[] =
        "WITH newest AS (SELECT max(at) AS at FROM rollup_due WHERE facts = $1 AND level = $2"
        " AND at < $3::timestamptz - $4::interval),"
        " few AS (SELECT instance_id, at FROM rollup_due WHERE facts = $1 AND level = $2"
        " AND at = (SELECT at FROM newest) LIMIT $6::int),"
        " gone AS (DELETE FROM rollup_due d USING few s WHERE d.facts = $1 AND d.level = $2"
        " AND d.at = s.at AND d.instance_id = s.instance_id RETURNING d.at, d.instance_id)"
        " SELECT array_agg(instance_id), min(at), min(at) + ('1 ' || $2)::interval,"
        " coalesce(min(at) < (SELECT from_at FROM rollup_source WHERE kind = $5), false) FROM gone";
    struct pg_args args = {0};
    pg_add_text(&args, roll->facts);
    pg_add_text(&args, roll->level);
    pg_add_text(&args, now);
    pg_add_text(&args, roll->ripe);
    pg_add_text(&args, roll->source);
    pg_add_i64(&args, INSTANCES_AT_ONCE);
    return pg_query(pg, sql, &args, e);
}

static int note_coarser(struct pg *pg, const struct roll *roll, const struct pg_args *time,
                        struct err *e)
{
    static const char sql[] =
        "INSERT INTO rollup_due (facts, level, at, instance_id)"
        " SELECT $3, $4, date_trunc($4, $2::timestamptz, 'UTC'), unnest($1::int[])"
        " ON CONFLICT DO NOTHING";
    if (roll->coarser == NULL) {
        return 0;
    }
    struct pg_args args = {0};
    pg_add_text(&args, time->values[0]);
    pg_add_text(&args, time->values[1]);
    pg_add_text(&args, roll->facts);
    pg_add_text(&args, roll->coarser);
    return pg_run(pg, sql, &args, e);
}

static int make(struct pg *pg, const struct roll *roll, const struct pg_rows *taken, struct err *e)
{
    struct pg_args args = {0};
    for (unsigned i = 0; i < 3; i++) {
        pg_add_text(&args, pg_text(taken, 0, i));
    }
    for (const char *const *sql = roll->statements; *sql != NULL; sql++) {
        if (pg_run(pg, *sql, &args, e) != 0) {
            return -1;
        }
    }
    return note_coarser(pg, roll, &args, e);
}

/* One time of one level, in a transaction. *done: there was one. */
static int step(struct pg *pg, const struct roll *roll, const char *now, bool *done, struct err *e)
{
    if (pg_script(pg, "BEGIN", e) != 0) {
        return -1;
    }
    struct pg_rows *taken = take(pg, roll, now, e);
    int result = taken != NULL ? 0 : -1;
    *done = taken != NULL && !pg_is_null(taken, 0, 0);
    if (*done && !pg_bool(taken, 0, 3)) { /* else what it was made of is gone: it stays as it is */
        result = make(pg, roll, taken, e);
    }
    pg_rows_free(taken);
    if (result == 0) {
        return pg_script(pg, "COMMIT", e);
    }
    if (pg_is_usable(pg)) {
        (void)pg_script(pg, "ROLLBACK", NULL); /* the first failure is the one to tell */
    }
    return -1;
}

/* Nothing that was ripe at `now` is left: readers may use the level up to there. */
static int move_state(struct pg *pg, const struct roll *roll, const char *now, struct err *e)
{
    static const char sql[] =
        "UPDATE rollup_state SET upto = greatest(upto,"
        " rollup_from($1, $2::timestamptz - $3::interval, 'infinity')) WHERE level = $1"
        " AND NOT EXISTS (SELECT FROM rollup_due WHERE level = $1"
        " AND at < $2::timestamptz - $3::interval)";
    struct pg_args args = {0};
    pg_add_text(&args, roll->level);
    pg_add_text(&args, now);
    pg_add_text(&args, roll->ripe);
    return pg_run(pg, sql, &args, e);
}

int rollup_turn(struct pg *pg, bool *more, struct err *e)
{
    uint64_t end_ns = clock_mono_ns() + (uint64_t)ROLLUP_TURN_MS * NS_PER_MS;
    char now[64];
    *more = false;
    if (empty_inbox(pg, now, sizeof now, e) != 0) {
        return -1;
    }
    for (size_t i = 0; i < ROLLS; i++) {
        bool done = true;
        while (done) {
            if (clock_mono_ns() >= end_ns) {
                *more = true;
                return 0;
            }
            if (step(pg, &rolls[i], now, &done, e) != 0) {
                return -1;
            }
        }
        if (move_state(pg, &rolls[i], now, e) != 0) {
            return -1;
        }
    }
    return 0;
}
