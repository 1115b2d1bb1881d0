/* The key of a delivery never changes: a receiver that saw it before may leave it out. */
#include "aggregator/notify/delivery.h"

#include <string.h>

int delivery_next(struct pg *pg, struct delivery *d, struct err *e)
{
    static const char sql[] =
        "SELECT d.id, d.key, r.type = 'email', d.test, r.address, r.secret, d.subject, d.body,"
        " (extract(epoch FROM d.created_at) * 1000)::bigint, m.host IS NOT NULL, m.host, m.port,"
        " m.security, m.login, m.password, m.sender FROM delivery d"
        " JOIN recipient r ON r.id = d.recipient_id LEFT JOIN mail_server m ON true"
        " WHERE d.state = 'waiting' AND d.next_at <= now() AND (r.enabled OR d.test)"
        " ORDER BY d.next_at, d.id LIMIT 1";
    *d = (struct delivery){0};
    struct pg_rows *rows = pg_query(pg, sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    if (pg_rows_count(rows) == 0) {
        pg_rows_free(rows);
        return 0;
    }
    *d = (struct delivery){
        .rows = rows,
        .id = pg_i64(rows, 0, 0),
        .key = pg_text(rows, 0, 1),
        .mail = pg_bool(rows, 0, 2),
        .test = pg_bool(rows, 0, 3),
        .address = pg_text(rows, 0, 4),
        .secret = pg_text(rows, 0, 5),
        .subject = pg_text(rows, 0, 6),
        .body = pg_text(rows, 0, 7),
        .made_ms = pg_i64(rows, 0, 8),
        .has_server = pg_bool(rows, 0, 9),
        .host = pg_text(rows, 0, 10),
        .port = (int)pg_i64(rows, 0, 11),
        .security = pg_text(rows, 0, 12),
        .login = pg_text(rows, 0, 13),
        .password = pg_text(rows, 0, 14),
        .sender = pg_text(rows, 0, 15),
    };
    return 0;
}

void delivery_done(struct delivery *d)
{
    pg_rows_free(d->rows);
    *d = (struct delivery){0};
}

int delivery_note(struct pg *pg, const struct outcome *outcome, struct err *e)
{
    static const char sql[] =
        "UPDATE delivery SET tries = tries + 1, error = $3,"
        " sent_at = CASE WHEN $2::boolean THEN now() END,"
        " state = CASE WHEN $2::boolean THEN 'sent' WHEN test OR tries + 1 >= $4::int THEN 'dead'"
        " ELSE 'waiting' END,"
        " next_at = now() + least(10 * power(2, tries), 3600) * interval '1 s'"
        " WHERE id = $1::bigint AND state = 'waiting'";
    struct pg_args args = {0};
    pg_add_i64(&args, outcome->id);
    pg_add_bool(&args, outcome->sent);
    pg_add_text(&args, outcome->sent ? "" : outcome->why.what);
    pg_add_i64(&args, DELIVERY_TRIES_MAX);
    return pg_run(pg, sql, &args, e);
}

int delivery_waits(struct pg *pg, bool *waits, struct err *e)
{
    static const char sql[] =
        "SELECT EXISTS (SELECT FROM delivery d JOIN recipient r ON r.id = d.recipient_id"
        " WHERE d.state = 'waiting' AND (r.enabled OR d.test))"
        " OR EXISTS (SELECT FROM notify_item n JOIN recipient r ON r.id = n.recipient_id"
        " WHERE n.delivery_id IS NULL AND r.enabled)";
    struct pg_rows *rows = pg_query(pg, sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    *waits = pg_bool(rows, 0, 0);
    pg_rows_free(rows);
    return 0;
}

int delivery_prune(struct pg *pg, struct err *e)
{
    static const char sql[] =
        "WITH old AS (DELETE FROM delivery WHERE created_at < now() - interval '90 days'"
        " AND state <> 'waiting')"
        " DELETE FROM notify_outbox WHERE at < now() - interval '90 days' AND fanned";
    return pg_run(pg, sql, NULL, e);
}
