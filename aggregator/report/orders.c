/* Each function is one statement, or two in one transaction. */
#include "aggregator/report/orders.h"

#include <stdio.h>

int orders_reset(struct pg *pg, struct err *e)
{
    static const char sql[] =
        "UPDATE report SET state = CASE WHEN tries < 2 THEN 'queued' ELSE 'failed' END,"
        " error = CASE WHEN tries < 2 THEN '' ELSE 'The centre ended twice while making it.' END,"
        " finished_at = CASE WHEN tries < 2 THEN NULL ELSE now() END, progress = 0"
        " WHERE state = 'running'";
    return pg_run(pg, sql, NULL, e);
}

int orders_due(struct pg *pg, unsigned *made, struct err *e)
{
    static const char sql[] =
        "WITH due AS (SELECT *, report_due(rhythm, hour, time_zone, now()) AS after,"
        " CASE rhythm WHEN 'daily' THEN 'day' WHEN 'weekly' THEN 'week' ELSE 'month' END AS unit"
        " FROM report_schedule WHERE enabled AND next_at <= now() FOR UPDATE),"
        " span AS (SELECT *, ('1 ' || unit)::interval AS step,"
        " date_trunc(unit, after AT TIME ZONE time_zone) - ('1 ' || unit)::interval AS ends"
        " FROM due),"
        " made AS (INSERT INTO report (schedule_id, scope, from_at, to_at, time_zone, created_by)"
        " SELECT id, scope, (ends - step) AT TIME ZONE time_zone, ends AT TIME ZONE time_zone,"
        " time_zone, 'schedule ' || name FROM span)"
        " UPDATE report_schedule s SET next_at = due.after FROM due WHERE s.id = due.id";
    struct pg_rows *rows = pg_query(pg, sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    *made = (unsigned)pg_rows_affected(rows);
    pg_rows_free(rows);
    return 0;
}

int orders_claim(struct pg *pg, int64_t *id, struct report_order *order, struct err *e)
{
    static const char sql[] =
        "UPDATE report SET state = 'running', tries = tries + 1, progress = 0"
        " WHERE id = (SELECT id FROM report WHERE state = 'queued' ORDER BY id LIMIT 1)"
        " RETURNING id, scope, (extract(epoch FROM from_at) * 1000)::bigint,"
        " (extract(epoch FROM to_at) * 1000)::bigint, time_zone";
    struct pg_rows *rows = pg_query(pg, sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    bool found = pg_rows_count(rows) == 1;
    if (found) {
        *id = pg_i64(rows, 0, 0);
        *order = (struct report_order){.from_ms = pg_i64(rows, 0, 2), .to_ms = pg_i64(rows, 0, 3)};
        (void)snprintf(order->scope, sizeof order->scope, "%s", pg_text(rows, 0, 1)); /* checked */
        (void)snprintf(order->time_zone, sizeof order->time_zone, "%s", pg_text(rows, 0, 4));
    }
    pg_rows_free(rows);
    return found;
}

int orders_progress(struct pg *pg, int64_t id, unsigned percent, struct err *e)
{
    struct pg_args args = {0};
    pg_add_i64(&args, id);
    pg_add_i64(&args, percent);
    return pg_run(pg, "UPDATE report SET progress = $2::smallint WHERE id = $1::bigint", &args, e);
}

int orders_done(struct pg *pg, int64_t id, const struct report_page *page, struct err *e)
{
    static const char sql[] =
        "WITH done AS (UPDATE report SET state = 'done', progress = 100, html = $2, csp = $3,"
        " finished_at = now() WHERE id = $1::bigint RETURNING id, schedule_id),"
        " old AS (SELECT r.id, row_number() OVER (ORDER BY r.id DESC) AS place, s.keep"
        " FROM done JOIN report_schedule s ON s.id = done.schedule_id"
        " JOIN report r ON r.schedule_id = s.id AND (r.state = 'done' OR r.id = done.id))"
        " DELETE FROM report WHERE id IN (SELECT id FROM old WHERE place > keep)";
    struct pg_args args = {0};
    pg_add_i64(&args, id);
    pg_add_text(&args, page->html);
    pg_add_text(&args, page->csp);
    return pg_run(pg, sql, &args, e);
}

int orders_failed(struct pg *pg, int64_t id, const char *why, struct err *e)
{
    static const char sql[] = "UPDATE report SET state = 'failed', error = $2,"
                              " finished_at = now() WHERE id = $1::bigint";
    struct pg_args args = {0};
    pg_add_i64(&args, id);
    pg_add_text(&args, why);
    return pg_run(pg, sql, &args, e);
}
