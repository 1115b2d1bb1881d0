/* How well the flows of one instance went in a time: labels, and who fared worst. */
#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/range.h"
#include "aggregator/api/rows.h"

#include "common/wire/quality.h"

#include <string.h>

enum { LIMIT_MAX = 100, LIMIT_DEFAULT = 5 };

/*
 * $1 instance, $2 and $3 the time, $4 how many of each kind, $5 to $7 where Fair, Good and
 * Excellent begin. A flow is as good as its worse direction; its reason is that of its worst ten
 * seconds. A host or application stands for its 25th percentile: a mean would hide what a quarter
 * of its users feel. Percentiles come from the distribution of scores, which roll-ups keep.
 */
static const char quality_sql[] =
    "WITH q AS MATERIALIZED (SELECT * FROM"
    " quality_in(ARRAY[$1::int], $2::timestamptz, $3::timestamptz, 'day')),"
    " r AS (SELECT kind, name, score, reason, flows FROM q"
    " UNION ALL SELECT 'all', '', score, reason, flows FROM q WHERE kind = 'app'),"
    " s AS (SELECT kind, name, score, sum(flows) AS n FROM r GROUP BY kind, name, score),"
    " c AS (SELECT *, sum(n) OVER (PARTITION BY kind, name ORDER BY score) AS upto,"
    " sum(n) OVER (PARTITION BY kind, name) AS total FROM s WHERE score IS NOT NULL),"
    " why AS (SELECT DISTINCT ON (kind, name) kind, name, reason FROM r WHERE score < $7::int"
    " AND reason IS NOT NULL GROUP BY kind, name, reason"
    " ORDER BY kind, name, sum(flows) DESC, reason),"
    " f AS (SELECT kind, name, sum(n) AS judged, sum(n) FILTER (WHERE score < $5::int) AS poor,"
    " sum(n) FILTER (WHERE score >= $5::int AND score < $6::int) AS fair,"
    " sum(n) FILTER (WHERE score >= $6::int AND score < $7::int) AS good,"
    " sum(n) FILTER (WHERE score >= $7::int) AS excellent,"
    " min(score) FILTER (WHERE upto >= 0.05 * total) AS p5,"
    " min(score) FILTER (WHERE upto >= 0.25 * total) AS p25,"
    " min(score) FILTER (WHERE upto >= 0.5 * total) AS p50 FROM c GROUP BY kind, name),"
    " placed AS (SELECT *, row_number() OVER (PARTITION BY kind ORDER BY p25, judged DESC, name)"
    " AS place FROM f)"
    " SELECT k.kind, coalesce(p.name, ''),"
    " CASE k.kind WHEN 'all' THEN (SELECT coalesce(sum(n), 0) FROM s WHERE kind = 'all')"
    " ELSE p.judged END, coalesce(p.judged, 0), coalesce(poor, 0), coalesce(fair, 0),"
    " coalesce(good, 0), coalesce(excellent, 0), p5, p25, p50, reason"
    " FROM (VALUES ('all'), ('app'), ('host')) k (kind)"
    " LEFT JOIN placed p ON p.kind = k.kind AND p.place <= $4::bigint"
    " LEFT JOIN why w ON w.kind = p.kind AND w.name = p.name"
    " WHERE k.kind = 'all' OR p.kind IS NOT NULL ORDER BY k.kind, p.place";

enum column {
    Q_KIND,
    Q_NAME,
    Q_FLOWS,
    Q_JUDGED,
    Q_POOR,
    Q_FAIR,
    Q_GOOD,
    Q_EXCELLENT,
    Q_P5,
    Q_P25,
    Q_P50,
    Q_REASON
};

static json_t *number(const struct pg_rows *r, unsigned row, enum column column)
{
    return pg_is_null(r, row, column) ? json_null() : json_integer(pg_i64(r, row, column));
}

static json_t *shape_figures(const struct pg_rows *r, unsigned row)
{
    enum quality_metric reason = (enum quality_metric)pg_i64(r, row, Q_REASON);
    json_t *labels = json_pack("{s:o, s:o, s:o, s:o}", "excellent", number(r, row, Q_EXCELLENT),
                               "good", number(r, row, Q_GOOD), "fair", number(r, row, Q_FAIR),
                               "poor", number(r, row, Q_POOR));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s?}", "name", pg_text(r, row, Q_NAME),
                     "flows", number(r, row, Q_FLOWS), "judged", number(r, row, Q_JUDGED), "labels",
                     labels, "p5", number(r, row, Q_P5), "p25", number(r, row, Q_P25), "p50",
                     number(r, row, Q_P50), "reason",
                     reason == METRIC_NONE ? NULL : quality_metric_name(reason));
}

static json_t *shape_kind(const struct pg_rows *r, const char *kind)
{
    json_t *items = json_array();
    for (unsigned row = 0; row < pg_rows_count(r); row++) {
        if (strcmp(pg_text(r, row, Q_KIND), kind) == 0) {
            (void)json_array_append_new(items, shape_figures(r, row)); /* no memory: fewer */
        }
    }
    return items;
}

static json_t *shape_all(const struct pg_rows *r)
{
    for (unsigned row = 0; row < pg_rows_count(r); row++) {
        if (strcmp(pg_text(r, row, Q_KIND), "all") == 0) {
            return shape_figures(r, row);
        }
    }
    return json_null(); /* not reached: a count has a row even of nothing */
}

static void add_borders(struct pg_args *values)
{
    for (int label = QUALITY_FAIR; label <= QUALITY_EXCELLENT; label++) {
        int low;
        int high;
        quality_label_range((enum quality_label)label, &low, &high);
        pg_add_i64(values, low);
    }
}

struct http_response *instance_quality_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"from_ms", "to_ms", "limit", NULL};
    struct args args = args_of(call->request, known);
    struct range range = range_read(&args, now_ms());
    int64_t limit = args_int(&args, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT);
    if (args.bad) {
        return args_refusal(&args);
    }
    int32_t id = 0;
    int found = instance_id_find(pg, call->values.items[0], &id, e);
    if (found <= 0) {
        return found == 0 ? http_response_error(&fault_unknown_instance) : NULL;
    }
    struct pg_args values = {0};
    pg_add_i64(&values, id);
    add_time_ms(&values, (uint64_t)range.from_ms);
    add_time_ms(&values, (uint64_t)range.to_ms);
    pg_add_i64(&values, limit);
    add_borders(&values);
    struct pg_rows *rows = pg_query(pg, quality_sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *body = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "instance", call->values.items[0],
                             "from_ms", json_integer(range.from_ms), "to_ms",
                             json_integer(range.to_ms), "all", shape_all(rows), "apps",
                             shape_kind(rows, "app"), "hosts", shape_kind(rows, "host"));
    pg_rows_free(rows);
    return http_response_json(200, body);
}
