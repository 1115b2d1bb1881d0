/* Three statements with the same parameters: begin or repeat, end, and end what never began. */
#include "aggregator/store/alerts.h"

#include <stdio.h>
#include <string.h>

/* $1 instance, $2 kind, $3 entity, $4 entity_id, $5 key, $6 state, $7 score, $8 since, $9 at,
 * $10 epoch, $11 seq, $12 flow_id, $13-$16 client, server and ports, $17 protocol, $18 app,
 * $19 host, $20 detail, $21 late. */
#define ALERT_COLUMNS                                                                              \
    "instance_id, kind, entity, entity_id, key, state, score, first_at, last_at, epoch, seq,"      \
    " flow_id, client, server, client_port, server_port, protocol, app, host, detail, arrived_at"
#define ALERT_VALUES                                                                               \
    "$1::int, $2::smallint, $3::smallint, $4, $5, $6, $7::smallint, $8::timestamptz,"              \
    " $9::timestamptz, $10::bigint, $11::bigint, $12::bigint, $13::inet, $14::inet, $15::int,"     \
    " $16::int, $17, $18, $19, $20, CASE WHEN $21::boolean THEN now() END"
#define ALERT_ROW                                                                                  \
    "SELECT a.id, coalesce(i.name, ''), coalesce(i.site, ''), a.state,"                            \
    " (extract(epoch FROM a.first_at) * 1000)::bigint,"                                            \
    " (extract(epoch FROM a.last_at) * 1000)::bigint,"                                             \
    " coalesce((extract(epoch FROM a.released_at) * 1000)::bigint, 0), a.count, a.score,"          \
    " coalesce((extract(epoch FROM a.arrived_at) * 1000)::bigint, 0)"                              \
    " FROM row a LEFT JOIN instance i ON i.id = a.instance_id"

/*
 * Into the outbox, in the same statement as the change: a beginning once, an event that repeats
 * once an hour, an end when its beginning was told. Without recipients there is nobody to tell.
 */
#define BEGAN_SQL                                                                                  \
    ", told AS (INSERT INTO notify_outbox (alert_id, change, bucket, late) SELECT id, 'began',"    \
    " CASE state WHEN 'event' THEN floor(extract(epoch FROM last_at) / 3600)::bigint ELSE 0 END,"  \
    " $21::boolean FROM row WHERE (state = 'event' OR count = 1)"                                  \
    " AND EXISTS (SELECT FROM recipient WHERE enabled)"                                            \
    " ON CONFLICT DO NOTHING RETURNING pg_notify('notify', '')) "
#define ENDED_SQL(late)                                                                            \
    ", told AS (INSERT INTO notify_outbox (alert_id, change, bucket, late)"                        \
    " SELECT id, 'ended', 0, " late                                                                \
    " FROM row WHERE EXISTS (SELECT FROM notify_outbox o WHERE o.alert_id = row.id)"               \
    " ON CONFLICT DO NOTHING RETURNING pg_notify('notify', '')) "

static const char begin_sql[] =
    "WITH row AS (INSERT INTO alert (" ALERT_COLUMNS ") VALUES (" ALERT_VALUES ")"
    " ON CONFLICT (coalesce(instance_id, 0), kind, entity, entity_id, key, state)"
    " WHERE state IN ('engaged', 'event')"
    " DO UPDATE SET last_at = greatest(alert.last_at, excluded.last_at),"
    " count = alert.count + 1, score = excluded.score, detail = excluded.detail,"
    " arrived_at = excluded.arrived_at"
    " RETURNING *)" BEGAN_SQL ALERT_ROW;

static const char end_sql[] =
    "WITH row AS (UPDATE alert SET state = 'released', released_at = $5::timestamptz,"
    " last_at = greatest(last_at, $5::timestamptz)"
    " WHERE coalesce(instance_id, 0) = coalesce($6::int, 0) AND kind = $1::smallint"
    " AND entity = $2::smallint AND entity_id = $3 AND key = $4 AND state = 'engaged'"
    " RETURNING *)" ENDED_SQL("$7::boolean") ALERT_ROW;

static const char ended_sql[] =
    "WITH row AS (INSERT INTO alert (" ALERT_COLUMNS ", released_at) VALUES (" ALERT_VALUES
    ", $9::timestamptz) RETURNING *) " ALERT_ROW;

/* Texts that parameters point to while the statement runs. */
struct alert_texts {
    char client[ADDR_TEXT_SIZE];
    char server[ADDR_TEXT_SIZE];
};

static void add_or_null(struct pg_args *args, int64_t id)
{
    if (id == 0) {
        pg_add_text(args, NULL);
    } else {
        pg_add_i64(args, id);
    }
}

static void add_flow(struct pg_args *args, const struct wire_alert *a, struct alert_texts *texts)
{
    if (!a->has_flow) {
        for (int i = 0; i < 5; i++) { /* flow_id to server_port */
            pg_add_text(args, NULL);
        }
        return;
    }
    enum addr_family family = (enum addr_family)a->flow.family;
    pg_add_i64(args, (int64_t)a->flow_id);
    pg_add_text(args, addr_format(family, &a->flow.client, texts->client));
    pg_add_text(args, addr_format(family, &a->flow.server, texts->server));
    pg_add_i64(args, a->flow.client_port);
    pg_add_i64(args, a->flow.server_port);
}

static struct pg_rows *run_insert(struct pg *pg, const char *sql, const char *state,
                                  const struct alert_origin *origin, const struct wire_alert *a,
                                  struct err *e)
{
    struct pg_args args = {0};
    struct alert_texts texts;
    add_or_null(&args, origin->instance_id);
    pg_add_i64(&args, a->kind);
    pg_add_i64(&args, a->entity);
    pg_add_text(&args, a->entity_id);
    pg_add_text(&args, a->key);
    pg_add_text(&args, state);
    pg_add_i64(&args, a->score);
    pg_add_time(&args, a->since_ns != 0 ? a->since_ns : a->at_ns);
    pg_add_time(&args, a->at_ns);
    add_or_null(&args, (int64_t)origin->epoch);
    add_or_null(&args, (int64_t)origin->seq);
    add_flow(&args, a, &texts);
    pg_add_text(&args, a->protocol);
    pg_add_text(&args, a->app);
    pg_add_text(&args, a->host);
    pg_add_text(&args, a->detail);
    pg_add_bool(&args, origin->late);
    return pg_query(pg, sql, &args, e);
}

static struct pg_rows *run_end(struct pg *pg, const struct alert_origin *origin,
                               const struct wire_alert *a, struct err *e)
{
    struct pg_args args = {0};
    pg_add_i64(&args, a->kind);
    pg_add_i64(&args, a->entity);
    pg_add_text(&args, a->entity_id);
    pg_add_text(&args, a->key);
    pg_add_time(&args, a->at_ns);
    add_or_null(&args, origin->instance_id);
    pg_add_bool(&args, origin->late);
    struct pg_rows *rows = pg_query(pg, end_sql, &args, e);
    if (rows != NULL && pg_rows_count(rows) == 0 && origin->epoch != 0) {
        pg_rows_free(rows);
        rows = run_insert(pg, ended_sql, "released", origin, a, e);
    }
    return rows;
}

static struct pg_rows *run_action(struct pg *pg, const struct alert_origin *origin,
                                  const struct wire_alert *a, struct err *e)
{
    switch ((enum alert_action)a->action) {
    case ALERT_EVENT: return run_insert(pg, begin_sql, "event", origin, a, e);
    case ALERT_ENGAGE: return run_insert(pg, begin_sql, "engaged", origin, a, e);
    case ALERT_RELEASE: return run_end(pg, origin, a, e);
    }
    (void)err_set(e, ERR_ARG, "alert action %u", a->action);
    return NULL;
}

static enum alert_state state_by_name(const char *name)
{
    enum alert_state state = ALERT_STATE_ENGAGED;
    while (state < ALERT_STATE_EVENT && strcmp(alert_state_name(state), name) != 0) {
        state++;
    }
    return state;
}

/* "192.0.2.1:443", "[2001:db8::1]:443", or the address alone when there is no port. */
static void endpoint(char *buf, size_t size, uint8_t family, const struct addr *addr, uint16_t port)
{
    char text[ADDR_TEXT_SIZE];
    (void)addr_format((enum addr_family)family, addr, text);
    if (port == 0) {
        (void)snprintf(buf, size, "%s", text); /* fits by its size in alert_view */
    } else if (family == ADDR_IPV6) {
        (void)snprintf(buf, size, "[%s]:%u", text, port);
    } else {
        (void)snprintf(buf, size, "%s:%u", text, port);
    }
}

#define COPY_TEXT(to, from) ((void)snprintf((to), sizeof(to), "%s", (from))) /* same sizes */

static void fill_view(struct alert_view *view, const struct pg_rows *rows,
                      const struct wire_alert *a)
{
    *view = (struct alert_view){
        .id = pg_i64(rows, 0, 0),
        .kind = a->kind,
        .score = (uint16_t)pg_i64(rows, 0, 8),
        .state = state_by_name(pg_text(rows, 0, 3)),
        .entity = a->entity,
        .first_ms = (uint64_t)pg_i64(rows, 0, 4),
        .last_ms = (uint64_t)pg_i64(rows, 0, 5),
        .released_ms = (uint64_t)pg_i64(rows, 0, 6),
        .count = (uint64_t)pg_i64(rows, 0, 7),
        .arrived_ms = (uint64_t)pg_i64(rows, 0, 9),
    };
    COPY_TEXT(view->instance, pg_text(rows, 0, 1));
    COPY_TEXT(view->site, pg_text(rows, 0, 2));
    COPY_TEXT(view->entity_id, a->entity_id);
    COPY_TEXT(view->key, a->key);
    COPY_TEXT(view->protocol, a->protocol);
    COPY_TEXT(view->app, a->app);
    COPY_TEXT(view->host, a->host);
    COPY_TEXT(view->detail, a->detail);
    if (a->has_flow) {
        const struct flow_key *key = &a->flow;
        endpoint(view->client, sizeof view->client, key->family, &key->client, key->client_port);
        endpoint(view->server, sizeof view->server, key->family, &key->server, key->server_port);
    }
}

int alerts_apply(struct pg *pg, const struct alert_origin *origin, const struct wire_alert *alert,
                 struct alert_view *view, struct err *e)
{
    struct pg_rows *rows = run_action(pg, origin, alert, e);
    if (rows == NULL) {
        return -1;
    }
    int result = 0;
    *view = (struct alert_view){0};
    if (pg_rows_count(rows) == 1) {
        fill_view(view, rows, alert);
    } else if (alert->action != ALERT_RELEASE || origin->epoch != 0) {
        result = err_set(e, ERR_REMOTE, "alert: %u rows instead of one", pg_rows_count(rows));
    }
    pg_rows_free(rows);
    return result;
}

int alerts_keep(struct pg *pg, const struct keep_job *keep, bool *changed, struct err *e)
{
    static const char sql[] =
        "WITH row AS (UPDATE alert SET state = 'released', released_at = now(),"
        " last_at = greatest(last_at, now()) WHERE coalesce(instance_id, 0) = 0"
        " AND kind = $1::smallint AND state = 'engaged' AND epoch IS NULL"
        " AND key <> ALL (string_to_array($2, E'\\n')) RETURNING *)" ENDED_SQL(
            "false") "SELECT id FROM row";
    char keys[KEEP_KEYS_MAX * ALERT_KEY_SIZE] = "";
    size_t len = 0;
    for (unsigned i = 0; i < keep->count && i < KEEP_KEYS_MAX; i++) {
        len += (size_t)snprintf(keys + len, sizeof keys - len, "%s%s", i > 0 ? "\n" : "",
                                keep->keys[i]); /* fits: each with its end */
    }
    struct pg_args args = {0};
    pg_add_i64(&args, keep->kind);
    pg_add_text(&args, keys);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    *changed = pg_rows_count(rows) > 0;
    pg_rows_free(rows);
    return 0;
}
