/* The configuration that is pushed to the agents: reading it, and what has become of an item. */
#include "aggregator/api/config.h"

#include "aggregator/api/args.h"
#include "aggregator/api/shape.h"
#include "common/wire/config.h"

#include <stdio.h>
#include <string.h>

const struct http_fault fault_no_section = {
    404, "not_found", "There is no such section of the configuration.", "section", NULL};
const struct http_fault fault_no_item = {404, "not_found", "There is no such item.", "id",
                                         "It may have been deleted: load the list anew."};

/* Which secrets are set; what they are is told to nobody. */
static json_t *secret_names(const char *text)
{
    json_t *secrets = json_loads(text, 0, NULL);
    json_t *names = json_array();
    const char *name;
    json_t *value;
    json_object_foreach (secrets, name, value) {
        (void)json_array_append_new(names, json_string(name)); /* short of memory: fewer */
    }
    json_decref(secrets);
    return names;
}

json_t *config_item_shape(const struct pg_rows *rows, unsigned row)
{
    int64_t hit_ms = pg_i64(rows, row, 14);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:b, s:I, s:o, s:o, s:I, s:I, s:s, s:I, s:s, s:o, s:o}", "id",
        pg_text(rows, row, 0), "section", pg_text(rows, row, 1), "scope", pg_text(rows, row, 2),
        "name", pg_text(rows, row, 3), "enabled", (int)pg_bool(rows, row, 4), "position",
        (json_int_t)pg_i64(rows, row, 5), "body", json_loads(pg_text(rows, row, 6), 0, NULL),
        "secrets", secret_names(pg_text(rows, row, 7)), "version", (json_int_t)pg_i64(rows, row, 8),
        "created_ms", (json_int_t)pg_i64(rows, row, 9), "created_by", pg_text(rows, row, 10),
        "updated_ms", (json_int_t)pg_i64(rows, row, 11), "updated_by", pg_text(rows, row, 12),
        "hits", json_integer(pg_i64(rows, row, 13)), "last_hit_ms",
        hit_ms != 0 ? json_integer(hit_ms) : json_null());
}

static struct http_response *page_of(const struct pg_rows *rows,
                                     json_t *(*shape)(const struct pg_rows *rows, unsigned row))
{
    json_t *items = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        (void)json_array_append_new(items, shape(rows, i)); /* short of memory: fewer */
    }
    return http_response_json(200, shape_page(items, NULL));
}

bool config_item_id(const struct call *call, int64_t *id)
{
    long long value = 0;
    int end = 0;
    const char *text = call->values.items[1];
    bool number = sscanf(text, "%18lld%n", &value, &end) == 1 && text[end] == '\0' && value > 0;
    *id = value;
    return number;
}

struct http_response *config_list_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {NULL};
    static const char sql[] =
        "SELECT " CONFIG_ITEM_COLUMNS " FROM config_item WHERE section = $1"
        " ORDER BY CASE WHEN scope LIKE 'instance:%' THEN 0 WHEN scope LIKE 'site:%' THEN 1 ELSE 2"
        " END, scope, position, id";
    struct args args = args_of(call->request, known);
    if (args.bad) {
        return args_refusal(&args);
    }
    if (config_section_find(call->values.items[0]) == NULL) {
        return http_response_error(&fault_no_section);
    }
    struct pg_args values = {0};
    pg_add_text(&values, call->values.items[0]);
    struct pg_rows *rows = pg_query(pg, sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response = page_of(rows, config_item_shape);
    pg_rows_free(rows);
    return response;
}

static json_t *shape_version(const struct pg_rows *rows, unsigned row)
{
    return json_pack("{s:I, s:s, s:s, s:s, s:b, s:I, s:o, s:o, s:I, s:s}", "version",
                     (json_int_t)pg_i64(rows, row, 0), "action", pg_text(rows, row, 1), "scope",
                     pg_text(rows, row, 2), "name", pg_text(rows, row, 3), "enabled",
                     (int)pg_bool(rows, row, 4), "position", (json_int_t)pg_i64(rows, row, 5),
                     "body", json_loads(pg_text(rows, row, 6), 0, NULL), "secrets",
                     secret_names(pg_text(rows, row, 7)), "at_ms", (json_int_t)pg_i64(rows, row, 8),
                     "by", pg_text(rows, row, 9));
}

struct http_response *config_history_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {NULL};
    static const char sql[] =
        "SELECT version, action, scope, name, enabled, position, body::text, secrets::text,"
        " " CONFIG_MS(
            "at") ", by_user FROM config_history WHERE section = $1 AND item_id = $2::bigint"
                  " ORDER BY version DESC LIMIT 200";
    int64_t id = 0;
    struct args args = args_of(call->request, known);
    if (args.bad) {
        return args_refusal(&args);
    }
    if (!config_item_id(call, &id)) {
        return http_response_error(&fault_no_item);
    }
    struct pg_args values = {0};
    pg_add_text(&values, call->values.items[0]);
    pg_add_i64(&values, id);
    struct pg_rows *rows = pg_query(pg, sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response = pg_rows_count(rows) == 0 ? http_response_error(&fault_no_item)
                                                              : page_of(rows, shape_version);
    pg_rows_free(rows);
    return response;
}
