/* Signing in and out, and who is signed in. */
#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/sessions.h"

#include "aggregator/auth/password.h"

#define LOG_MODULE "session"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One text for every reason, so that nobody learns who exists. */
static const struct http_fault fault_bad_login = {401, "bad_login",
                                                  "The user or the password is wrong.", NULL, NULL};

static json_t *session_body(const char *user, enum role role, const char *id)
{
    char csrf[SESSION_CSRF_SIZE];
    return json_pack("{s:s, s:s, s:s}", "user", user, "role", role_name(role), "csrf",
                     session_csrf(id, csrf));
}

/* The 429 for an address or user with too many failures behind it; NULL: go on. */
static struct http_response *check_throttle(struct call *call, const char *user)
{
    uint64_t now = now_ms();
    uint64_t address_ms =
        throttle_wait_ms(call->web->throttle, THROTTLE_ADDRESS, call->request->peer, now);
    uint64_t user_ms = throttle_wait_ms(call->web->throttle, THROTTLE_USER, user, now);
    uint64_t wait_ms = address_ms > user_ms ? address_ms : user_ms;
    if (wait_ms == 0) {
        return NULL;
    }
    char seconds[24];
    char hint[64];
    unsigned long long wait_s = (wait_ms + 999) / 1000;
    (void)snprintf(seconds, sizeof seconds, "%llu", wait_s); /* 20 digits at most */
    (void)snprintf(hint, sizeof hint, "Try again in %llu s.", wait_s);
    const struct http_fault fault = {429, "too_many", "Too many sign-ins have failed.", NULL, hint};
    struct http_response *response = http_response_error(&fault);
    http_response_header(response, "retry-after:", seconds);
    return response;
}

struct account {
    int64_t id;
    enum role role;
    bool known; /* and not disabled */
    char password[PASSWORD_HASH_SIZE];
};

static int find_account(struct pg *pg, const char *user, struct account *account, struct err *e)
{
    static const char sql[] = "SELECT id, role, password FROM account"
                              " WHERE name = $1 AND disabled_at IS NULL";
    struct pg_args args = {0};
    pg_add_text(&args, user);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    *account = (struct account){.known = pg_rows_count(rows) == 1};
    if (account->known) {
        account->id = pg_i64(rows, 0, 0);
        account->role = role_by_name(pg_text(rows, 0, 1));
        (void)snprintf(account->password, sizeof account->password, "%s", pg_text(rows, 0, 2));
    }
    pg_rows_free(rows);
    return 0;
}

static struct http_response *refuse_login(struct call *call, struct pg *pg, const char *user,
                                          struct err *e)
{
    static const char sql[] =
        "INSERT INTO audit (actor, address, action) VALUES ($1, $2, 'session.refused')";
    struct pg_args args = {0};
    pg_add_text(&args, user_name_is_valid(user) ? user : "?");
    pg_add_text(&args, call->request->peer);
    uint64_t now = now_ms();
    throttle_failed(call->web->throttle, THROTTLE_ADDRESS, call->request->peer, now);
    throttle_failed(call->web->throttle, THROTTLE_USER, user, now);
    return pg_run(pg, sql, &args, e) == 0 ? http_response_error(&fault_bad_login) : NULL;
}

/* The session's row, the account's last log-in and the audit; old sessions go on the way. */
static int store_session(struct call *call, struct pg *pg, const struct session *session,
                         struct err *e)
{
    static const char sql[] =
        "WITH gone AS (DELETE FROM session WHERE created_at < now() - $4 * interval '1 ms'"
        " OR used_at < now() - $5 * interval '1 ms'),"
        " seen AS (UPDATE account SET last_login_at = now() WHERE id = $2),"
        " noted AS (INSERT INTO audit (actor, address, action) VALUES ($6, $3, 'session.open'))"
        " INSERT INTO session (hash, account_id, address) VALUES ($1, $2, $3)";
    struct pg_args args = {0};
    pg_add_text(&args, session->hash);
    pg_add_i64(&args, session->user_id);
    pg_add_text(&args, call->request->peer);
    pg_add_i64(&args, SESSION_LIFE_MS);
    pg_add_i64(&args, SESSION_IDLE_MS);
    pg_add_text(&args, session->user);
    return pg_run(pg, sql, &args, e);
}

static struct http_response *open_session(struct call *call, struct pg *pg, const char *user,
                                          const struct account *account, struct err *e)
{
    char id[SESSION_ID_SIZE];
    char cookie[RESPONSE_VALUE_SIZE];
    uint64_t now = now_ms();
    struct session session = {
        .user_id = account->id, .role = account->role, .created_ms = now, .used_ms = now};
    (void)snprintf(session.user, sizeof session.user, "%s", user); /* found, so short enough */
    if (session_id_make(id, e) != 0) {
        return NULL;
    }
    (void)session_hash(id, session.hash); /* returns its buffer */
    if (store_session(call, pg, &session, e) != 0) {
        return NULL;
    }
    if (!session_store_put(call->web->sessions, &session, now)) {
        log_warn(NULL, "there is no room for more sessions in memory");
    }
    throttle_succeeded(call->web->throttle, THROTTLE_ADDRESS, call->request->peer);
    throttle_succeeded(call->web->throttle, THROTTLE_USER, user);
    struct http_response *response = http_response_json(200, session_body(user, account->role, id));
    http_response_header(
        response, "set-cookie:", session_cookie(id, call->request->tls, cookie, sizeof cookie));
    explicit_bzero(id, sizeof id);
    explicit_bzero(cookie, sizeof cookie);
    return response;
}

static struct http_response *log_in(struct call *call, struct pg *pg, const json_t *body,
                                    struct args *args, struct err *e)
{
    const char *user = args_member(args, body, "user", 1, USER_NAME_MAX);
    const char *password = args_member(args, body, "password", 1, PASSWORD_MAX);
    if (args->bad) {
        return args_refusal(args);
    }
    struct http_response *wait = check_throttle(call, user);
    if (wait != NULL) {
        return wait;
    }
    struct account account;
    if (find_account(pg, user, &account, e) != 0) {
        return NULL;
    }
    web_hash_begin(call->web);
    bool matches = password_matches(account.known ? account.password : NULL, password);
    web_hash_end(call->web);
    if (!matches) {
        return refuse_login(call, pg, user, e);
    }
    return open_session(call, pg, user, &account, e);
}

struct http_response *session_post(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"user", "password", NULL};
    struct args args = args_empty();
    json_t *body = args_body(&args, call->request, known);
    struct http_response *response =
        body != NULL ? log_in(call, pg, body, &args, e) : args_refusal(&args);
    json_decref(body);
    return response;
}

void session_get(struct call *call)
{
    json_t *body = session_body(call->who.user, call->who.role, call->request->session);
    call_answer(call, http_response_json(200, body));
}

struct http_response *session_delete(struct call *call, struct pg *pg, struct err *e)
{
    static const char sql[] =
        "WITH noted AS (INSERT INTO audit (actor, address, action) VALUES ($2, $3, 'session.close'))"
        " DELETE FROM session WHERE hash = $1";
    struct pg_args args = {0};
    char cookie[RESPONSE_VALUE_SIZE];
    pg_add_text(&args, call->hash);
    pg_add_text(&args, call->who.user);
    pg_add_text(&args, call->request->peer);
    if (pg_run(pg, sql, &args, e) != 0) {
        return NULL;
    }
    session_store_remove(call->web->sessions, call->hash);
    struct http_response *response = http_response_new(204);
    http_response_header(
        response, "set-cookie:", session_cookie(NULL, call->request->tls, cookie, sizeof cookie));
    return response;
}
