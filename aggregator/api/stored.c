/*
 * The window is the five minutes up to when the instance was last heard. Flow records are deltas,
 * so a flow's figures here are sums over the window.
 */
#include "aggregator/api/stored.h"

#include "aggregator/api/question.h"
#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"
#include "aggregator/api/stored_inner.h"

#include "common/wire/fields.h"

#define LOG_MODULE "api"
#include "common/log.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_MS = 5 * 60 * 1000, LATE_MS = 60 * 1000, SQL_SIZE = 12288 };

#define FLOW_WINDOW_SQL                                                                            \
    " FROM flow WHERE instance_id = $1::int AND last_at >= $2::timestamptz"                        \
    " AND last_at < $3::timestamptz"

/*
 * Both sides of every flow; `local` is what the counters say of the host. $1 instance, $2 and $3
 * the window, $4 host, $5 vlan; NULL: not asked for.
 */
static const char hosts_sql[] =
    "WITH side AS (SELECT client AS host, vlan, epoch, flow_id, bytes_s2c AS bytes_in,"
    " bytes_c2s AS bytes_out, packets_s2c AS packets_in, packets_c2s AS packets_out, first_at,"
    " last_at" FLOW_WINDOW_SQL " UNION ALL SELECT server, vlan, epoch, flow_id, bytes_c2s,"
    " bytes_s2c, packets_c2s, packets_s2c, first_at, last_at" FLOW_WINDOW_SQL "),"
    " near AS (SELECT host, vlan, bool_or(local) AS local FROM counter_host_top"
    " WHERE instance_id = $1::int AND start_at >= $2::timestamptz AND start_at < $3::timestamptz"
    " GROUP BY host, vlan),"
    " h AS (SELECT host, vlan, sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS"
    " bytes_out, sum(packets_in)::bigint AS packets_in, sum(packets_out)::bigint AS packets_out,"
    " count(DISTINCT (epoch, flow_id)) AS flows,"
    " (extract(epoch FROM min(first_at)) * 1000)::bigint AS first_ms,"
    " (extract(epoch FROM max(last_at)) * 1000)::bigint AS last_ms FROM side GROUP BY host, vlan)"
    " SELECT host(h.host), h.vlan, coalesce(near.local, false), bytes_in, bytes_out, packets_in,"
    " packets_out, flows, first_ms, last_ms, count(*) OVER ()"
    " FROM h LEFT JOIN near ON near.host = h.host AND near.vlan = h.vlan"
    " WHERE ($4::text IS NULL OR host(h.host) = $4)"
    " AND ($5::int IS NULL OR h.vlan = $5::int)";

static const struct stored_column host_columns[] = {
    {"bytes", "bytes_in + bytes_out"},
    {"bytes_in", "bytes_in"},
    {"bytes_out", "bytes_out"},
    {"packets_in", "packets_in"},
    {"packets_out", "packets_out"},
    {"flows", "flows"},
    {"first_ms", "first_ms"},
    {"last_ms", "last_ms"},
    {"host", "h.host"},
    {NULL, NULL},
};

static const char *order_of(const struct stored_column *columns, const char *name)
{
    for (const struct stored_column *c = columns; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c->sql;
        }
    }
    return columns[0].sql; /* a live column that is not stored, such as bps */
}

void stored_add_word(struct pg_args *args, const char *word)
{
    pg_add_text(args, word[0] != '\0' ? word : NULL);
}

void stored_add_number(struct pg_args *args, bool wanted, int64_t number)
{
    if (wanted) {
        pg_add_i64(args, number);
    } else {
        pg_add_text(args, NULL);
    }
}

struct pg_args stored_window(const struct stored *s)
{
    uint64_t end_ms = s->view.last_seen_ms + LATE_MS;
    struct pg_args args = {0};
    pg_add_i64(&args, s->view.id);
    add_time_ms(&args, end_ms > WINDOW_MS + LATE_MS ? end_ms - WINDOW_MS - LATE_MS : 1);
    add_time_ms(&args, end_ms);
    stored_add_word(&args, s->query.filter.host);
    return args;
}

struct pg_rows *stored_run_sorted(const struct query *q, struct pg *pg,
                                  const struct stored_sorted *sorted, const struct pg_args *args,
                                  struct err *e)
{
    char text[SQL_SIZE];
    int len =
        snprintf(text, sizeof text, "%s%s%s ORDER BY %s %s LIMIT %u OFFSET %u%s", sorted->parts[0],
                 sorted->parts[1], sorted->parts[2], order_of(sorted->columns, q->sort),
                 q->desc ? "DESC" : "ASC", q->limit, q->cursor, sorted->end);
    if (len < 0 || len >= (int)sizeof text) {
        (void)err_set(e, ERR_ARG, "the statement is too long");
        return NULL;
    }
    return pg_query(pg, text, args, e);
}

void found_add(struct found *found, json_t *row, uint64_t last_ms)
{
    (void)json_array_append_new(found->rows, row); /* short of memory: fewer */
    found->newest_ms = last_ms > found->newest_ms ? last_ms : found->newest_ms;
}

static json_t *number_at(const struct pg_rows *rows, unsigned row, unsigned column)
{
    return json_integer(pg_i64(rows, row, column));
}

static json_t *shape_host(const struct pg_rows *r, unsigned i)
{
    return json_pack("{s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "host",
                     pg_text(r, i, 0), "vlan", number_at(r, i, 1), "local", (int)pg_bool(r, i, 2),
                     "bytes", json_integer(pg_i64(r, i, 3) + pg_i64(r, i, 4)), "bytes_in",
                     number_at(r, i, 3), "bytes_out", number_at(r, i, 4), "packets_in",
                     number_at(r, i, 5), "packets_out", number_at(r, i, 6), "flows",
                     number_at(r, i, 7), "first_ms", number_at(r, i, 8), "last_ms",
                     number_at(r, i, 9));
}

static int find_hosts(const struct stored *s, struct pg *pg, struct found *found, struct err *e)
{
    static const struct stored_sorted by = {{hosts_sql, "", ""}, "", host_columns};
    struct pg_args args = stored_window(s);
    stored_add_number(&args, s->query.filter.vlan != 0, s->query.filter.vlan);
    struct pg_rows *rows = stored_run_sorted(&s->query, pg, &by, &args, e);
    if (rows == NULL) {
        return -1;
    }
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        found_add(found, shape_host(rows, i), (uint64_t)pg_i64(rows, i, 9));
        found->total = (uint64_t)pg_i64(rows, i, 10);
    }
    pg_rows_free(rows);
    return 0;
}

static int find_alerts(const struct stored *s, struct pg *pg, struct found *found, struct err *e)
{
    char text[SQL_SIZE];
    struct pg_args args = {0};
    pg_add_i64(&args, s->view.id);
    stored_add_word(&args, s->query.filter.host);
    int len = snprintf(text, sizeof text,
                       "%s WHERE a.instance_id = $1::int AND a.state = 'engaged'"
                       " AND ($2::text IS NULL OR strpos(a.entity_id, $2) > 0)"
                       " ORDER BY a.first_at DESC, a.id DESC LIMIT %u OFFSET %u",
                       alert_row_sql, s->query.limit, s->query.cursor);
    struct pg_rows *rows = len > 0 && len < (int)sizeof text ? pg_query(pg, text, &args, e) : NULL;
    if (rows == NULL) {
        return -1;
    }
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        struct alert_view view;
        alert_row_read(rows, i, &view);
        found_add(found, shape_alert(&view), view.last_ms);
    }
    found->total = s->query.cursor + json_array_size(found->rows);
    pg_rows_free(rows);
    return 0;
}

static void find_status(const struct stored *s, struct found *found)
{
    json_t *row = json_pack("{s:s, s:o}", "version", s->view.version, "uptime_s",
                            shape_number(s->view.uptime_s));
    found_add(found, row, s->view.last_seen_ms);
    found->total = 1;
}

static int find_rows(const struct stored *s, struct pg *pg, struct found *found, struct err *e)
{
    switch (s->query.op) {
    case QUERY_STATUS: find_status(s, found); return 0;
    case QUERY_HOSTS: return find_hosts(s, pg, found, e);
    case QUERY_FLOWS:
    case QUERY_FLOW: return stored_flows(s, pg, found, e);
    case QUERY_ALERTS: return find_alerts(s, pg, found, e);
    }
    return err_set(e, ERR_ARG, "question %d", (int)s->query.op);
}

static void answer(struct stored *s, struct found *found)
{
    uint64_t now = now_ms();
    uint64_t newest = found->newest_ms != 0 ? found->newest_ms : s->view.last_seen_ms;
    const struct question_body body = {
        .instance = s->view.name,
        .query = &s->query,
        .age_ms = newest != 0 && newest < now ? now - newest : 0,
        .rows = found->rows,
        .total = found->total,
        .code = s->code,
        .message = s->message,
    };
    call_answer(s->call, question_response(&body));
    free(s);
}

bool stored_run(void *arg, struct pg *pg)
{
    struct stored *s = arg;
    struct err e = {0};
    struct found found = {.rows = json_array()};
    bool can_look = pg != NULL || s->query.op == QUERY_STATUS; /* which is known from memory */
    if (can_look && find_rows(s, pg, &found, &e) == 0) {
        answer(s, &found);
        return true;
    }
    json_decref(found.rows);
    if (can_look && e.code == ERR_CLOSED) {
        return false;
    }
    if (can_look) {
        log_error(&e, "what is stored of an instance could not be read");
    }
    call_refuse(s->call, &fault_unavailable);
    free(s);
    return true;
}
