/* The assets of all sites: pages in any order, and the same as a table for a spreadsheet. */
#include "aggregator/api/asset_rows.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/shape.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_MAX = 500, PAGE_DEFAULT = 100, EXPORT_MAX = 100000, CURSOR_MAX = 255 };

/* The place behind which a page begins: the id of a row, and its value in the order, as text. */
struct place {
    bool set;
    int64_t id;
    const char *value; /* borrowed from the request */
};

/* "ID.VALUE" */
static struct place read_place(struct args *args)
{
    struct place place = {0};
    char *end = NULL;
    const char *cursor = args_text(args, "cursor", CURSOR_MAX);
    if (cursor == NULL) {
        return place;
    }
    place.id = strtoll(cursor, &end, 10);
    place.set = cursor[0] >= '0' && cursor[0] <= '9' && *end == '.';
    place.value = place.set ? end + 1 : NULL;
    if (!place.set) {
        args_fault(args, "cursor", "Use `next` of the page before.", "This is no cursor.");
    }
    return place;
}

/* $19 and $20 the place, $21 how many. */
static struct pg_rows *query_page(struct pg *pg, const struct asset_filter *f,
                                  const struct place *place, int64_t limit, struct err *e)
{
    char sql[ASSET_SQL_SIZE];
    const char *type = NULL;
    const char *order = asset_order_sql(f, &type);
    struct pg_args args = {0};
    asset_filter_add(&args, f, true);
    pg_add_text(&args, place->value);
    pg_add_i64(&args, place->id);
    pg_add_i64(&args, limit);
    int len = snprintf(sql, sizeof sql,
                       "SELECT %s, (%s)::text%s AND ($19::text IS NULL OR (%s, a.id) %s"
                       " ($19::%s, $20::bigint)) ORDER BY %s %s, a.id %s LIMIT $21::bigint",
                       asset_columns_sql, order, asset_filter_sql, order, f->desc ? "<" : ">", type,
                       order, f->desc ? "DESC" : "ASC", f->desc ? "DESC" : "ASC");
    if (len < 0 || len >= (int)sizeof sql) {
        (void)err_set(e, ERR_ARG, "the statement is too long");
        return NULL;
    }
    return pg_query(pg, sql, &args, e);
}

/* By state, and in total of the state that is asked for. */
static json_t *query_counts(struct pg *pg, const struct asset_filter *f, int64_t *total,
                            struct err *e)
{
    char sql[ASSET_SQL_SIZE];
    struct pg_args args = {0};
    asset_filter_add(&args, f, false);
    (void)snprintf(sql, sizeof sql, "%s%s%s", "SELECT " ASSET_STATE_SQL ", count(*)",
                   asset_filter_sql, " GROUP BY 1"); /* far below its size */
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *counts = json_pack("{s:i, s:i, s:i}", "online", 0, "offline", 0, "unknown", 0);
    *total = 0;
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        const char *state = pg_text(rows, i, 0);
        int64_t count = pg_i64(rows, i, 1);
        (void)json_object_set_new(counts, state, json_integer(count)); /* no memory: 0 */
        bool wanted = f->state < 0 || strcmp(asset_states[f->state], state) == 0;
        *total += wanted ? count : 0;
    }
    pg_rows_free(rows);
    return counts;
}

static json_t *shape_assets(const struct pg_rows *rows, int64_t limit)
{
    char next[CURSOR_MAX + 1] = "";
    json_t *items = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows) && i < limit; i++) {
        (void)json_array_append_new(items, asset_shape(rows, i)); /* short of memory: fewer */
        if (i + 1 == limit && pg_rows_count(rows) > limit) {
            (void)snprintf(next, sizeof next, "%s.%s", pg_text(rows, i, 0),
                           pg_text(rows, i, ASSET_COLUMNS)); /* a name is at most 127 bytes */
        }
    }
    return shape_page(items, next[0] != '\0' ? next : NULL);
}

struct http_response *assets_get(struct call *call, struct pg *pg, struct err *e)
{
    struct args args = args_of(call->request, asset_params);
    struct asset_filter filter = asset_filter_read(&args);
    struct place place = read_place(&args);
    int64_t limit = args_int(&args, "limit", 1, PAGE_MAX, PAGE_DEFAULT);
    int64_t total = 0;
    if (args.bad) {
        return args_refusal(&args);
    }
    json_t *counts = query_counts(pg, &filter, &total, e);
    struct pg_rows *rows = counts != NULL ? query_page(pg, &filter, &place, limit + 1, e) : NULL;
    if (rows == NULL) {
        json_decref(counts);
        if (place.set && e->code == ERR_REMOTE) { /* the value of another order */
            args_fault(&args, "cursor", "Use `next` of the page before.", "This is no cursor.");
            return args_refusal(&args);
        }
        return NULL;
    }
    json_t *body = shape_assets(rows, limit);
    pg_rows_free(rows);
    (void)json_object_set_new(body, "counts", counts); /* short of memory: without */
    (void)json_object_set_new(body, "total", json_integer(total));
    return http_response_json(200, body);
}

/* ---- the table ---- */

/* A cell by RFC 4180; what a spreadsheet would calculate is made a text. */
static void put_cell(FILE *out, const char *text, bool last)
{
    bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
    (void)fputs(formula ? "\"'" : "\"", out);
    for (; *text != '\0'; text++) {
        (void)fputs(*text == '"' ? "\"\"" : (const char[]){*text, '\0'}, out);
    }
    (void)fputs(last ? "\"\r\n" : "\",", out); /* a failure stays in the stream */
}

static void put_time(FILE *out, int64_t ms, bool last)
{
    char text[32];
    put_cell(out, clock_format_utc((uint64_t)ms * NS_PER_MS, text, sizeof text), last);
}

static void put_services(FILE *out, const json_t *services)
{
    char cell[1024] = "";
    size_t used = 0;
    json_t *service = NULL;
    size_t i = 0;
    json_array_foreach (services, i, service) {
        const char *word = json_string_value(json_object_get(service, "name"));
        int len =
            snprintf(cell + used, sizeof cell - used, "%s%s/%" JSON_INTEGER_FORMAT "%s%s",
                     used > 0 ? " " : "", json_string_value(json_object_get(service, "transport")),
                     json_integer_value(json_object_get(service, "port")), word != NULL ? ":" : "",
                     word != NULL ? word : "");
        if (len < 0 || (size_t)len >= sizeof cell - used) {
            break;
        }
        used += (size_t)len;
    }
    put_cell(out, cell, false);
}

static void put_row(FILE *out, const struct pg_rows *rows, unsigned i)
{
    static const unsigned texts[] = {14, 13, 1, 2, 3, 5, 17, 19, 6, 7}; /* site to state */
    json_t *asset = asset_shape(rows, i);
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        put_cell(out, pg_text(rows, i, texts[t]), false);
    }
    put_services(out, json_object_get(asset, "services"));
    put_time(out, pg_i64(rows, i, 11), false);
    put_time(out, pg_i64(rows, i, 12), true);
    json_decref(asset);
}

static struct http_response *csv_response(const struct pg_rows *rows)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL;
    }
    (void)fputs(
        "site,instance,address,vlan,mac,vendor,os,device,name,state,services,first_seen,last_seen\r\n",
        out);
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        put_row(out, rows, i);
    }
    bool whole = ferror(out) == 0;
    if (fclose(out) != 0 || !whole) {
        free(text);
        return NULL;
    }
    struct http_response *response = http_response_new(200);
    http_response_header(response, "content-type:", "text/csv; charset=utf-8");
    http_response_header(response, "content-disposition:", "attachment; filename=\"assets.csv\"");
    http_response_header(response, "cache-control:", "private, no-store");
    http_response_own(response, text, len);
    return response;
}

struct http_response *assets_csv_get(struct call *call, struct pg *pg, struct err *e)
{
    struct args args = args_of(call->request, asset_params);
    struct asset_filter filter = asset_filter_read(&args);
    const struct place start = {0};
    if (args.bad) {
        return args_refusal(&args);
    }
    struct pg_rows *rows = query_page(pg, &filter, &start, EXPORT_MAX, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response = csv_response(rows);
    if (response == NULL) {
        (void)err_set(e, ERR_NOMEM, "the table of %u assets", pg_rows_count(rows));
    }
    pg_rows_free(rows);
    return response;
}
