/*
 * The window is the five minutes up to when the instance was last heard. Flow records are deltas,
 * so a flow's figures here are sums over the window.
 */
#include "aggregator/api/stored.h"

#include "aggregator/api/question.h"
#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"

#include "common/wire/fields.h"

#define LOG_MODULE "api"
#include "common/log.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_MS = 5 * 60 * 1000, LATE_MS = 60 * 1000, SQL_SIZE = 4096 };

/*
 * $1 instance, $2 and $3 the window, $4 host, $5 client, $6 server, $7 app, $8 transport, $9 port,
 * $10 vlan, $11 status, $12 flow_id; NULL: not asked for.
 */
#define FLOW_WINDOW_SQL                                                                            \
    " FROM flow WHERE instance_id = $1::int AND last_at >= $2::timestamptz"                        \
    " AND last_at < $3::timestamptz"
#define FLOW_FILTER_SQL                                                                            \
    " AND ($4::text IS NULL OR host(client) = $4 OR host(server) = $4"                             \
    " OR host ILIKE '%' || $4 || '%')"                                                             \
    " AND ($5::text IS NULL OR host(client) = $5) AND ($6::text IS NULL OR host(server) = $6)"     \
    " AND ($7::text IS NULL OR lower(app) = lower($7) OR lower(protocol) = lower($7))"             \
    " AND ($8::int IS NULL OR protocol_l4 = $8::int)"                                              \
    " AND ($9::int IS NULL OR client_port = $9::int OR server_port = $9::int)"                     \
    " AND ($10::int IS NULL OR vlan = $10::int)"                                                   \
    " AND ($12::bigint IS NULL OR flow_id = $12::bigint)"

#define LAST(column) "(array_agg(" column " ORDER BY last_at DESC))[1]"

/* One row a flow; the status that is asked for is the flow's last. */
static const char flows_sql[] =
    "WITH f AS (SELECT flow_id, (extract(epoch FROM min(first_at)) * 1000)::bigint AS first_ms,"
    " (extract(epoch FROM max(last_at)) * 1000)::bigint AS last_ms, client, client_port, server,"
    " server_port, vlan, protocol_l4, " LAST("protocol") " AS protocol, " LAST("app") " AS app, " LAST("category") " AS category, " LAST("host") " AS host, " LAST(
        "info") " AS info, " LAST("status") " AS status, " LAST("source") " AS source,"
                                                                          " sum(bytes_c2s)::bigint AS bytes_c2s, sum(bytes_s2c)::bigint AS bytes_s2c,"
                                                                          " sum(packets_c2s)::bigint AS packets_c2s, sum(packets_s2c)::bigint AS packets_s2c,"
                                                                          " sum(retransmitted_c2s + retransmitted_s2c)::bigint AS retransmitted,"
                                                                          " sum(out_of_order_c2s + out_of_order_s2c)::bigint AS out_of_order,"
                                                                          " bit_or(tcp_flags_c2s) AS flags_c2s, bit_or(tcp_flags_s2c) AS flags_s2c,"
                                                                          " coalesce(max(handshake_client_us), 0) AS rtt_client,"
                                                                          " coalesce(max(handshake_server_us), 0) AS rtt_server, bit_or(risks) AS risks" FLOW_WINDOW_SQL
                                                                              FLOW_FILTER_SQL
                                                                          " GROUP BY epoch, flow_id, client, client_port, server, server_port, vlan, protocol_l4)"
                                                                          " SELECT flow_id, first_ms, last_ms, host(client), client_port, host(server), server_port,"
                                                                          " vlan, protocol_l4, protocol, app, category, host, info, status, source, bytes_c2s, bytes_s2c,"
                                                                          " packets_c2s, packets_s2c, retransmitted, out_of_order, flags_c2s, flags_s2c, rtt_client,"
                                                                          " rtt_server, risks, count(*) OVER () FROM f WHERE ($11::int IS NULL OR status = $11::int)";

/*
 * Both sides of every flow; `local` is what the counters say of the host. $1 to $4 as above, $5
 * vlan.
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

/* The order that a column's name asks for; the first is the order when none is asked for. */
struct column {
    const char *name, *sql;
};
static const struct column flow_columns[] = {
    {"bytes", "bytes_c2s + bytes_s2c"},
    {"bytes_c2s", "bytes_c2s"},
    {"bytes_s2c", "bytes_s2c"},
    {"packets", "packets_c2s + packets_s2c"},
    {"first_ms", "first_ms"},
    {"last_ms", "last_ms"},
    {"client", "client"},
    {"client_port", "client_port"},
    {"server", "server"},
    {"server_port", "server_port"},
    {"protocol", "protocol"},
    {"app", "app"},
    {"status", "status"},
    {NULL, NULL},
};
static const struct column host_columns[] = {
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

static const char *order_of(const struct column *columns, const char *name)
{
    for (const struct column *c = columns; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c->sql;
        }
    }
    return columns[0].sql; /* a live column that is not stored, such as bps */
}

static int transport_number(const char *word)
{
    static const struct {
        const char *word;
        int number;
    } known[] = {{"tcp", IPPROTO_TCP},
                 {"udp", IPPROTO_UDP},
                 {"icmp", IPPROTO_ICMP},
                 {"icmpv6", IPPROTO_ICMPV6},
                 {"sctp", IPPROTO_SCTP}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(known[i].word, word) == 0) {
            return known[i].number;
        }
    }
    bool digits = word[0] != '\0' && strspn(word, "0123456789") == strlen(word);
    return digits && strlen(word) <= 3 ? (int)strtol(word, NULL, 10) : -1;
}

static void add_word(struct pg_args *args, const char *word)
{
    pg_add_text(args, word[0] != '\0' ? word : NULL);
}

static void add_number(struct pg_args *args, bool wanted, int64_t number)
{
    if (wanted) {
        pg_add_i64(args, number);
    } else {
        pg_add_text(args, NULL);
    }
}

static int status_number(const char *name)
{
    int status = FLOW_OPENING;
    while (status < FLOW_EVICTED && strcmp(flow_status_name((enum flow_status)status), name) != 0) {
        status++;
    }
    return status;
}

static struct pg_args args_of_window(const struct stored *s)
{
    uint64_t end_ms = s->view.last_seen_ms + LATE_MS;
    struct pg_args args = {0};
    pg_add_i64(&args, s->view.id);
    add_time_ms(&args, end_ms > WINDOW_MS + LATE_MS ? end_ms - WINDOW_MS - LATE_MS : 1);
    add_time_ms(&args, end_ms);
    add_word(&args, s->query.filter.host);
    return args;
}

static struct pg_args args_of_flows(const struct stored *s)
{
    const struct query_filter *f = &s->query.filter;
    struct pg_args args = args_of_window(s);
    add_word(&args, f->client);
    add_word(&args, f->server);
    add_word(&args, f->app);
    add_number(&args, f->protocol[0] != '\0', transport_number(f->protocol));
    add_number(&args, f->port != 0, f->port);
    add_number(&args, f->vlan != 0, f->vlan);
    add_number(&args, f->status[0] != '\0', status_number(f->status));
    add_number(&args, f->flow_id != 0, (int64_t)f->flow_id);
    return args;
}

/* A statement that lacks its order, and the columns to choose one from. */
struct sorted {
    const char *sql;
    const struct column *columns;
};

static struct pg_rows *run_sorted(const struct query *q, struct pg *pg, const struct sorted *sorted,
                                  const struct pg_args *args, struct err *e)
{
    char text[SQL_SIZE];
    int len =
        snprintf(text, sizeof text, "%s ORDER BY %s %s LIMIT %u OFFSET %u", sorted->sql,
                 order_of(sorted->columns, q->sort), q->desc ? "DESC" : "ASC", q->limit, q->cursor);
    if (len < 0 || len >= (int)sizeof text) {
        (void)err_set(e, ERR_FULL, "the statement is too long");
        return NULL;
    }
    return pg_query(pg, text, args, e);
}

/* Rows of an answer being made, and the newest time among them. */
struct found {
    json_t *rows;
    uint64_t total;
    uint64_t newest_ms;
};

static void found_add(struct found *found, json_t *row, uint64_t last_ms)
{
    (void)json_array_append_new(found->rows, row); /* short of memory: fewer */
    found->newest_ms = last_ms > found->newest_ms ? last_ms : found->newest_ms;
}

static json_t *transport_of(int64_t number)
{
    switch (number) {
    case IPPROTO_TCP: return json_string("tcp");
    case IPPROTO_UDP: return json_string("udp");
    case IPPROTO_ICMP: return json_string("icmp");
    case IPPROTO_ICMPV6: return json_string("icmpv6");
    case IPPROTO_SCTP: return json_string("sctp");
    default: return json_sprintf("%" PRId64, number);
    }
}

static json_t *risks_of(uint64_t risks)
{
    json_t *list = json_array();
    for (unsigned risk = 1; risk < 64; risk++) {
        if ((risks >> risk & 1) != 0) {
            (void)json_array_append_new(list, json_integer(risk)); /* short of memory: fewer */
        }
    }
    return list;
}

static json_t *number_at(const struct pg_rows *rows, unsigned row, unsigned column)
{
    return json_integer(pg_i64(rows, row, column));
}

static json_t *number_or_null_at(const struct pg_rows *rows, unsigned row, unsigned column)
{
    int64_t number = pg_i64(rows, row, column);
    return number != 0 ? json_integer(number) : json_null();
}

static json_t *flow_figures(const struct pg_rows *r, unsigned i)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "bytes",
                     json_integer(pg_i64(r, i, 16) + pg_i64(r, i, 17)), "bytes_c2s",
                     number_at(r, i, 16), "bytes_s2c", number_at(r, i, 17), "packets",
                     json_integer(pg_i64(r, i, 18) + pg_i64(r, i, 19)), "packets_c2s",
                     number_at(r, i, 18), "packets_s2c", number_at(r, i, 19), "retransmitted",
                     number_at(r, i, 20), "out_of_order", number_at(r, i, 21), "tcp_flags_c2s",
                     number_at(r, i, 22), "tcp_flags_s2c", number_at(r, i, 23), "rtt_client_us",
                     number_or_null_at(r, i, 24), "rtt_server_us", number_or_null_at(r, i, 25),
                     "risks", risks_of((uint64_t)pg_i64(r, i, 26)));
}

static json_t *shape_flow(const struct pg_rows *r, unsigned i)
{
    json_t *row = json_pack(
        "{s:o, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:n}",
        "flow_id", fields_id_string((uint64_t)pg_i64(r, i, 0)), "first_ms", number_at(r, i, 1),
        "last_ms", number_at(r, i, 2), "client", pg_text(r, i, 3), "client_port",
        number_at(r, i, 4), "server", pg_text(r, i, 5), "server_port", number_at(r, i, 6), "vlan",
        number_at(r, i, 7), "transport", transport_of(pg_i64(r, i, 8)), "protocol",
        pg_text(r, i, 9), "app", pg_text(r, i, 10), "category",
        shape_text_or_null(pg_text(r, i, 11)), "host", shape_text_or_null(pg_text(r, i, 12)),
        "info", shape_text_or_null(pg_text(r, i, 13)), "status",
        flow_status_name((enum flow_status)pg_i64(r, i, 14)), "source",
        shape_text_or_null(pg_text(r, i, 15)), "bps");
    json_t *figures = flow_figures(r, i);
    (void)json_object_update(row, figures); /* short of memory: a row without figures */
    json_decref(figures);
    return row;
}

static int find_flows(const struct stored *s, struct pg *pg, struct found *found, struct err *e)
{
    static const struct sorted by = {flows_sql, flow_columns};
    const struct pg_args args = args_of_flows(s);
    struct pg_rows *rows = run_sorted(&s->query, pg, &by, &args, e);
    if (rows == NULL) {
        return -1;
    }
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        found_add(found, shape_flow(rows, i), (uint64_t)pg_i64(rows, i, 2));
        found->total = (uint64_t)pg_i64(rows, i, 27);
    }
    pg_rows_free(rows);
    return 0;
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
    static const struct sorted by = {hosts_sql, host_columns};
    struct pg_args args = args_of_window(s);
    add_number(&args, s->query.filter.vlan != 0, s->query.filter.vlan);
    struct pg_rows *rows = run_sorted(&s->query, pg, &by, &args, e);
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
    add_word(&args, s->query.filter.host);
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
    case QUERY_FLOW: return find_flows(s, pg, found, e);
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
