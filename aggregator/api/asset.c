/* One asset: its names by source, its services, its history, and the other addresses of its card.
 */
#include "aggregator/api/asset_rows.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/items.h"

#include <stdio.h>

enum { OTHERS_MAX = 50 };

static const struct http_fault fault_unknown_asset = {
    404, "not_found", "There is no such asset.", "id",
    "It may have been forgotten; look it up again."};

#define MS(column) "'" column "_ms', (extract(epoch FROM " column "_at) * 1000)::bigint"

static const char names_sql[] =
    "SELECT coalesce(json_agg(json_build_object('source', source, 'name', name, " MS(
        "first") ", " MS("last") ") ORDER BY last_at DESC, source, name), '[]')"
                                 " FROM asset_name WHERE asset_id = $1::bigint";
static const char changes_sql[] =
    "SELECT coalesce(json_agg(json_build_object('at_ms', (extract(epoch FROM at) * 1000)::bigint,"
    " 'what', what, 'before', nullif(before, ''), 'after', nullif(after, ''))"
    " ORDER BY at DESC, id DESC), '[]') FROM asset_change WHERE asset_id = $1::bigint";

/* The one list that a statement gives; NULL and e. */
static json_t *query_list(struct pg *pg, const char *sql, int64_t id, struct err *e)
{
    struct pg_args args = {0};
    pg_add_i64(&args, id);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *list = json_loads(pg_text(rows, 0, 0), 0, NULL); /* our own database's */
    pg_rows_free(rows);
    if (list == NULL) {
        (void)err_set(e, ERR_NOMEM, "a list of an asset");
    }
    return list;
}

static struct pg_rows *query_asset(struct pg *pg, int64_t id, struct err *e)
{
    char sql[ASSET_SQL_SIZE];
    struct pg_args args = {0};
    pg_add_i64(&args, id);
    (void)snprintf(sql, sizeof sql,
                   "SELECT %s FROM asset a JOIN instance i ON i.id = a.instance_id"
                   " WHERE a.id = $1::bigint",
                   asset_columns_sql); /* far below its size */
    return pg_query(pg, sql, &args, e);
}

/* A router's MAC says nothing about who else is behind it. */
static json_t *query_others(struct pg *pg, int64_t id, struct err *e)
{
    char sql[ASSET_SQL_SIZE];
    struct pg_args args = {0};
    pg_add_i64(&args, id);
    (void)snprintf(sql, sizeof sql,
                   "SELECT %s FROM asset me JOIN asset a ON a.mac = me.mac AND a.id <> me.id"
                   " JOIN instance i ON i.id = a.instance_id WHERE me.id = $1::bigint"
                   " AND NOT me.mac_shared AND NOT a.mac_shared"
                   " ORDER BY a.last_at DESC, a.id DESC LIMIT %d",
                   asset_columns_sql, OTHERS_MAX); /* likewise */
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *list = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        (void)json_array_append_new(list, asset_shape(rows, i)); /* short of memory: fewer */
    }
    pg_rows_free(rows);
    return list;
}

static struct http_response *shape_detail(struct pg *pg, const struct pg_rows *rows, int64_t id,
                                          struct err *e)
{
    json_t *names = query_list(pg, names_sql, id, e);
    json_t *changes = names != NULL ? query_list(pg, changes_sql, id, e) : NULL;
    json_t *others = changes != NULL ? query_others(pg, id, e) : NULL;
    if (others == NULL) {
        json_decref(names);
        json_decref(changes);
        return NULL;
    }
    return http_response_json(200, json_pack("{s:o, s:o, s:o, s:o}", "asset", asset_shape(rows, 0),
                                             "names", names, "changes", changes, "others", others));
}

struct http_response *asset_get(struct call *call, struct pg *pg, struct err *e)
{
    int64_t id = call_id(call);
    struct pg_rows *rows = query_asset(pg, id, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response = pg_rows_count(rows) == 0
                                         ? http_response_error(&fault_unknown_asset)
                                         : shape_detail(pg, rows, id, e);
    pg_rows_free(rows);
    return response;
}

struct http_response *asset_delete(struct call *call, struct pg *pg, struct err *e)
{
    static const char sql[] =
        "WITH gone AS (DELETE FROM asset WHERE id = $1::bigint RETURNING id, instance_id, host)"
        " INSERT INTO audit (actor, address, action, subject, detail)"
        " SELECT $2, $3, 'asset.delete', host(gone.host), 'at ' || i.name"
        " FROM gone JOIN instance i ON i.id = gone.instance_id";
    return item_delete(call, pg, sql, &fault_unknown_asset, e);
}
