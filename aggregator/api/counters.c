/* Stored throughput of one instance, in steps: as a whole or by capture interface. */
#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/range.h"
#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"

#include "common/wire/counters.h"

#include <string.h>

enum { POINTS_MAX = 2000, STEP_MAX_S = 86400 };

/*
 * A step's rates are means over the time that its counters cover, which is less than the step at
 * both ends of what is known. Gauges are those of its last counter.
 */
#define STEP_SQL                                                                                   \
    "(extract(epoch FROM date_bin($4 * interval '1 s', c.at, 'epoch'::timestamptz)) * 1000)"       \
    "::bigint AS step"
#define IN_SQL "_in(ARRAY[$1::int], $2::timestamptz, $3::timestamptz, $5) c"

static const char total_sql[] =
    "SELECT NULL, " STEP_SQL ", sum(bytes_out), sum(bytes_in), sum(packets), sum(dropped),"
    " greatest(sum(seconds), 1), (array_agg(flows ORDER BY c.at DESC))[1],"
    " (array_agg(hosts ORDER BY c.at DESC))[1], bool_or(late) FROM total" IN_SQL
    " GROUP BY step ORDER BY step";

static const char interface_sql[] =
    "SELECT name, " STEP_SQL ", sum(bytes_out), sum(bytes_in), sum(packets), sum(dropped),"
    " greatest(sum(seconds), 1) FROM interface" IN_SQL " GROUP BY name, step ORDER BY name, step";

/* The longest roll-ups that fit into whole steps. */
static const char *grain_of(int64_t step_s)
{
    enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400 };
    if (step_s % DAY_S == 0) {
        return "day";
    }
    if (step_s % HOUR_S == 0) {
        return "hour";
    }
    return step_s % MINUTE_S == 0 ? "minute" : "raw";
}

static json_t *shape_step(const struct pg_rows *r, unsigned i, bool gauges)
{
    enum { BITS = 8 };
    int64_t seconds = pg_i64(r, i, 6);
    int64_t out_bps = pg_i64(r, i, 2) * BITS / seconds;
    int64_t in_bps = pg_i64(r, i, 3) * BITS / seconds;
    json_t *point =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "at_ms", json_integer(pg_i64(r, i, 1)), "bps",
                  json_integer(out_bps + in_bps), "out_bps", json_integer(out_bps), "in_bps",
                  json_integer(in_bps), "pps", json_integer(pg_i64(r, i, 4) / seconds), "dropped",
                  json_integer(pg_i64(r, i, 5)));
    if (gauges) { /* short of memory: without */
        (void)json_object_set_new(point, "flows", json_integer(pg_i64(r, i, 7)));
        (void)json_object_set_new(point, "hosts", json_integer(pg_i64(r, i, 8)));
        (void)json_object_set_new(point, "late", json_boolean(pg_bool(r, i, 9)));
    }
    return point;
}

/* Rows come series by series; each new name begins one. */
static json_t *shape_series(const struct pg_rows *r, bool total)
{
    json_t *list = json_array();
    json_t *points = NULL;
    if (total) {
        points = json_array();
        (void)json_array_append_new(list, json_pack("{s:n, s:O}", "name", "points", points));
        json_decref(points); /* borrowed from the list from here on */
    }
    for (unsigned i = 0; i < pg_rows_count(r); i++) {
        if (!total && (i == 0 || strcmp(pg_text(r, i, 0), pg_text(r, i - 1, 0)) != 0)) {
            points = json_array();
            (void)json_array_append_new(
                list, json_pack("{s:s, s:O}", "name", pg_text(r, i, 0), "points", points));
            json_decref(points);
        }
        (void)json_array_append_new(points, shape_step(r, i, total)); /* no memory: fewer */
    }
    return list;
}

/* Rounded up to whole counters, and so that not too many points come. */
static int64_t step_for(const struct range *range, int64_t wanted_s)
{
    int64_t span_s = (range->to_ms - range->from_ms + 999) / 1000;
    int64_t least_s = (span_s + POINTS_MAX - 1) / POINTS_MAX;
    int64_t step_s = wanted_s > least_s ? wanted_s : least_s;
    return (step_s + COUNTER_INTERVAL_S - 1) / COUNTER_INTERVAL_S * COUNTER_INTERVAL_S;
}

struct http_response *instance_counters_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"from_ms", "to_ms", "step_s", "series", NULL};
    static const char *const kinds[] = {"total", "interface", NULL};
    struct args args = args_of(call->request, known);
    struct range range = range_read(&args, now_ms());
    int64_t wanted_s =
        args_int(&args, "step_s", COUNTER_INTERVAL_S, STEP_MAX_S, COUNTER_INTERVAL_S);
    bool total = args_word(&args, "series", kinds) != 1;
    if (args.bad) {
        return args_refusal(&args);
    }
    int32_t id = 0;
    int found = instance_id_find(pg, call->values.items[0], &id, e);
    if (found <= 0) {
        return found == 0 ? http_response_error(&fault_unknown_instance) : NULL;
    }
    int64_t step_s = step_for(&range, wanted_s);
    struct pg_args values = {0};
    pg_add_i64(&values, id);
    add_time_ms(&values, (uint64_t)range.from_ms);
    add_time_ms(&values, (uint64_t)range.to_ms);
    pg_add_i64(&values, step_s);
    pg_add_text(&values, grain_of(step_s));
    struct pg_rows *rows = pg_query(pg, total ? total_sql : interface_sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *body =
        json_pack("{s:s, s:o, s:o, s:o, s:o}", "instance", call->values.items[0], "from_ms",
                  json_integer(range.from_ms), "to_ms", json_integer(range.to_ms), "step_s",
                  json_integer(step_s), "series", shape_series(rows, total));
    pg_rows_free(rows);
    return http_response_json(200, body);
}
