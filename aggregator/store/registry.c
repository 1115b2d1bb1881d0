/* Each function locks the instance's row first, so that two callers come one after the other. */
#include "aggregator/store/registry.h"

#include "common/creds.h"

#include <stdlib.h>
#include <string.h>

static int in_transaction(struct pg *pg, int (*work)(struct pg *pg, void *job, struct err *e),
                          void *job, struct err *e)
{
    if (pg_script(pg, "BEGIN", e) != 0) {
        return -1;
    }
    if (work(pg, job, e) != 0) {
        (void)pg_script(pg, "ROLLBACK", NULL); /* the first failure is the one to tell */
        return -1;
    }
    return pg_script(pg, "COMMIT", e);
}

static int audit(struct pg *pg, const char *actor, const char *action, const char *subject,
                 const char *detail, struct err *e)
{
    static const char sql[] = "INSERT INTO audit (actor, action, subject, detail)"
                              " VALUES ($1, $2, $3, $4)";
    struct pg_args args = {0};
    pg_add_text(&args, actor);
    pg_add_text(&args, action);
    pg_add_text(&args, subject);
    pg_add_text(&args, detail);
    return pg_run(pg, sql, &args, e);
}

static int tell(struct pg *pg, struct err *e)
{
    return pg_script(pg, "NOTIFY " REGISTRY_CHANNEL, e);
}

/* Finds the instance, or makes it with its site. *open: nobody is enrolled under it. */
static int find_or_make(struct pg *pg, const struct agent_invite *invite, int32_t *id, bool *open,
                        struct err *e)
{
    static const char site_sql[] = "INSERT INTO site (name) VALUES ($1) ON CONFLICT DO NOTHING";
    static const char make_sql[] = "INSERT INTO instance (name, title, site) VALUES ($1, $2, $3)"
                                   " ON CONFLICT (name) DO NOTHING";
    static const char find_sql[] =
        "SELECT i.id, i.state = 'revoked' OR NOT EXISTS (SELECT FROM instance_key k"
        " WHERE k.instance_id = i.id) FROM instance i WHERE i.name = $1 FOR UPDATE";
    struct pg_args site = {0};
    pg_add_text(&site, invite->site);
    struct pg_args make = {0};
    pg_add_text(&make, invite->name);
    pg_add_text(&make, invite->title[0] != '\0' ? invite->title : invite->name);
    pg_add_text(&make, invite->site);
    struct pg_args find = {0};
    pg_add_text(&find, invite->name);
    if (pg_run(pg, site_sql, &site, e) != 0 || pg_run(pg, make_sql, &make, e) != 0) {
        return -1;
    }
    struct pg_rows *rows = pg_query(pg, find_sql, &find, e);
    if (rows == NULL) {
        return -1;
    }
    int result = 0;
    if (pg_rows_count(rows) == 1) {
        *id = (int32_t)pg_i64(rows, 0, 0);
        *open = pg_bool(rows, 0, 1);
    } else {
        result = err_set(e, ERR_REMOTE, "instance %s went away", invite->name);
    }
    pg_rows_free(rows);
    return result;
}

static int add_token(struct pg *pg, const struct invite_job *job, struct err *e)
{
    static const char sql[] = "INSERT INTO token (hash, instance_id, uses_left, expires_at,"
                              " created_by) VALUES ($1, $2::int, $3::int,"
                              " to_timestamp($4::bigint), $5)";
    struct pg_args args = {0};
    pg_add_text(&args, job->token_hash);
    pg_add_i64(&args, job->instance_id);
    pg_add_i64(&args, job->invite.uses != 0 ? job->invite.uses : 1);
    pg_add_i64(&args, (int64_t)job->expires_s);
    pg_add_text(&args, job->invite.by);
    return pg_run(pg, sql, &args, e);
}

static int invite(struct pg *pg, void *arg, struct err *e)
{
    struct invite_job *job = arg;
    bool open = false;
    if (find_or_make(pg, &job->invite, &job->instance_id, &open, e) != 0) {
        return -1;
    }
    job->exists = !open && !job->invite.again;
    if (job->exists) {
        return 0;
    }
    if (add_token(pg, job, e) != 0 ||
        audit(pg, job->invite.by, "agent.add", job->invite.name, job->invite.site, e) != 0) {
        return -1;
    }
    return tell(pg, e);
}

int registry_invite(struct pg *pg, struct invite_job *job, struct err *e)
{
    return in_transaction(pg, invite, job, e);
}

/* The token's row with its instance's name, judged against the request. */
static int judge_token(struct pg *pg, struct enrol_job *job, struct err *e)
{
    static const char sql[] =
        "SELECT t.instance_id, i.name = $2, t.revoked_at IS NOT NULL, t.expires_at <= now(),"
        " t.uses_left FROM token t JOIN instance i ON i.id = t.instance_id WHERE t.hash = $1"
        " FOR UPDATE";
    struct pg_args args = {0};
    pg_add_text(&args, job->request.token_hash);
    pg_add_text(&args, job->name);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    if (pg_rows_count(rows) == 0) {
        job->verdict = ENROL_UNKNOWN_TOKEN;
    } else if (!pg_bool(rows, 0, 1)) {
        job->verdict = ENROL_OTHER_NAME;
    } else if (pg_bool(rows, 0, 2)) {
        job->verdict = ENROL_REVOKED;
    } else if (pg_bool(rows, 0, 3)) {
        job->verdict = ENROL_EXPIRED;
    } else if (pg_i64(rows, 0, 4) == 0) {
        job->verdict = ENROL_USED_UP;
    } else {
        job->verdict = ENROL_OK;
    }
    if (pg_rows_count(rows) != 0) {
        job->instance_id = (int32_t)pg_i64(rows, 0, 0);
    }
    pg_rows_free(rows);
    return 0;
}

/* A key that is bound already: the same request once more is answered as before. */
static int judge_key(struct pg *pg, struct enrol_job *job, bool *bound, struct err *e)
{
    static const char sql[] = "SELECT k.instance_id = t.instance_id AND k.revoked_at IS NULL"
                              " AND k.token_hash = $2 FROM instance_key k LEFT JOIN token t"
                              " ON t.hash = $2 WHERE k.nkey = $1";
    struct pg_args args = {0};
    pg_add_text(&args, job->request.nkey);
    pg_add_text(&args, job->request.token_hash);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    *bound = pg_rows_count(rows) != 0;
    bool same = *bound && pg_bool(rows, 0, 0);
    pg_rows_free(rows);
    if (!*bound) {
        return 0;
    }
    if (!same && (job->verdict == ENROL_OK || job->verdict == ENROL_USED_UP)) {
        job->verdict = ENROL_KEY_TAKEN;
    } else if (same && job->verdict == ENROL_USED_UP) {
        job->verdict = ENROL_OK;
    }
    return 0;
}

static int bind_key(struct pg *pg, const struct enrol_job *job, struct err *e)
{
    static const char key_sql[] = "INSERT INTO instance_key (nkey, instance_id, token_hash)"
                                  " VALUES ($1, $2::int, $3)";
    static const char use_sql[] = "UPDATE token SET uses_left = uses_left - 1 WHERE hash = $1";
    struct pg_args key = {0};
    pg_add_text(&key, job->request.nkey);
    pg_add_i64(&key, job->instance_id);
    pg_add_text(&key, job->request.token_hash);
    struct pg_args use = {0};
    pg_add_text(&use, job->request.token_hash);
    if (pg_run(pg, key_sql, &key, e) != 0 || pg_run(pg, use_sql, &use, e) != 0) {
        return -1;
    }
    return audit(pg, "agent", "agent.enrol", job->name, job->request.host, e);
}

static int enrol(struct pg *pg, void *arg, struct err *e)
{
    struct enrol_job *job = arg;
    bool bound = false;
    if (judge_token(pg, job, e) != 0 || judge_key(pg, job, &bound, e) != 0) {
        return -1;
    }
    if (job->verdict != ENROL_OK || bound) {
        return 0;
    }
    job->fresh = true;
    return bind_key(pg, job, e);
}

int registry_enrol(struct pg *pg, struct enrol_job *job, struct err *e)
{
    return in_transaction(pg, enrol, job, e);
}

static int find_instance(struct pg *pg, struct revoke_job *job, struct err *e)
{
    struct pg_args args = {0};
    pg_add_text(&args, job->name);
    struct pg_rows *rows =
        pg_query(pg, "SELECT id FROM instance WHERE name = $1 FOR UPDATE", &args, e);
    if (rows == NULL) {
        return -1;
    }
    job->found = pg_rows_count(rows) == 1;
    if (job->found) {
        job->instance_id = (int32_t)pg_i64(rows, 0, 0);
    }
    pg_rows_free(rows);
    return 0;
}

/* Nobody is left who could end its alerts. Whoever was told of a beginning is told of the end. */
static const char release_sql[] =
    "WITH row AS (UPDATE alert SET state = 'released', released_at = now(),"
    " last_at = greatest(last_at, now()) WHERE coalesce(instance_id, 0) = $1::int"
    " AND state = 'engaged' RETURNING id)"
    " INSERT INTO notify_outbox (alert_id, change, bucket) SELECT id, 'ended', 0 FROM row"
    " WHERE EXISTS (SELECT FROM notify_outbox o WHERE o.alert_id = row.id)"
    " ON CONFLICT DO NOTHING RETURNING pg_notify('notify', '')";

static int revoke(struct pg *pg, void *arg, struct err *e)
{
    static const char *const sql[] = {
        "UPDATE instance_key SET revoked_at = now() WHERE instance_id = $1::int"
        " AND revoked_at IS NULL",
        "UPDATE token SET revoked_at = now() WHERE instance_id = $1::int AND revoked_at IS NULL",
        "INSERT INTO instance_state_change (instance_id, at, from_state, to_state, cause)"
        " SELECT id, now(), state, 'revoked', 'revoked' FROM instance WHERE id = $1::int"
        " AND state <> 'revoked'",
        "UPDATE instance SET state = 'revoked', cause = 'revoked', reasons = 0,"
        " state_since = now(), outage_from = NULL WHERE id = $1::int AND state <> 'revoked'",
        release_sql,
    };
    struct revoke_job *job = arg;
    if (find_instance(pg, job, e) != 0) {
        return -1;
    }
    if (!job->found) {
        return 0;
    }
    struct pg_args args = {0};
    pg_add_i64(&args, job->instance_id);
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        if (pg_run(pg, sql[i], &args, e) != 0) {
            return -1;
        }
    }
    if (audit(pg, job->by, "agent.revoke", job->name, "", e) != 0) {
        return -1;
    }
    return tell(pg, e);
}

int registry_revoke(struct pg *pg, struct revoke_job *job, struct err *e)
{
    return in_transaction(pg, revoke, job, e);
}

char *registry_revocations(struct pg *pg, struct err *e)
{
    static const char sql[] = "SELECT coalesce(json_object_agg(nkey, $1::bigint), '{}')"
                              " FROM instance_key WHERE revoked_at IS NOT NULL";
    struct pg_args args = {0};
    pg_add_i64(&args, CREDS_REVOKED_UNTIL_S);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    char *text = strdup(pg_text(rows, 0, 0));
    pg_rows_free(rows);
    if (text == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the list of revocations");
    }
    return text;
}
