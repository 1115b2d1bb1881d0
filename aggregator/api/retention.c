/* How long facts are kept: the limits of each kind, what they would drop, and setting them. */
#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/shape.h"

#include "aggregator/store/retention.h"

#include <string.h>

enum { DAYS_MAX = 36500 };
static const int64_t bytes_max = (int64_t)1 << 50; /* 1 PiB: past any disk */
static const int64_t bytes_min = 1000 * 1000;

static const char kinds_sql[] =
    "SELECT p.kind, r.days, r.bytes, sum(p.bytes), count(*),"
    " (extract(epoch FROM min(p.from_at) FILTER (WHERE p.bytes > 0)) * 1000)::bigint,"
    " string_agg(DISTINCT p.parent, ',' ORDER BY p.parent), r.updated_by,"
    " (extract(epoch FROM r.updated_at) * 1000)::bigint"
    " FROM fact_partition p LEFT JOIN retention r USING (kind)"
    " GROUP BY p.kind, r.days, r.bytes, r.updated_by, r.updated_at ORDER BY sum(p.bytes) DESC";

static json_t *number_or_null(const struct pg_rows *rows, unsigned row, unsigned column)
{
    return pg_is_null(rows, row, column) ? json_null() : json_integer(pg_i64(rows, row, column));
}

static json_t *shape_tables(const char *list)
{
    json_t *tables = json_array();
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        (void)json_array_append_new(tables, json_stringn(list, len)); /* no memory: fewer */
        list += len + (list[len] == ',');
    }
    return tables;
}

struct http_response *retention_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {NULL};
    struct args args = args_of(call->request, known);
    if (args.bad) {
        return args_refusal(&args);
    }
    struct pg_rows *rows = pg_query(pg, kinds_sql, NULL, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *items = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        json_t *item = json_pack(
            "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind", pg_text(rows, i, 0), "days",
            number_or_null(rows, i, 1), "max_bytes", number_or_null(rows, i, 2), "bytes",
            json_integer(pg_i64(rows, i, 3)), "partitions", json_integer(pg_i64(rows, i, 4)),
            "oldest_ms", number_or_null(rows, i, 5), "tables", shape_tables(pg_text(rows, i, 6)),
            "updated_by", shape_text_or_null(pg_text(rows, i, 7)), "updated_ms",
            number_or_null(rows, i, 8));
        (void)json_array_append_new(items, item); /* short of memory: fewer */
    }
    pg_rows_free(rows);
    return http_response_json(200, shape_page(items, NULL));
}

/* 1 the kind is there, 0 it is not, -1 and e. */
static int kind_exists(struct pg *pg, const char *kind, struct err *e)
{
    static const char sql[] = "SELECT EXISTS (SELECT FROM fact_partition WHERE kind = $1)";
    struct pg_args args = {0};
    pg_add_text(&args, kind);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    int found = pg_bool(rows, 0, 0);
    pg_rows_free(rows);
    return found;
}

static json_t *shape_plan(const struct retention_plan *plan)
{
    json_t *drops = json_array();
    int64_t rows = 0;
    int64_t bytes = 0;
    bool exact = true;
    for (unsigned i = 0; i < plan->count; i++) {
        const struct retention_drop *drop = &plan->drops[i];
        rows += drop->rows;
        bytes += drop->bytes;
        exact = exact && drop->rows_exact;
        json_t *item =
            json_pack("{s:s, s:o, s:o, s:o, s:b, s:o, s:s}", "partition", drop->partition,
                      "from_ms", json_integer(drop->from_ms), "to_ms", json_integer(drop->to_ms),
                      "rows", json_integer(drop->rows), "exact", (int)drop->rows_exact, "bytes",
                      json_integer(drop->bytes), "limit", drop->by_days ? "days" : "bytes");
        (void)json_array_append_new(drops, item); /* short of memory: fewer */
    }
    return json_pack("{s:o, s:o, s:b, s:o}", "items", drops, "rows", json_integer(rows), "exact",
                     (int)exact, "bytes", json_integer(bytes));
}

static void refuse_kind(struct args *args)
{
    args_fault(args, "kind", "See GET /api/v1/retention.", "Nothing of this kind is stored.");
}

struct http_response *retention_preview_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"kind", "days", "max_bytes", NULL};
    struct args args = args_of(call->request, known);
    const char *kind = args_text(&args, "kind", RETENTION_NAME_SIZE - 1);
    int64_t days = args_int(&args, "days", 1, DAYS_MAX, 0);
    int64_t bytes = args_int(&args, "max_bytes", bytes_min, bytes_max, 0);
    if (kind == NULL && !args.bad) {
        args_fault(&args, "kind", NULL, "Name a kind.");
    }
    int found = args.bad ? 0 : kind_exists(pg, kind, e);
    if (found < 0) {
        return NULL;
    }
    if (found == 0) {
        refuse_kind(&args);
        return args_refusal(&args);
    }
    struct retention_plan plan;
    if (retention_plan(pg, kind, days, bytes, &plan, e) != 0) {
        return NULL;
    }
    json_t *body = shape_plan(&plan);
    retention_plan_done(&plan);
    return http_response_json(200, body);
}

struct limits {
    const char *kind;
    int64_t days, bytes; /* 0: none */
};

static struct http_response *set_limits(struct call *call, struct pg *pg,
                                        const struct limits *limits, struct err *e)
{
    static const char sql[] =
        "WITH set AS (INSERT INTO retention (kind, days, bytes, updated_by)"
        " VALUES ($1, nullif($2::int, 0), nullif($3::bigint, 0), $4)"
        " ON CONFLICT (kind) DO UPDATE SET days = excluded.days, bytes = excluded.bytes,"
        " updated_by = excluded.updated_by, updated_at = now() RETURNING *)"
        " INSERT INTO audit (actor, address, action, subject, detail) SELECT $4, $5,"
        " 'retention.set', kind, 'days ' || coalesce(days::text, 'no limit') || ', bytes '"
        " || coalesce(bytes::text, 'no limit') FROM set";
    struct pg_args args = {0};
    pg_add_text(&args, limits->kind);
    pg_add_i64(&args, limits->days);
    pg_add_i64(&args, limits->bytes);
    pg_add_text(&args, call->who.user);
    pg_add_text(&args, call->request->peer);
    return pg_run(pg, sql, &args, e) == 0 ? http_response_new(204) : NULL;
}

struct http_response *retention_post(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"kind", "days", "max_bytes", NULL};
    struct args args = args_empty();
    json_t *body = args_body(&args, call->request, known);
    struct http_response *response = NULL;
    struct limits limits = {0};
    if (body != NULL) {
        limits.kind = args_member(&args, body, "kind", 1, RETENTION_NAME_SIZE - 1);
        limits.days = args_member_int(&args, body, "days", 1, DAYS_MAX, 0);
        limits.bytes = args_member_int(&args, body, "max_bytes", bytes_min, bytes_max, 0);
    }
    int found = args.bad ? 1 : kind_exists(pg, limits.kind, e);
    if (found >= 0) {
        if (found == 0) {
            refuse_kind(&args);
        }
        response = args.bad ? args_refusal(&args) : set_limits(call, pg, &limits, e);
    }
    json_decref(body);
    return response;
}
