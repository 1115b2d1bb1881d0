/* What was lost, where and why: gaps of an instance, of the fleet, drops of the centre itself. */
#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"

#include "aggregator/fleet/metrics.h"

enum { GAPS_MAX = 200, QUARANTINE_MAX = 200, SHOWN_BYTES = 64 };

static json_t *time_or_null(const struct pg_rows *r, unsigned row, unsigned column)
{
    return pg_is_null(r, row, column) ? json_null() : json_integer(pg_i64(r, row, column));
}

static const char *stream_text(const struct pg_rows *r, unsigned row, unsigned column)
{
    const char *word = wire_stream_word((enum wire_stream)pg_i64(r, row, column));
    return word != NULL ? word : "";
}

struct http_response *instance_gaps_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {NULL};
    static const char sql[] =
        "SELECT stream, epoch, from_seq, to_seq, reason, (extract(epoch FROM at) * 1000)::bigint,"
        " (extract(epoch FROM from_at) * 1000)::bigint, (extract(epoch FROM to_at) * 1000)::bigint"
        " FROM gap WHERE instance_id = $1::int ORDER BY at DESC, from_seq DESC LIMIT $2::int";
    struct args args = args_of(call->request, known);
    if (args.bad) {
        return args_refusal(&args);
    }
    int32_t id = 0;
    int found = instance_id_find(pg, call->values.items[0], &id, e);
    if (found <= 0) {
        return found == 0 ? http_response_error(&fault_unknown_instance) : NULL;
    }
    struct pg_args values = {0};
    pg_add_i64(&values, id);
    pg_add_i64(&values, GAPS_MAX);
    struct pg_rows *rows = pg_query(pg, sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *items = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        json_t *item = json_pack(
            "{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o}", "stream", stream_text(rows, i, 0),
            "epoch", pg_text(rows, i, 1), "from", pg_text(rows, i, 2), "to", pg_text(rows, i, 3),
            "records", json_integer(pg_i64(rows, i, 3) - pg_i64(rows, i, 2) + 1), "reason",
            pg_text(rows, i, 4), "at_ms", json_integer(pg_i64(rows, i, 5)), "from_ms",
            time_or_null(rows, i, 6), "to_ms", time_or_null(rows, i, 7));
        (void)json_array_append_new(items, item); /* short of memory: fewer */
    }
    pg_rows_free(rows);
    return http_response_json(200, shape_page(items, NULL));
}

/* What the centre itself let go, since it started. Its agents send batches again. */
static json_t *shape_own(struct metrics *m)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "bus",
                     shape_number(metric_get(&m->bus_dropped)), "messages_held",
                     shape_number(metric_get(&m->messages_held)), "batches_held",
                     shape_number(metric_get(&m->batches_held)), "malformed",
                     shape_number(metric_get(&m->messages_malformed)), "unknown",
                     shape_number(metric_get(&m->messages_unknown)), "quarantined",
                     shape_number(metric_get(&m->records_quarantined)), "web_held",
                     shape_number(metric_get(&m->web_events_held)), "stored",
                     shape_number(metric_get(&m->records_stored)));
}

static json_t *shape_gaps(const struct pg_rows *rows)
{
    json_t *items = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        json_t *item =
            json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "instance", pg_text(rows, i, 0), "stream",
                      stream_text(rows, i, 1), "reason", pg_text(rows, i, 2), "records",
                      json_integer(pg_i64(rows, i, 3)), "gaps", json_integer(pg_i64(rows, i, 4)),
                      "last_ms", json_integer(pg_i64(rows, i, 5)));
        (void)json_array_append_new(items, item); /* short of memory: fewer */
    }
    return items;
}

struct http_response *drops_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {NULL};
    static const char sql[] =
        "SELECT i.name, g.stream, g.reason, sum(g.to_seq - g.from_seq + 1), count(*),"
        " (extract(epoch FROM max(g.at)) * 1000)::bigint FROM gap g"
        " JOIN instance i ON i.id = g.instance_id WHERE g.at > now() - interval '30 days'"
        " GROUP BY 1, 2, 3 ORDER BY 6 DESC LIMIT $1::int";
    struct args args = args_of(call->request, known);
    struct pg_args values = {0};
    if (args.bad) {
        return args_refusal(&args);
    }
    pg_add_i64(&values, GAPS_MAX);
    struct pg_rows *rows = pg_query(pg, sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *body = json_pack("{s:o, s:o}", "centre", shape_own(call->web->options.metrics), "gaps",
                             shape_gaps(rows));
    pg_rows_free(rows);
    return http_response_json(200, body);
}

struct http_response *quarantine_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {NULL};
    static const char sql[] =
        "SELECT id, instance, coalesce(stream, 0), seq, reason, length(bytes),"
        " encode(substring(bytes FOR $2::int), 'hex'), (extract(epoch FROM at) * 1000)::bigint"
        " FROM quarantine ORDER BY id DESC LIMIT $1::int";
    struct args args = args_of(call->request, known);
    struct pg_args values = {0};
    if (args.bad) {
        return args_refusal(&args);
    }
    pg_add_i64(&values, QUARANTINE_MAX);
    pg_add_i64(&values, SHOWN_BYTES);
    struct pg_rows *rows = pg_query(pg, sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *items = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        json_t *item =
            json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:s, s:o}", "id", pg_text(rows, i, 0),
                      "instance", pg_text(rows, i, 1), "stream", stream_text(rows, i, 2), "seq",
                      shape_text_or_null(pg_text(rows, i, 3)), "reason", pg_text(rows, i, 4),
                      "bytes", json_integer(pg_i64(rows, i, 5)), "begin", pg_text(rows, i, 6),
                      "at_ms", json_integer(pg_i64(rows, i, 7)));
        (void)json_array_append_new(items, item); /* short of memory: fewer */
    }
    pg_rows_free(rows);
    return http_response_json(200, shape_page(items, NULL));
}
