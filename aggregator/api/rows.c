/* What the store keeps, read as values. */
#include "aggregator/api/rows.h"

#include "common/clock.h"

#include <stdio.h>
#include <string.h>

int instance_id_find(struct pg *pg, const char *name, int32_t *id, struct err *e)
{
    static const char sql[] = "SELECT id FROM instance WHERE name = $1";
    struct pg_args args = {0};
    pg_add_text(&args, name);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    bool found = pg_rows_count(rows) == 1;
    *id = found ? (int32_t)pg_i64(rows, 0, 0) : 0;
    pg_rows_free(rows);
    return found ? 1 : 0;
}

/* An endpoint's text: "192.0.2.1:443", "[2001:db8::1]:443", or the address alone. */
#define ENDPOINT_SQL(address, port)                                                                \
    "CASE WHEN " address " IS NULL THEN '' WHEN coalesce(" port ", 0) = 0 THEN host(" address      \
    ") WHEN family(" address ") = 6 THEN '[' || host(" address ") || ']:' || " port                \
    " ELSE host(" address ") || ':' || " port " END"

const char alert_row_sql[] =
    "SELECT a.id, a.kind, a.score, a.state, a.entity, coalesce(i.name, ''), coalesce(i.site, ''),"
    " a.entity_id, a.key, (extract(epoch FROM a.first_at) * 1000)::bigint,"
    " (extract(epoch FROM a.last_at) * 1000)::bigint,"
    " coalesce((extract(epoch FROM a.released_at) * 1000)::bigint, 0), a.count,"
    " " ENDPOINT_SQL(
        "a.client",
        "a.client_port") ","
                         " " ENDPOINT_SQL(
                             "a.server",
                             "a.server_port") ","
                                              " a.protocol, a.app, a.host, a.detail, (extract(epoch FROM a.last_at) * 1000000)::bigint,"
                                              " coalesce((extract(epoch FROM a.arrived_at) * 1000)::bigint, 0)"
                                              " FROM alert a LEFT JOIN instance i ON i.id = a.instance_id";

static enum alert_state state_by_name(const char *name)
{
    for (enum alert_state state = ALERT_STATE_ENGAGED; state < ALERT_STATE_EVENT; state++) {
        if (strcmp(alert_state_name(state), name) == 0) {
            return state;
        }
    }
    return ALERT_STATE_EVENT;
}

#define COPY(to, column)                                                                           \
    ((void)snprintf((to), sizeof(to), "%s", pg_text(rows, row, (column)))) /* written as long */

void alert_row_read(const struct pg_rows *rows, unsigned row, struct alert_view *view)
{
    *view = (struct alert_view){
        .id = pg_i64(rows, row, 0),
        .kind = (uint16_t)pg_i64(rows, row, 1),
        .score = (uint16_t)pg_i64(rows, row, 2),
        .state = state_by_name(pg_text(rows, row, 3)),
        .entity = (uint8_t)pg_i64(rows, row, 4),
        .first_ms = (uint64_t)pg_i64(rows, row, 9),
        .last_ms = (uint64_t)pg_i64(rows, row, 10),
        .released_ms = (uint64_t)pg_i64(rows, row, 11),
        .count = (uint64_t)pg_i64(rows, row, 12),
        .arrived_ms = (uint64_t)pg_i64(rows, row, 20),
    };
    COPY(view->instance, 5);
    COPY(view->site, 6);
    COPY(view->entity_id, 7);
    COPY(view->key, 8);
    COPY(view->client, 13);
    COPY(view->server, 14);
    COPY(view->protocol, 15);
    COPY(view->app, 16);
    COPY(view->host, 17);
    COPY(view->detail, 18);
}

int64_t alert_row_place(const struct pg_rows *rows, unsigned row)
{
    return pg_i64(rows, row, 19);
}

void add_time_ms(struct pg_args *args, uint64_t ms)
{
    pg_add_time(args, ms * NS_PER_MS);
}
