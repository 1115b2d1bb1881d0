/* Alerts out of the store, newest first, with their counts by severity; and the catalogue. */
#include "aggregator/api/args.h"
#include "aggregator/api/cursor.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/items.h"
#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    PAGE_MAX = 500,
    PAGE_DEFAULT = 100,
    WORD_MAX = 63,
    SEARCH_MAX = 128,
    COUNT_MAX = 10000, /* alerts of one severity that are counted */
    SQL_SIZE = 4096,
    KINDS_SIZE = 4096,
    SEVERITIES = ALERT_SEVERITY_EMERGENCY + 1,
};

static const char *const severities[] = {"info",     "notice",    "warning", "error",
                                         "critical", "emergency", NULL};

/* $1 states, $2 instance, $3 site, $4 kinds as an array, $5 the searched text; NULL: any. */
static const char filter_sql[] =
    " WHERE ($1::text IS NULL OR a.state = ANY (string_to_array($1, ',')))"
    " AND ($2::text IS NULL OR i.name = $2) AND ($3::text IS NULL OR i.site = $3)"
    " AND ($4::text IS NULL OR a.kind = ANY ($4::smallint[]))"
    " AND ($5::text IS NULL OR strpos(lower(a.entity_id), lower($5)) > 0"
    " OR strpos(lower(a.host), lower($5)) > 0 OR strpos(lower(a.detail), lower($5)) > 0"
    " OR strpos(host(a.client), $5) > 0 OR strpos(host(a.server), $5) > 0)";

/* $6, $7 the place behind which to begin, $8 how many. */
static const char place_sql[] =
    " AND ($6::bigint IS NULL OR (a.last_at, a.id) <"
    " ('epoch'::timestamptz + $6::bigint * interval '1 us', $7::bigint))"
    " ORDER BY a.last_at DESC, a.id DESC LIMIT $8::bigint";

static const struct http_fault fault_unknown_alert = {404, "not_found", "There is no such alert.",
                                                      "id", "Look for it in the list of alerts."};

struct filter {
    const char *states, *instance, *site, *search;
    int severity; /* -1: any */
    const char *kind, *family;
    struct cursor_place after;
    bool has_after;
    int64_t limit;
};

static bool kind_matches(const struct alert_kind_info *kind, const struct filter *f, bool severe)
{
    return (f->kind == NULL || strcmp(kind->name, f->kind) == 0) &&
           (f->family == NULL || strcmp(kind->family, f->family) == 0) &&
           (!severe || f->severity < 0 || (int)kind->severity >= f->severity);
}

/* "{1,2,…}" of the kinds that are wanted; with severe only those of the severity asked for. */
static const char *kinds_array(const struct filter *f, bool severe, char buf[KINDS_SIZE])
{
    if (f->kind == NULL && f->family == NULL && (!severe || f->severity < 0)) {
        return NULL;
    }
    size_t used = 1;
    buf[0] = '{';
    for (size_t i = 0; i < alert_kind_count(); i++) {
        const struct alert_kind_info *kind = alert_kind_at(i);
        if (kind_matches(kind, f, severe) && used + 8 < KINDS_SIZE) {
            int len = snprintf(buf + used, KINDS_SIZE - used, "%s%u", used > 1 ? "," : "",
                               (unsigned)kind->id);
            used += len > 0 ? (size_t)len : 0;
        }
    }
    (void)snprintf(buf + used, KINDS_SIZE - used, "}"); /* there is room: see above */
    return buf;
}

static bool family_exists(const char *family)
{
    for (size_t i = 0; i < alert_kind_count(); i++) {
        if (strcmp(alert_kind_at(i)->family, family) == 0) {
            return true;
        }
    }
    return false;
}

static struct filter read_filter(struct args *args)
{
    static const char *const states[] = {"engaged", "past", "all", NULL};
    static const char *const stored[] = {"engaged", "released,event", NULL};
    int state = args_word(args, "state", states);
    struct filter f = {
        .states = stored[state < 0 ? 2 : state],
        .instance = args_text(args, "instance", WORD_MAX),
        .site = args_text(args, "site", WORD_MAX),
        .search = args_text(args, "q", SEARCH_MAX),
        .severity = args_word(args, "severity", severities),
        .kind = args_text(args, "kind", WORD_MAX),
        .family = args_text(args, "family", WORD_MAX),
        .limit = args_int(args, "limit", 1, PAGE_MAX, PAGE_DEFAULT),
    };
    const char *cursor = args_text(args, "cursor", CURSOR_TEXT_SIZE);
    f.has_after = cursor != NULL;
    if (cursor != NULL && !cursor_parse(cursor, &f.after)) {
        args_fault(args, "cursor", "Use `next` of the page before.", "This is no cursor.");
    }
    if (f.kind != NULL && alert_kind_by_name(f.kind) == NULL) {
        args_fault(args, "kind", "See /api/v1/alert-kinds.", "There is no such kind.");
    }
    if (f.family != NULL && !family_exists(f.family)) {
        args_fault(args, "family", "See /api/v1/alert-kinds.", "There is no such family.");
    }
    return f;
}

static void add_filter(struct pg_args *args, const struct filter *f, const char *kinds)
{
    pg_add_text(args, f->states);
    pg_add_text(args, f->instance);
    pg_add_text(args, f->site);
    pg_add_text(args, kinds);
    pg_add_text(args, f->search);
}

static struct pg_rows *query_page(struct pg *pg, const struct filter *f, struct err *e)
{
    char sql[SQL_SIZE];
    char kinds[KINDS_SIZE];
    struct pg_args args = {0};
    add_filter(&args, f, kinds_array(f, true, kinds));
    if (f->has_after) {
        pg_add_i64(&args, f->after.at_us);
        pg_add_i64(&args, f->after.id);
    } else {
        pg_add_text(&args, NULL);
        pg_add_text(&args, NULL);
    }
    pg_add_i64(&args, f->limit + 1); /* one more tells whether there is a next page */
    int len = snprintf(sql, sizeof sql, "%s%s%s", alert_row_sql, filter_sql, place_sql);
    if (len < 0 || len >= (int)sizeof sql) {
        (void)err_set(e, ERR_ARG, "the statement is too long");
        return NULL;
    }
    return pg_query(pg, sql, &args, e);
}

static json_t *shape_counts(const struct pg_rows *rows)
{
    int64_t counts[SEVERITIES] = {0};
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        const struct alert_kind_info *kind = alert_kind_find((unsigned)pg_i64(rows, i, 0));
        counts[kind != NULL ? kind->severity : ALERT_SEVERITY_NOTICE] += pg_i64(rows, i, 1);
    }
    json_t *object = json_object();
    for (int i = 0; i < SEVERITIES; i++) {
        int64_t count = counts[i] < COUNT_MAX ? counts[i] : COUNT_MAX;
        (void)json_object_set_new(object, severities[i], json_integer(count)); /* else: fewer */
    }
    return object;
}

/* By kind, as the store does not know severities. */
static json_t *query_counts(struct pg *pg, const struct filter *f, struct err *e)
{
    char sql[SQL_SIZE];
    char kinds[KINDS_SIZE];
    struct pg_args args = {0};
    add_filter(&args, f, kinds_array(f, false, kinds));
    int len = snprintf(sql, sizeof sql,
                       "SELECT kind, count(*) FROM (SELECT a.kind FROM alert a"
                       " LEFT JOIN instance i ON i.id = a.instance_id%s"
                       " ORDER BY a.last_at DESC LIMIT %d) newest GROUP BY kind",
                       filter_sql, COUNT_MAX * SEVERITIES);
    struct pg_rows *rows = len > 0 && len < (int)sizeof sql ? pg_query(pg, sql, &args, e) : NULL;
    if (rows == NULL) {
        return NULL;
    }
    json_t *counts = shape_counts(rows);
    pg_rows_free(rows);
    return counts;
}

static json_t *shape_alerts(const struct pg_rows *rows, int64_t limit)
{
    char next[CURSOR_TEXT_SIZE] = "";
    json_t *items = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows) && i < limit; i++) {
        struct alert_view view;
        alert_row_read(rows, i, &view);
        (void)json_array_append_new(items, shape_alert(&view)); /* short of memory: fewer */
        if (i + 1 == limit && pg_rows_count(rows) > limit) {
            const struct cursor_place place = {alert_row_place(rows, i), view.id};
            (void)cursor_format(&place, next); /* returns its buffer */
        }
    }
    return shape_page(items, next[0] != '\0' ? next : NULL);
}

struct http_response *alerts_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"state",  "instance", "site",   "severity", "kind",
                                        "family", "q",        "cursor", "limit",    NULL};
    struct args args = args_of(call->request, known);
    struct filter filter = read_filter(&args);
    if (args.bad) {
        return args_refusal(&args);
    }
    json_t *counts = query_counts(pg, &filter, e);
    struct pg_rows *rows = counts != NULL ? query_page(pg, &filter, e) : NULL;
    if (rows == NULL) {
        json_decref(counts);
        return NULL;
    }
    json_t *body = shape_alerts(rows, filter.limit);
    pg_rows_free(rows);
    if (body != NULL) {
        (void)json_object_set(body, "counts", counts); /* short of memory: without */
    }
    json_decref(counts);
    return http_response_json(200, body);
}

struct http_response *alert_get(struct call *call, struct pg *pg, struct err *e)
{
    char sql[SQL_SIZE];
    struct pg_args args = {0};
    pg_add_i64(&args, call_id(call));
    (void)snprintf(sql, sizeof sql, "%s WHERE a.id = $1::bigint", alert_row_sql); /* far below */
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    if (pg_rows_count(rows) == 0) {
        pg_rows_free(rows);
        return http_response_error(&fault_unknown_alert);
    }
    struct alert_view view;
    alert_row_read(rows, 0, &view);
    pg_rows_free(rows);
    return http_response_json(200, shape_alert(&view));
}

void alert_kinds_get(struct call *call)
{
    static const char *const known[] = {NULL};
    struct args args = args_of(call->request, known);
    if (args.bad) {
        call_answer(call, args_refusal(&args));
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < alert_kind_count(); i++) {
        json_t *kind = shape_alert_kind(alert_kind_at(i));
        (void)json_array_append_new(items, kind); /* short of memory: fewer */
    }
    call_answer(call, http_response_json(200, shape_page(items, NULL)));
}
