/* Active probes: how each is now, and its times and availability. */
#include "aggregator/api/args.h"
#include "aggregator/api/columns.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/range.h"
#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"

enum { WORD_MAX = 63 };

#define MS(column) "(extract(epoch FROM " column ") * 1000)::bigint"

/* Availability is of the last 24 hours; the spark's times are the newest, in order. */
static const char list_sql[] =
    "SELECT n.name AS instance, n.site, p.probe, p.name AS name, p.kind, p.target, p.address,"
    " CASE WHEN c.enabled THEN p.state ELSE 'disabled' END, p.error, " MS(
        "p.since") ","
                   " " MS(
                       "p.ran_at") ", p.interval_s, p.rtt_us, p.jitter_us,"
                                   " CASE WHEN p.sent > 0 THEN 1 - p.received::float / p.sent END, p.name_us, p.connect_us,"
                                   " p.tls_us, p.total_us, p.status, " MS(
                                       "p.cert_end") ", a.ratio, a.spark"
                                                     " FROM probe p JOIN instance n ON n.id = p.instance_id"
                                                     " JOIN config_item c ON c.section = 'probe' AND c.id::text = p.probe,"
                                                     " LATERAL (SELECT avg(ok::int)::float AS ratio, (SELECT json_agg(rtt_us ORDER BY at) FROM"
                                                     " (SELECT at, rtt_us FROM probe_sample s WHERE s.instance_id = p.instance_id"
                                                     " AND s.probe = p.probe AND at > now() - interval '24 hours' ORDER BY at DESC LIMIT 30) r)"
                                                     "::text AS spark FROM probe_sample s WHERE s.instance_id = p.instance_id"
                                                     " AND s.probe = p.probe AND at > now() - interval '24 hours') a"
                                                     " WHERE ($1::text IS NULL OR n.name = $1) AND ($2::text IS NULL OR n.site = $2)"
                                                     " UNION ALL SELECT NULL, NULL, c.id::text, c.name, c.body->>'kind',"
                                                     " coalesce(c.body->>'url', c.body->>'host'), '', CASE WHEN c.enabled THEN 'waiting'"
                                                     " ELSE 'disabled' END, '', " MS(
                                                         "c.updated_at") ", NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL,"
                                                                         " NULL, NULL, NULL, NULL, NULL FROM config_item c WHERE c.section = 'probe'"
                                                                         " AND $1::text IS NULL AND $2::text IS NULL"
                                                                         " AND NOT EXISTS (SELECT FROM probe p WHERE p.probe = c.id::text) ORDER BY 4, 1";

static const struct column probe_columns[] = {
    {"instance", COLUMN_TEXT},   {"site", COLUMN_TEXT},         {"probe", COLUMN_TEXT},
    {"name", COLUMN_TEXT},       {"kind", COLUMN_TEXT},         {"target", COLUMN_TEXT},
    {"address", COLUMN_TEXT},    {"state", COLUMN_TEXT},        {"error", COLUMN_TEXT},
    {"since_ms", COLUMN_NUMBER}, {"ran_ms", COLUMN_NUMBER},     {"interval_s", COLUMN_NUMBER},
    {"rtt_us", COLUMN_NUMBER},   {"jitter_us", COLUMN_NUMBER},  {"loss_ratio", COLUMN_REAL},
    {"name_us", COLUMN_NUMBER},  {"connect_us", COLUMN_NUMBER}, {"tls_us", COLUMN_NUMBER},
    {"total_us", COLUMN_NUMBER}, {"status", COLUMN_NUMBER},     {"cert_end_ms", COLUMN_NUMBER},
    {"up_ratio", COLUMN_REAL},   {NULL, COLUMN_TEXT},
};
enum { SPARK_COLUMN = sizeof probe_columns / sizeof probe_columns[0] - 1 };

static json_t *shape_probe(const struct pg_rows *rows, unsigned row)
{
    json_t *object = columns_object(rows, row, 0, probe_columns);
    json_t *spark = json_loads(pg_text(rows, row, SPARK_COLUMN), 0, NULL);
    (void)json_object_set_new(object, "spark_us", spark != NULL ? spark : json_array());
    return object;
}

struct http_response *probes_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"instance", "site", NULL};
    struct args args = args_of(call->request, known);
    const char *instance = args_text(&args, "instance", WORD_MAX);
    const char *site = args_text(&args, "site", WORD_MAX);
    if (args.bad) {
        return args_refusal(&args);
    }
    struct pg_args values = {0};
    pg_add_text(&values, instance);
    pg_add_text(&values, site);
    struct pg_rows *rows = pg_query(pg, list_sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *items = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        (void)json_array_append_new(items, shape_probe(rows, i)); /* no memory: fewer */
    }
    pg_rows_free(rows);
    return http_response_json(200, shape_page(items, NULL));
}

/* $1 instance, $2 probe, $3 and $4 the range, $5 the step. */
static const char series_sql[] = "SELECT " MS(
    "date_bin($5 * interval '1 s', at, 'epoch'::timestamptz)") " AS step,"
                                                               " avg(rtt_us)::bigint, min(coalesce(rtt_min_us, rtt_us)), max(coalesce(rtt_max_us, rtt_us)),"
                                                               " avg(jitter_us)::bigint, CASE WHEN sum(sent) > 0 THEN 1 - sum(received)::float / sum(sent)"
                                                               " END, avg(ok::int)::float, avg(name_us)::bigint, avg(connect_us)::bigint,"
                                                               " avg(tls_us)::bigint, avg(total_us)::bigint FROM probe_sample WHERE instance_id = $1::int"
                                                               " AND probe = $2 AND at >= $3::timestamptz AND at < $4::timestamptz"
                                                               " GROUP BY step ORDER BY step";

static const struct column points[] = {
    {"at_ms", COLUMN_NUMBER},      {"rtt_us", COLUMN_NUMBER},    {"rtt_min_us", COLUMN_NUMBER},
    {"rtt_max_us", COLUMN_NUMBER}, {"jitter_us", COLUMN_NUMBER}, {"loss_ratio", COLUMN_REAL},
    {"up_ratio", COLUMN_REAL},     {"name_us", COLUMN_NUMBER},   {"connect_us", COLUMN_NUMBER},
    {"tls_us", COLUMN_NUMBER},     {"total_us", COLUMN_NUMBER},  {NULL, COLUMN_TEXT},
};

struct http_response *probe_series_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"from_ms", "to_ms", "step_s", NULL};
    struct args args = args_of(call->request, known);
    struct range range = range_read(&args, now_ms());
    int64_t step_s = range_step(&args, &range);
    int32_t id = 0;
    if (args.bad) {
        return args_refusal(&args);
    }
    int found = instance_id_find(pg, call->values.items[0], &id, e);
    if (found <= 0) {
        return found == 0 ? http_response_error(&fault_unknown_instance) : NULL;
    }
    struct pg_args values = {0};
    pg_add_i64(&values, id);
    pg_add_text(&values, call->values.items[1]);
    add_time_ms(&values, (uint64_t)range.from_ms);
    add_time_ms(&values, (uint64_t)range.to_ms);
    pg_add_i64(&values, step_s);
    struct pg_rows *rows = pg_query(pg, series_sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *list = columns_list(rows, points);
    pg_rows_free(rows);
    return http_response_json(200,
                              json_pack("{s:I, s:I, s:I, s:o}", "from_ms", range.from_ms, "to_ms",
                                        range.to_ms, "step_s", step_s, "points", list));
}
