/*
 * Devices that are polled over SNMP, their interfaces and neighbours, and what was measured of
 * them. A device is listed as long as its item stands in the configuration; an interface as long
 * as it was seen in the device's last answered poll.
 */
#include "aggregator/api/args.h"
#include "aggregator/api/columns.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/range.h"
#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"

enum { WORD_MAX = 63, KEY_MAX = 63, LIMIT_MAX = 500, LIMIT_DEFAULT = 10 };

#define MS(column) "(extract(epoch FROM " column ") * 1000)::bigint"
#define USE_SQL    "greatest(i.in_bps, i.out_bps)::float / nullif(i.speed_bps, 0)"
#define NOW_SQL                                                                                    \
    " i.instance_id = d.instance_id AND i.device = d.device AND i.seen_at >= d.answered_at"

/* Items of the configuration that nobody has polled yet come last, without an instance. */
static const char list_sql[] =
    "WITH d AS (SELECT n.name AS instance, n.site, c.id IS NOT NULL AS wanted, c.enabled, d.*,"
    " (SELECT count(*) FROM snmp_interface i WHERE" NOW_SQL " AND i.oper = 1) AS up,"
    " (SELECT count(*) FROM snmp_neighbour i WHERE i.instance_id = d.instance_id"
    " AND i.device = d.device) AS neighbours,"
    " (SELECT max(" USE_SQL ") FROM snmp_interface i WHERE" NOW_SQL ") AS use"
    " FROM snmp_device d JOIN instance n ON n.id = d.instance_id"
    " LEFT JOIN config_item c ON c.section = 'snmp' AND c.id::text = d.device)"
    " SELECT instance, site, device, name, host, CASE WHEN enabled THEN state ELSE 'disabled' END,"
    " error, " MS("since") ", " MS("polled_at") ", " MS(
        "answered_at") ", version, interval_s,"
                       " duration_ms, failures, sys_name, sys_descr, object_id, location, model, serial, uptime_s,"
                       " cpu / 1000.0, memory_used, memory_total, interfaces, up, neighbours, use"
                       " FROM d WHERE wanted AND ($1::text IS NULL OR instance = $1)"
                       " AND ($2::text IS NULL OR site = $2) AND ($3::text IS NULL OR device = $3)"
                       " UNION ALL SELECT NULL, NULL, c.id::text, c.name, coalesce(c.body->>'host', ''),"
                       " CASE WHEN c.enabled THEN 'waiting' ELSE 'disabled' END, '', " MS(
                           "c.updated_at") ", NULL,"
                                           " NULL, CASE c.body->>'version' WHEN '3' THEN 3 WHEN '2c' THEN 2 ELSE 1 END, 0, 0, 0, '', '',"
                                           " '', '', '', '', 0, NULL, NULL, NULL, 0, 0, 0, NULL FROM config_item c"
                                           " WHERE c.section = 'snmp' AND $1::text IS NULL AND $2::text IS NULL AND $3::text IS NULL"
                                           " AND NOT EXISTS (SELECT FROM snmp_device d WHERE d.device = c.id::text)"
                                           " ORDER BY 4, 1";

static const struct column device_columns[] = {
    {"instance", COLUMN_TEXT},
    {"site", COLUMN_TEXT},
    {"device", COLUMN_TEXT},
    {"name", COLUMN_TEXT},
    {"host", COLUMN_TEXT},
    {"state", COLUMN_TEXT},
    {"error", COLUMN_TEXT},
    {"since_ms", COLUMN_NUMBER},
    {"polled_ms", COLUMN_NUMBER},
    {"answered_ms", COLUMN_NUMBER},
    {"version", COLUMN_NUMBER},
    {"interval_s", COLUMN_NUMBER},
    {"duration_ms", COLUMN_NUMBER},
    {"failures", COLUMN_NUMBER},
    {"sys_name", COLUMN_TEXT},
    {"sys_descr", COLUMN_TEXT},
    {"object_id", COLUMN_TEXT},
    {"location", COLUMN_TEXT},
    {"model", COLUMN_TEXT},
    {"serial", COLUMN_TEXT},
    {"uptime_s", COLUMN_NUMBER},
    {"cpu_ratio", COLUMN_REAL},
    {"memory_used", COLUMN_NUMBER},
    {"memory_total", COLUMN_NUMBER},
    {"interfaces", COLUMN_NUMBER},
    {"interfaces_up", COLUMN_NUMBER},
    {"neighbours", COLUMN_NUMBER},
    {"use_ratio", COLUMN_REAL},
    {NULL, COLUMN_TEXT},
};

#define INTERFACE_SQL                                                                                \
    "SELECT n.name, n.site, i.device, d.name, i.key, i.if_index, i.name, i.alias, i.descr, i.type,"  \
    " i.admin, i.oper, " MS(                                                                         \
        "i.oper_since") ", i.mac::text, i.speed_bps, i.bits, i.in_bps,"                              \
                        " i.out_bps, i.in_pps, i.out_pps, i.errors, i.discards, i.span_ms, " USE_SQL \
                        " AS use, " MS(                                                              \
                            "i.seen_at") " FROM snmp_interface i JOIN snmp_device d ON" NOW_SQL      \
                                         " JOIN instance n ON n.id = i.instance_id"

static const char interfaces_sql[] =
    INTERFACE_SQL " WHERE i.instance_id = $1::int AND i.device = $2 ORDER BY i.if_index, i.key";

static const char fullest_sql[] = INTERFACE_SQL
    " JOIN config_item c ON c.section = 'snmp' AND c.enabled AND c.id::text = i.device"
    " WHERE i.span_ms > 0 AND ($2::text IS NULL OR n.site = $2)"
    " ORDER BY use DESC NULLS LAST, greatest(i.in_bps, i.out_bps) DESC LIMIT $1::bigint";

static const struct column interface_columns[] = {
    {"instance", COLUMN_TEXT},
    {"site", COLUMN_TEXT},
    {"device", COLUMN_TEXT},
    {"device_name", COLUMN_TEXT},
    {"key", COLUMN_TEXT},
    {"index", COLUMN_NUMBER},
    {"name", COLUMN_TEXT},
    {"alias", COLUMN_TEXT},
    {"descr", COLUMN_TEXT},
    {"type", COLUMN_NUMBER},
    {"admin", COLUMN_NUMBER},
    {"oper", COLUMN_NUMBER},
    {"oper_since_ms", COLUMN_NUMBER},
    {"mac", COLUMN_TEXT},
    {"speed_bps", COLUMN_NUMBER},
    {"counter_bits", COLUMN_NUMBER},
    {"in_bps", COLUMN_NUMBER},
    {"out_bps", COLUMN_NUMBER},
    {"in_pps", COLUMN_NUMBER},
    {"out_pps", COLUMN_NUMBER},
    {"errors", COLUMN_NUMBER},
    {"discards", COLUMN_NUMBER},
    {"span_ms", COLUMN_NUMBER},
    {"use_ratio", COLUMN_REAL},
    {"seen_ms", COLUMN_NUMBER},
    {NULL, COLUMN_TEXT},
};

static const char neighbours_sql[] =
    "SELECT protocol, local, chassis, port, port_descr, sys_name, sys_descr, address,"
    " " MS("first_at") ", " MS(
        "last_at") " FROM snmp_neighbour"
                   " WHERE instance_id = $1::int AND device = $2 ORDER BY local, chassis, port";

static const struct column neighbour_columns[] = {
    {"protocol", COLUMN_TEXT},  {"local", COLUMN_TEXT},      {"chassis", COLUMN_TEXT},
    {"port", COLUMN_TEXT},      {"port_descr", COLUMN_TEXT}, {"sys_name", COLUMN_TEXT},
    {"sys_descr", COLUMN_TEXT}, {"address", COLUMN_TEXT},    {"first_ms", COLUMN_NUMBER},
    {"last_ms", COLUMN_NUMBER}, {NULL, COLUMN_TEXT},
};

static const struct http_fault fault_unknown_device = {
    404, "not_found", "There is no such device at this instance.", "device",
    "It may have been deleted, or was not polled yet."};

static struct pg_rows *query_devices(struct pg *pg, const char *instance, const char *site,
                                     const char *device, struct err *e)
{
    struct pg_args args = {0};
    pg_add_text(&args, instance);
    pg_add_text(&args, site);
    pg_add_text(&args, device);
    return pg_query(pg, list_sql, &args, e);
}

struct http_response *devices_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"instance", "site", NULL};
    struct args args = args_of(call->request, known);
    const char *instance = args_text(&args, "instance", WORD_MAX);
    const char *site = args_text(&args, "site", WORD_MAX);
    if (args.bad) {
        return args_refusal(&args);
    }
    struct pg_rows *rows = query_devices(pg, instance, site, NULL, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *items = columns_list(rows, device_columns);
    pg_rows_free(rows);
    return http_response_json(200, shape_page(items, NULL));
}

/* The rows of a statement about one device as a list; NULL and e. */
static json_t *list_of_device(struct pg *pg, const char *sql, int32_t instance, const char *device,
                              const struct column *columns, struct err *e)
{
    struct pg_args args = {0};
    pg_add_i64(&args, instance);
    pg_add_text(&args, device);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *list = columns_list(rows, columns);
    pg_rows_free(rows);
    return list;
}

/* The device's own row; NULL and no error when there is none. */
static json_t *one_device(struct pg *pg, const char *instance, const char *device, struct err *e)
{
    struct pg_rows *rows = query_devices(pg, instance, NULL, device, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *object = pg_rows_count(rows) == 1 ? columns_object(rows, 0, 0, device_columns) : NULL;
    pg_rows_free(rows);
    return object;
}

/* Both parts of a path …/{instance}/{id}, the first as its number. A refusal, or NULL: go on. */
static struct http_response *find_instance(struct call *call, struct pg *pg, int32_t *id,
                                           struct err *e, bool *failed)
{
    int found = instance_id_find(pg, call->values.items[0], id, e);
    *failed = found < 0;
    return found == 0 ? http_response_error(&fault_unknown_instance) : NULL;
}

struct http_response *device_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {NULL};
    struct args args = args_of(call->request, known);
    const char *device = call->values.items[1];
    int32_t id = 0;
    bool failed = false;
    if (args.bad) {
        return args_refusal(&args);
    }
    struct http_response *refusal = find_instance(call, pg, &id, e, &failed);
    if (refusal != NULL || failed) {
        return refusal;
    }
    json_t *object = one_device(pg, call->values.items[0], device, e);
    if (object == NULL) {
        return e->code == ERR_NONE ? http_response_error(&fault_unknown_device) : NULL;
    }
    json_t *interfaces = list_of_device(pg, interfaces_sql, id, device, interface_columns, e);
    json_t *neighbours = interfaces == NULL
                             ? NULL
                             : list_of_device(pg, neighbours_sql, id, device, neighbour_columns, e);
    if (neighbours == NULL) {
        json_decref(object);
        json_decref(interfaces);
        return NULL;
    }
    (void)json_object_set_new(object, "interface_rows", interfaces); /* no memory: without */
    (void)json_object_set_new(object, "neighbour_rows", neighbours);
    return http_response_json(200, object);
}

struct http_response *device_interfaces_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"limit", "site", NULL};
    struct args args = args_of(call->request, known);
    int64_t limit = args_int(&args, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT);
    const char *site = args_text(&args, "site", WORD_MAX);
    if (args.bad) {
        return args_refusal(&args);
    }
    struct pg_args values = {0};
    pg_add_i64(&values, limit);
    pg_add_text(&values, site);
    struct pg_rows *rows = pg_query(pg, fullest_sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *items = columns_list(rows, interface_columns);
    pg_rows_free(rows);
    return http_response_json(200, shape_page(items, NULL));
}

/* ---- series ---- */

/* $1 instance, $2 device, $3 and $4 the range, $5 the step, $6 the interface. */
#define SERIES_RANGE                                                                               \
    " WHERE instance_id = $1::int AND device = $2 AND at >= $3::timestamptz"                       \
    " AND at < $4::timestamptz"
#define STEP_SQL MS("date_bin($5 * interval '1 s', at, 'epoch'::timestamptz)") " AS step"

/* Means over the spans that end in the step. */
static const char interface_series_sql[] =
    "SELECT " STEP_SQL ", sum(octets_in) * 8000 / sum(span_ms), sum(octets_out) * 8000 /"
    " sum(span_ms), sum(packets_in) * 1000 / sum(span_ms), sum(packets_out) * 1000 /"
    " sum(span_ms), (sum(errors_in) + sum(errors_out))::bigint,"
    " (sum(discards_in) + sum(discards_out))::bigint,"
    " greatest(sum(octets_in), sum(octets_out)) * 8000 / sum(span_ms) / nullif(max(speed_bps), 0)"
    " FROM snmp_sample" SERIES_RANGE " AND interface = $6 GROUP BY step ORDER BY step";

static const struct column interface_points[] = {
    {"at_ms", COLUMN_NUMBER},    {"in_bps", COLUMN_NUMBER},  {"out_bps", COLUMN_NUMBER},
    {"in_pps", COLUMN_NUMBER},   {"out_pps", COLUMN_NUMBER}, {"errors", COLUMN_NUMBER},
    {"discards", COLUMN_NUMBER}, {"use_ratio", COLUMN_REAL}, {NULL, COLUMN_TEXT},
};

static const char device_series_sql[] =
    "SELECT " STEP_SQL ", avg(cpu) / 1000, avg(memory_used)::bigint, max(memory_total),"
    " avg(duration_ms)::bigint, avg(CASE WHEN state = 'up' THEN 1 ELSE 0 END)"
    " FROM snmp_device_sample" SERIES_RANGE " GROUP BY step ORDER BY step";

static const struct column device_points[] = {
    {"at_ms", COLUMN_NUMBER},
    {"cpu_ratio", COLUMN_REAL},
    {"memory_used", COLUMN_NUMBER},
    {"memory_total", COLUMN_NUMBER},
    {"duration_ms", COLUMN_NUMBER},
    {"up_ratio", COLUMN_REAL},
    {NULL, COLUMN_TEXT},
};

struct http_response *device_series_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"interface", "from_ms", "to_ms", "step_s", NULL};
    struct args args = args_of(call->request, known);
    struct range range = range_read(&args, now_ms());
    const char *interface = args_text(&args, "interface", KEY_MAX);
    int64_t step_s = range_step(&args, &range);
    int32_t id = 0;
    bool failed = false;
    if (args.bad) {
        return args_refusal(&args);
    }
    struct http_response *refusal = find_instance(call, pg, &id, e, &failed);
    if (refusal != NULL || failed) {
        return refusal;
    }
    struct pg_args values = {0};
    pg_add_i64(&values, id);
    pg_add_text(&values, call->values.items[1]);
    add_time_ms(&values, (uint64_t)range.from_ms);
    add_time_ms(&values, (uint64_t)range.to_ms);
    pg_add_i64(&values, step_s);
    if (interface != NULL) {
        pg_add_text(&values, interface);
    }
    struct pg_rows *rows =
        pg_query(pg, interface != NULL ? interface_series_sql : device_series_sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *points = columns_list(rows, interface != NULL ? interface_points : device_points);
    pg_rows_free(rows);
    return http_response_json(200,
                              json_pack("{s:I, s:I, s:I, s:o}", "from_ms", range.from_ms, "to_ms",
                                        range.to_ms, "step_s", step_s, "points", points));
}
