/* Reports: asked for, watched while they are made, opened, deleted. */
#include "aggregator/api/endpoints.h"
#include "aggregator/api/items.h"
#include "aggregator/api/report_shared.h"
#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"

#include "aggregator/report/report.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGE_MAX = 500,
    PAGE_DEFAULT = 100,
    WAITING_MAX = 20,  /* reports that wait to be made */
    BY_HAND_MAX = 200, /* stored ones that no schedule prunes */
    ZONE_MAX = REPORT_ZONE_SIZE - 1,
    SCOPE_MAX = REPORT_SCOPE_SIZE - 1,
};

static const int64_t minute_ms = 60 * 1000;
static const int64_t hour_ms = 3600 * 1000;
static const int64_t day_ms = (int64_t)86400 * 1000;
static const int64_t span_max_ms = (int64_t)400 * 86400 * 1000;

const struct http_fault fault_unknown_report = {404, "not_found", "There is no such report.", "id",
                                                NULL};

#define REPORT_COLUMNS                                                                             \
    "r.id, s.name, r.scope, (extract(epoch FROM r.from_at) * 1000)::bigint,"                       \
    " (extract(epoch FROM r.to_at) * 1000)::bigint, r.time_zone, r.state, r.progress, r.error,"    \
    " r.created_by, (extract(epoch FROM r.created_at) * 1000)::bigint,"                            \
    " (extract(epoch FROM r.finished_at) * 1000)::bigint, octet_length(r.html)"
#define REPORT_FROM " FROM report r LEFT JOIN report_schedule s ON s.id = r.schedule_id"

static json_t *number_or_null(const struct pg_rows *rows, unsigned row, unsigned column)
{
    return pg_is_null(rows, row, column) ? json_null() : json_integer(pg_i64(rows, row, column));
}

static json_t *shape_report(const struct pg_rows *r, unsigned i)
{
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o}", "id",
                     pg_text(r, i, 0), "schedule", shape_text_or_null(pg_text(r, i, 1)), "scope",
                     pg_text(r, i, 2), "from_ms", json_integer(pg_i64(r, i, 3)), "to_ms",
                     json_integer(pg_i64(r, i, 4)), "time_zone", pg_text(r, i, 5), "state",
                     pg_text(r, i, 6), "progress", json_integer(pg_i64(r, i, 7)), "error",
                     shape_text_or_null(pg_text(r, i, 8)), "created_by", pg_text(r, i, 9),
                     "created_ms", json_integer(pg_i64(r, i, 10)), "finished_ms",
                     number_or_null(r, i, 11), "bytes", number_or_null(r, i, 12));
}

struct http_response *reports_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"cursor", "limit", NULL};
    static const char sql[] = "SELECT " REPORT_COLUMNS REPORT_FROM
                              " WHERE r.id < $1::bigint ORDER BY r.id DESC LIMIT $2::bigint";
    struct args args = args_of(call->request, known);
    int64_t limit = args_int(&args, "limit", 1, PAGE_MAX, PAGE_DEFAULT);
    int64_t before = args_int(&args, "cursor", 1, INT64_MAX, INT64_MAX);
    if (args.bad) {
        return args_refusal(&args);
    }
    struct pg_args values = {0};
    pg_add_i64(&values, before);
    pg_add_i64(&values, limit + 1); /* one more tells whether there is a next page */
    struct pg_rows *rows = pg_query(pg, sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *items = json_array();
    unsigned count = pg_rows_count(rows);
    for (unsigned i = 0; i < count && i < limit; i++) {
        (void)json_array_append_new(items, shape_report(rows, i)); /* short of memory: fewer */
    }
    const char *next = count > limit ? pg_text(rows, (unsigned)limit - 1, 0) : NULL;
    json_t *page = shape_page(items, next);
    pg_rows_free(rows);
    return http_response_json(200, page);
}

struct http_response *report_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char sql[] = "SELECT " REPORT_COLUMNS REPORT_FROM " WHERE r.id = $1::bigint";
    struct pg_args args = {0};
    pg_add_i64(&args, call_id(call));
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response = pg_rows_count(rows) == 0
                                         ? http_response_error(&fault_unknown_report)
                                         : http_response_json(200, shape_report(rows, 0));
    pg_rows_free(rows);
    return response;
}

/* The page itself, under the policy that was made with it. */
struct http_response *report_html_get(struct call *call, struct pg *pg, struct err *e)
{
    static const struct http_fault unfinished = {409, "conflict", "This report is not finished.",
                                                 "id", "Look at its state."};
    static const char sql[] = "SELECT html, csp FROM report WHERE id = $1::bigint";
    struct pg_args args = {0};
    pg_add_i64(&args, call_id(call));
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response = NULL;
    if (pg_rows_count(rows) == 0) {
        response = http_response_error(&fault_unknown_report);
    } else if (pg_is_null(rows, 0, 0)) {
        response = http_response_error(&unfinished);
    } else {
        char *html = strdup(pg_text(rows, 0, 0));
        response = http_response_new(html != NULL ? 200 : 500);
        http_response_header(response, "content-type:", "text/html; charset=utf-8");
        http_response_header(response, "cache-control:", "private, no-store");
        http_response_header(response, "content-security-policy:", pg_text(rows, 0, 1));
        http_response_own(response, html, html != NULL ? strlen(html) : 0);
    }
    pg_rows_free(rows);
    return response;
}

int report_check(struct pg *pg, struct args *args, const char *scope, const char *zone,
                 struct err *e)
{
    static const char sql[] =
        "SELECT $1 = 'fleet' OR EXISTS (SELECT FROM instance WHERE 'site:' || site = $1"
        " OR 'instance:' || name = $1), EXISTS (SELECT FROM pg_timezone_names WHERE name = $2)";
    struct pg_args values = {0};
    if (!args->bad && !report_scope_is_valid(scope)) {
        args_fault(args, "scope", "Use fleet, site:NAME or instance:NAME.", "This is no scope.");
    }
    if (args->bad) {
        return 0;
    }
    pg_add_text(&values, scope);
    pg_add_text(&values, zone);
    struct pg_rows *rows = pg_query(pg, sql, &values, e);
    if (rows == NULL) {
        return -1;
    }
    if (!pg_bool(rows, 0, 0)) {
        args_fault(args, "scope", NULL, "There is no instance in this scope.");
    }
    if (!pg_bool(rows, 0, 1)) {
        args_fault(args, "time_zone", "Use a name such as Europe/Rome or UTC.",
                   "This time zone is not known.");
    }
    pg_rows_free(rows);
    return 0;
}

struct new_report {
    const char *scope, *zone;
    int64_t from_ms, to_ms;
};

static struct new_report read_report(struct args *args, const json_t *body)
{
    static const char *const periods[] = {"hour", "day", "week", "month", "custom", NULL};
    const int64_t spans[] = {hour_ms, day_ms, 7 * day_ms, 30 * day_ms};
    enum { CUSTOM = 4 };
    int64_t now = (int64_t)now_ms();
    struct new_report report = {
        .scope = args_member(args, body, "scope", 1, SCOPE_MAX),
        .zone = args_member(args, body, "time_zone", 1, ZONE_MAX),
    };
    int period = args_member_word(args, body, "period", periods);
    report.to_ms = args_member_int(args, body, "to_ms", 0, now, now);
    report.from_ms = args_member_int(args, body, "from_ms", 0, now, -1);
    if (args->bad) {
        return report;
    }
    bool has_times =
        json_object_get(body, "from_ms") != NULL || json_object_get(body, "to_ms") != NULL;
    if (period != CUSTOM && has_times) {
        args_fault(args, "period", "Say custom, or leave from_ms and to_ms out.",
                   "Times are for a custom period.");
    } else if (period != CUSTOM) {
        report.from_ms = report.to_ms - spans[period];
    } else if (report.from_ms < 0 || report.to_ms - report.from_ms < minute_ms ||
               report.to_ms - report.from_ms > span_max_ms) {
        args_fault(args, "from_ms", NULL,
                   "A custom period begins at least a minute and at most 400 days before to_ms.");
    }
    return report;
}

static struct http_response *add_report(struct call *call, struct pg *pg,
                                        const struct new_report *report, struct err *e)
{
    static const char sql[] =
        "WITH room AS (SELECT count(*) FILTER (WHERE state IN ('queued', 'running')) < $7::int"
        " AND count(*) FILTER (WHERE schedule_id IS NULL) < $8::int AS is FROM report),"
        " r AS (INSERT INTO report (scope, from_at, to_at, time_zone, created_by)"
        " SELECT $1, $2::timestamptz, $3::timestamptz, $4, $5 FROM room WHERE room.is RETURNING *),"
        " noted AS (INSERT INTO audit (actor, address, action, subject, detail)"
        " SELECT $5, $6, 'report.add', id::text, scope FROM r)"
        " SELECT " REPORT_COLUMNS ", pg_notify('report', '') FROM r"
        " LEFT JOIN report_schedule s ON s.id = r.schedule_id";
    static const struct http_fault full = {
        409, "conflict", "There are too many reports.", NULL,
        "Wait for those that are being made, or delete old ones (200 are kept)."};
    struct pg_args args = {0};
    pg_add_text(&args, report->scope);
    add_time_ms(&args, (uint64_t)report->from_ms);
    add_time_ms(&args, (uint64_t)report->to_ms);
    pg_add_text(&args, report->zone);
    pg_add_text(&args, call->who.user);
    pg_add_text(&args, call->request->peer);
    pg_add_i64(&args, WAITING_MAX);
    pg_add_i64(&args, BY_HAND_MAX);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response = pg_rows_count(rows) == 0
                                         ? http_response_error(&full)
                                         : http_response_json(202, shape_report(rows, 0));
    pg_rows_free(rows);
    return response;
}

struct http_response *reports_post(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"scope", "period", "from_ms", "to_ms", "time_zone", NULL};
    struct args args = args_empty();
    json_t *body = args_body(&args, call->request, known);
    struct http_response *response = NULL;
    struct new_report report = {0};
    if (body != NULL) {
        report = read_report(&args, body);
    }
    if (args.bad || report_check(pg, &args, report.scope, report.zone, e) == 0) {
        response = args.bad ? args_refusal(&args) : add_report(call, pg, &report, e);
    }
    json_decref(body);
    return response;
}

struct http_response *report_delete(struct call *call, struct pg *pg, struct err *e)
{
    static const char sql[] =
        "WITH gone AS (DELETE FROM report WHERE id = $1::bigint RETURNING id, scope)"
        " INSERT INTO audit (actor, address, action, subject, detail)"
        " SELECT $2, $3, 'report.delete', id::text, scope FROM gone";
    return item_delete(call, pg, sql, &fault_unknown_report, e);
}
