/* Hosts or applications of one instance that carried most in a time, from stored counters. */
#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/range.h"
#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"

enum { LIMIT_MAX = 100, LIMIT_DEFAULT = 10 };

#define IN_SQL    "_in(ARRAY[$1::int], $2::timestamptz, $3::timestamptz, 'day')"
#define SUMS_SQL  " sum(bytes_in), sum(bytes_out), sum(packets), sum(flows)"
#define ORDER_SQL " ORDER BY sum(bytes_in) + sum(bytes_out) DESC LIMIT $4::bigint"

static const char hosts_sql[] = "SELECT host(host)," SUMS_SQL ", vlan, bool_or(local)"
                                " FROM host" IN_SQL " GROUP BY host, vlan" ORDER_SQL;
static const char apps_sql[] = "SELECT app," SUMS_SQL " FROM app" IN_SQL " GROUP BY app" ORDER_SQL;
static const char total_sql[] =
    "SELECT coalesce(sum(bytes_in) + sum(bytes_out), 0) FROM total" IN_SQL;

static json_t *shape_row(const struct pg_rows *r, unsigned i, bool host)
{
    int64_t in = pg_i64(r, i, 1);
    int64_t out = pg_i64(r, i, 2);
    json_t *row = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "name", pg_text(r, i, 0), "bytes",
                            json_integer(in + out), "bytes_in", json_integer(in), "bytes_out",
                            json_integer(out), "packets", json_integer(pg_i64(r, i, 3)), "flows",
                            json_integer(pg_i64(r, i, 4)));
    if (host) { /* short of memory: without */
        (void)json_object_set_new(row, "vlan", json_integer(pg_i64(r, i, 5)));
        (void)json_object_set_new(row, "local", json_boolean(pg_bool(r, i, 6)));
    }
    return row;
}

static int total_bytes(struct pg *pg, const struct pg_args *range, int64_t *bytes, struct err *e)
{
    struct pg_rows *rows = pg_query(pg, total_sql, range, e);
    if (rows == NULL) {
        return -1;
    }
    *bytes = pg_i64(rows, 0, 0);
    pg_rows_free(rows);
    return 0;
}

static json_t *top_items(struct pg *pg, const struct pg_args *args, bool hosts, struct err *e)
{
    struct pg_rows *rows = pg_query(pg, hosts ? hosts_sql : apps_sql, args, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *items = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        (void)json_array_append_new(items, shape_row(rows, i, hosts)); /* no memory: fewer */
    }
    pg_rows_free(rows);
    return items;
}

struct http_response *instance_top_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"kind", "from_ms", "to_ms", "limit", NULL};
    static const char *const kinds[] = {"hosts", "apps", NULL};
    struct args args = args_of(call->request, known);
    struct range range = range_read(&args, now_ms());
    int kind = args_word(&args, "kind", kinds);
    int64_t limit = args_int(&args, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT);
    if (kind < 0) {
        args_fault(&args, "kind", NULL, "Name hosts or apps in kind.");
    }
    if (args.bad) {
        return args_refusal(&args);
    }
    int32_t id = 0;
    int found = instance_id_find(pg, call->values.items[0], &id, e);
    if (found <= 0) {
        return found == 0 ? http_response_error(&fault_unknown_instance) : NULL;
    }
    struct pg_args values = {0};
    int64_t total = 0;
    pg_add_i64(&values, id);
    add_time_ms(&values, (uint64_t)range.from_ms);
    add_time_ms(&values, (uint64_t)range.to_ms);
    if (total_bytes(pg, &values, &total, e) != 0) {
        return NULL;
    }
    pg_add_i64(&values, limit);
    json_t *items = top_items(pg, &values, kind == 0, e);
    if (items == NULL) {
        return NULL;
    }
    json_t *body =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "instance", call->values.items[0], "kind",
                  kinds[kind], "from_ms", json_integer(range.from_ms), "to_ms",
                  json_integer(range.to_ms), "total_bytes", json_integer(total), "items", items);
    return http_response_json(200, body);
}
