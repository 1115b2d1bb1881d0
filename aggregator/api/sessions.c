/* One statement checks a session, notes its use and tells who it is. */
#include "aggregator/api/sessions.h"

#include "common/clock.h"

#define LOG_MODULE "session"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The limits are SESSION_IDLE_MS and SESSION_LIFE_MS. $2 is the last use that memory knows. */
static const char refresh_sql[] =
    "UPDATE session s SET used_at = now() FROM account a"
    " WHERE s.hash = $1 AND a.id = s.account_id AND a.disabled_at IS NULL"
    " AND s.created_at > now() - $3 * interval '1 ms'"
    " AND greatest(s.used_at, $2::timestamptz) > now() - $4 * interval '1 ms'"
    " RETURNING a.id, a.name, a.role, (extract(epoch FROM s.created_at) * 1000)::bigint";

static bool read_session(const struct pg_rows *rows, const char *hash, struct session *session)
{
    *session = (struct session){
        .user_id = pg_i64(rows, 0, 0),
        .role = role_by_name(pg_text(rows, 0, 2)),
        .created_ms = (uint64_t)pg_i64(rows, 0, 3),
        .used_ms = now_ms(),
    };
    (void)snprintf(session->hash, sizeof session->hash, "%s", hash); /* both are hex SHA-256 */
    return snprintf(session->user, sizeof session->user, "%s", pg_text(rows, 0, 1)) <
           (int)sizeof session->user;
}

int session_refresh(struct web *web, struct pg *pg, const char *hash, uint64_t used_ms,
                    struct err *e)
{
    struct pg_args args = {0};
    pg_add_text(&args, hash);
    pg_add_time(&args, used_ms * NS_PER_MS);
    pg_add_i64(&args, SESSION_LIFE_MS);
    pg_add_i64(&args, SESSION_IDLE_MS);
    struct pg_rows *rows = pg_query(pg, refresh_sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    struct session session;
    bool known = pg_rows_count(rows) == 1 && read_session(rows, hash, &session);
    pg_rows_free(rows);
    if (!known) {
        session_store_remove(web->sessions, hash);
    } else if (!session_store_put(web->sessions, &session, now_ms())) {
        log_warn(NULL, "there is no room for more sessions in memory");
    }
    return 0;
}

struct refresh {
    struct web *web;
    char hash[SESSION_HASH_SIZE];
    uint64_t used_ms;
};

/* Without the database memory goes on being believed; the next minute asks again. */
static bool refresh_run(void *arg, struct pg *pg)
{
    struct refresh *r = arg;
    struct err e = {0};
    if (pg != NULL && session_refresh(r->web, pg, r->hash, r->used_ms, &e) != 0) {
        if (e.code == ERR_CLOSED) {
            return false;
        }
        log_warn(&e, "a session could not be checked");
    }
    free(r);
    return true;
}

void session_refresh_later(struct web *web, const char *hash, uint64_t used_ms)
{
    struct refresh *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return; /* the next minute asks again */
    }
    *r = (struct refresh){.web = web, .used_ms = used_ms};
    (void)snprintf(r->hash, sizeof r->hash, "%s", hash); /* of the same size */
    if (!pool_submit(web->pool, refresh_run, r)) {
        free(r);
    }
}

char *session_cookie(const char *id, bool tls, char *buf, size_t size)
{
    (void)snprintf(buf, size, "picket_session=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d%s",
                   id != NULL ? id : "", id != NULL ? SESSION_LIFE_MS / 1000 : 0,
                   tls ? "; Secure" : ""); /* RESPONSE_VALUE_SIZE is enough */
    return buf;
}
