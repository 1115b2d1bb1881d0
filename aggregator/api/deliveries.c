/* The log of what was sent to recipients, and the mail server that e-mail goes through. */
#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/shape.h"

#include "aggregator/auth/seal.h"
#include "aggregator/store/recipient.h"

#include <string.h>

enum {
    PAGE_MAX = 500,
    PAGE_DEFAULT = 50,
    HOST_MAX = 253,
    LOGIN_MAX = 200,
    PASSWORD_MAX_BYTES = 500,
    URL_MAX = 200,
};

static const char *const securities[] = {"starttls", "tls", "none", NULL};

static json_t *number_or_null(const struct pg_rows *rows, unsigned row, unsigned column)
{
    return pg_is_null(rows, row, column) ? json_null() : json_integer(pg_i64(rows, row, column));
}

static json_t *shape_delivery(const struct pg_rows *r, unsigned i)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "id",
                     pg_text(r, i, 0), "key", pg_text(r, i, 1), "recipient_id", pg_text(r, i, 2),
                     "recipient", pg_text(r, i, 3), "type", pg_text(r, i, 4), "test",
                     (int)pg_bool(r, i, 5), "alerts", json_integer(pg_i64(r, i, 6)), "subject",
                     pg_text(r, i, 7), "state", pg_text(r, i, 8), "tries",
                     json_integer(pg_i64(r, i, 9)), "error", shape_text_or_null(pg_text(r, i, 10)),
                     "created_ms", json_integer(pg_i64(r, i, 11)), "sent_ms",
                     number_or_null(r, i, 12), "next_ms", number_or_null(r, i, 13));
}

struct http_response *deliveries_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"recipient", "cursor", "limit", NULL};
    static const char sql[] =
        "SELECT d.id, d.key, r.id, r.name, r.type, d.test, d.alerts, d.subject, d.state, d.tries,"
        " d.error, (extract(epoch FROM d.created_at) * 1000)::bigint,"
        " (extract(epoch FROM d.sent_at) * 1000)::bigint,"
        " CASE d.state WHEN 'waiting' THEN (extract(epoch FROM d.next_at) * 1000)::bigint END"
        " FROM delivery d JOIN recipient r ON r.id = d.recipient_id WHERE d.id < $1::bigint"
        " AND ($2::bigint = 0 OR r.id = $2::bigint) ORDER BY d.id DESC LIMIT $3::bigint";
    struct args args = args_of(call->request, known);
    int64_t limit = args_int(&args, "limit", 1, PAGE_MAX, PAGE_DEFAULT);
    int64_t before = args_int(&args, "cursor", 1, INT64_MAX, INT64_MAX);
    int64_t recipient = args_int(&args, "recipient", 1, INT64_MAX, 0);
    if (args.bad) {
        return args_refusal(&args);
    }
    struct pg_args values = {0};
    pg_add_i64(&values, before);
    pg_add_i64(&values, recipient);
    pg_add_i64(&values, limit + 1); /* one more tells whether there is a next page */
    struct pg_rows *rows = pg_query(pg, sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *items = json_array();
    unsigned count = pg_rows_count(rows);
    for (unsigned i = 0; i < count && i < limit; i++) {
        (void)json_array_append_new(items, shape_delivery(rows, i)); /* short of memory: fewer */
    }
    json_t *page = shape_page(items, count > limit ? pg_text(rows, (unsigned)limit - 1, 0) : NULL);
    pg_rows_free(rows);
    return http_response_json(200, page);
}

/* ---- the mail server ---- */

static json_t *shape_server(const struct pg_rows *r)
{
    return json_pack("{s:s, s:o, s:s, s:s, s:b, s:s, s:s, s:s, s:o}", "host", pg_text(r, 0, 0),
                     "port", json_integer(pg_i64(r, 0, 1)), "security", pg_text(r, 0, 2), "login",
                     pg_text(r, 0, 3), "has_password", (int)pg_bool(r, 0, 4), "sender",
                     pg_text(r, 0, 5), "console_url", pg_text(r, 0, 6), "updated_by",
                     pg_text(r, 0, 7), "updated_ms", json_integer(pg_i64(r, 0, 8)));
}

#define SERVER_COLUMNS                                                                             \
    "host, port, security, login, password IS NOT NULL, sender, console_url, updated_by,"          \
    " (extract(epoch FROM updated_at) * 1000)::bigint"

struct http_response *mail_server_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {NULL};
    struct args args = args_of(call->request, known);
    if (args.bad) {
        return args_refusal(&args);
    }
    struct pg_rows *rows = pg_query(pg, "SELECT " SERVER_COLUMNS " FROM mail_server", NULL, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *server = pg_rows_count(rows) == 1 ? shape_server(rows) : json_null();
    pg_rows_free(rows);
    return http_response_json(200, json_pack("{s:o}", "server", server));
}

struct new_server {
    const char *host, *login, *password, *sender, *console_url;
    int64_t port;
    int security;
    bool has_password;
    char sealed[SEAL_TEXT_SIZE];
};

/* A name or an address, as it stands in a URL. */
static bool host_is_valid(const char *host)
{
    size_t len = strlen(host);
    return len > 0 && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789.-:_") == len;
}

static void check_server(struct call *call, struct args *args, struct new_server *s)
{
    struct err e = {0};
    size_t url_len = strlen(s->console_url);
    if (!host_is_valid(s->host)) {
        args_fault(args, "host", NULL, "Use the name or the address of a server.");
    }
    if (!recipient_email_is_valid(s->sender)) {
        args_fault(args, "sender", "Use one plain address, such as picket@example.net.",
                   "This is no address of e-mail.");
    }
    if (url_len > 0 &&
        (!recipient_url_is_valid(s->console_url) || s->console_url[url_len - 1] == '/')) {
        args_fault(args, "console_url", "Such as https://picket.example.net",
                   "This is no address of a console; it ends without a slash.");
    }
    if (s->port == 0) {
        args_fault(args, "port", NULL, "Name the port, such as 587.");
    }
    if (!args->bad && s->password[0] != '\0' &&
        seal_close(call->web->options.seal, s->password, s->sealed, &e) != 0) {
        args_fault(args, "password", NULL, "This password cannot be kept: %s.", e.what);
    }
}

static void read_server(struct call *call, struct args *args, const json_t *body,
                        struct new_server *s)
{
    s->host = args_member(args, body, "host", 1, HOST_MAX);
    s->port = args_member_int(args, body, "port", 1, 65535, 0);
    s->security = args_member_word(args, body, "security", securities);
    s->login = args_member(args, body, "login", 0, LOGIN_MAX);
    s->password = args_member(args, body, "password", 0, PASSWORD_MAX_BYTES);
    s->has_password = json_object_get(body, "password") != NULL;
    s->sender = args_member(args, body, "sender", 1, RECIPIENT_EMAIL_MAX);
    s->console_url = args_member(args, body, "console_url", 0, URL_MAX);
    if (!args->bad) {
        check_server(call, args, s);
    }
}

/* The password stays when it is not sent, as long as host and login stay too: it is not to be sent
 * to another server. */
static struct http_response *store_server(struct call *call, struct pg *pg,
                                          const struct new_server *s, struct err *e)
{
    static const char sql[] =
        "WITH m AS (INSERT INTO mail_server (host, port, security, login, password, sender,"
        " console_url, updated_by) VALUES ($1, $2::int, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (only_one) DO UPDATE SET host = excluded.host, port = excluded.port,"
        " security = excluded.security, login = excluded.login,"
        " password = CASE WHEN $9::boolean OR mail_server.host <> excluded.host"
        " OR mail_server.login <> excluded.login THEN excluded.password"
        " ELSE mail_server.password END, sender = excluded.sender,"
        " console_url = excluded.console_url, updated_by = excluded.updated_by,"
        " updated_at = now() RETURNING *),"
        " noted AS (INSERT INTO audit (actor, address, action, subject, detail)"
        " SELECT $8, $10, 'mail.set', host, security || ' port ' || port FROM m)"
        " SELECT " SERVER_COLUMNS " FROM m";
    struct pg_args args = {0};
    pg_add_text(&args, s->host);
    pg_add_i64(&args, s->port);
    pg_add_text(&args, securities[s->security]);
    pg_add_text(&args, s->login);
    pg_add_text(&args, s->sealed[0] != '\0' ? s->sealed : NULL);
    pg_add_text(&args, s->sender);
    pg_add_text(&args, s->console_url);
    pg_add_text(&args, call->who.user);
    pg_add_bool(&args, s->has_password);
    pg_add_text(&args, call->request->peer);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *body = json_pack("{s:o}", "server", shape_server(rows));
    pg_rows_free(rows);
    return http_response_json(200, body);
}

struct http_response *mail_server_put(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"host",     "port",   "security",    "login",
                                        "password", "sender", "console_url", NULL};
    struct args args = args_empty();
    json_t *body = args_body(&args, call->request, known);
    struct new_server s = {0};
    if (body != NULL) {
        read_server(call, &args, body, &s);
    }
    struct http_response *response = args.bad ? args_refusal(&args) : store_server(call, pg, &s, e);
    json_decref(body);
    return response;
}
