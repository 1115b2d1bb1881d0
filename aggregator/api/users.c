/* The users, for administrators. */
#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/shape.h"

#include "aggregator/auth/password.h"

#include <string.h>

#define USER_COLUMNS                                                                               \
    "name, role, (extract(epoch FROM created_at) * 1000)::bigint,"                                 \
    " coalesce((extract(epoch FROM last_login_at) * 1000)::bigint, 0)"

static json_t *shape_user(const struct pg_rows *rows, unsigned row)
{
    uint64_t last_login_ms = (uint64_t)pg_i64(rows, row, 3);
    return json_pack("{s:s, s:s, s:o, s:o}", "user", pg_text(rows, row, 0), "role",
                     pg_text(rows, row, 1), "created_ms",
                     shape_number((uint64_t)pg_i64(rows, row, 2)), "last_login_ms",
                     last_login_ms != 0 ? shape_number(last_login_ms) : json_null());
}

struct http_response *users_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {NULL};
    static const char sql[] = "SELECT " USER_COLUMNS " FROM account"
                              " WHERE disabled_at IS NULL ORDER BY name";
    struct args args = args_of(call->request, known);
    if (args.bad) {
        return args_refusal(&args);
    }
    struct pg_rows *rows = pg_query(pg, sql, NULL, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *items = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        (void)json_array_append_new(items, shape_user(rows, i)); /* short of memory: fewer */
    }
    pg_rows_free(rows);
    return http_response_json(200, shape_page(items, NULL));
}

struct new_user {
    const char *name, *password, *role;
};

static struct new_user read_user(struct args *args, const json_t *body)
{
    struct new_user user = {
        .name = args_member(args, body, "user", 1, USER_NAME_MAX),
        .password = args_member(args, body, "password", PASSWORD_MIN, PASSWORD_MAX),
        .role = args_member(args, body, "role", 1, 16),
    };
    if (!args->bad && !user_name_is_valid(user.name)) {
        args_fault(args, "user", "Begin with a letter or digit.",
                   "Use lower-case letters, digits, '.', '_' and '-'.");
    }
    if (!args->bad && role_by_name(user.role) == ROLE_NONE) {
        args_fault(args, "role", NULL, "Use one of: viewer, operator, admin.");
    }
    return user;
}

static struct http_response *add_user(struct call *call, struct pg *pg, const struct new_user *user,
                                      struct err *e)
{
    static const char sql[] =
        "WITH added AS (INSERT INTO account (name, role, password) VALUES ($1, $2, $3)"
        " ON CONFLICT (name) DO NOTHING RETURNING *),"
        " noted AS (INSERT INTO audit (actor, address, action, subject, detail)"
        " SELECT $4, $5, 'user.add', name, role FROM added)"
        " SELECT " USER_COLUMNS " FROM added";
    static const struct http_fault taken = {409, "conflict", "There is a user of this name.",
                                            "user", "Choose another name."};
    char hash[PASSWORD_HASH_SIZE];
    struct pg_args args = {0};
    web_hash_begin(call->web);
    int hashed = password_hash(user->password, hash, e);
    web_hash_end(call->web);
    if (hashed != 0) {
        return NULL;
    }
    pg_add_text(&args, user->name);
    pg_add_text(&args, user->role);
    pg_add_text(&args, hash);
    pg_add_text(&args, call->who.user);
    pg_add_text(&args, call->request->peer);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response = pg_rows_count(rows) == 0
                                         ? http_response_error(&taken)
                                         : http_response_json(201, shape_user(rows, 0));
    pg_rows_free(rows);
    return response;
}

struct http_response *users_post(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"user", "password", "role", NULL};
    struct args args = args_empty();
    json_t *body = args_body(&args, call->request, known);
    struct new_user user = {0};
    if (body != NULL) {
        user = read_user(&args, body);
    }
    struct http_response *response = args.bad ? args_refusal(&args) : add_user(call, pg, &user, e);
    json_decref(body);
    return response;
}
