/* Who is told of alerts. Secrets go in and never come out. */
#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/items.h"
#include "aggregator/api/shape.h"

#include "aggregator/auth/seal.h"
#include "aggregator/store/recipient.h"

#include <stdio.h>
#include <string.h>

enum {
    NAME_BYTES = 80,
    LIST_MAX = 50,
    WORD_MAX = 63,
    LIST_TEXT_SIZE = LIST_MAX * (WORD_MAX + 3) + 3,
    RECIPIENTS_MAX = 100,
    SECRET_MIN = 8,
    SECRET_MAX = 256,
};

static const char *const types[] = {"email", "webhook", NULL};
static const char *const severities[] = {"info",     "notice",    "warning", "error",
                                         "critical", "emergency", NULL};
static const struct http_fault fault_unknown_recipient = {
    404, "not_found", "There is no such recipient.", "id", NULL};

#define RECIPIENT_COLUMNS                                                                          \
    "r.id, r.name, r.type, r.address, r.secret IS NOT NULL, r.min_severity,"                       \
    " to_json(r.families), to_json(r.sites), r.recovery, r.enabled, r.created_by,"                 \
    " (extract(epoch FROM r.created_at) * 1000)::bigint"

/* A list that PostgreSQL wrote as JSON. */
static json_t *list_of(const char *text)
{
    json_t *list = json_loads(text, 0, NULL);
    return list != NULL ? list : json_array();
}

static json_t *shape_recipient(const struct pg_rows *r, unsigned i)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:o, s:o, s:b, s:b, s:s, s:o}", "id",
                     pg_text(r, i, 0), "name", pg_text(r, i, 1), "type", pg_text(r, i, 2),
                     "address", pg_text(r, i, 3), "has_secret", (int)pg_bool(r, i, 4),
                     "min_severity", pg_text(r, i, 5), "families", list_of(pg_text(r, i, 6)),
                     "sites", list_of(pg_text(r, i, 7)), "recovery", (int)pg_bool(r, i, 8),
                     "enabled", (int)pg_bool(r, i, 9), "created_by", pg_text(r, i, 10),
                     "created_ms", json_integer(pg_i64(r, i, 11)));
}

struct http_response *recipients_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {NULL};
    static const char sql[] = "SELECT " RECIPIENT_COLUMNS " FROM recipient r ORDER BY r.name";
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
        (void)json_array_append_new(items, shape_recipient(rows, i)); /* short of memory: fewer */
    }
    pg_rows_free(rows);
    return http_response_json(200, shape_page(items, NULL));
}

struct new_recipient {
    const char *name, *address;
    int type, severity;
    bool recovery, enabled;
    bool has_secret; /* it is set, or taken away when it is "" */
    bool drop_secret;
    char sealed[SEAL_TEXT_SIZE];
    char families[LIST_TEXT_SIZE], sites[LIST_TEXT_SIZE]; /* as arrays of SQL */
};

/* Words of lower-case letters, digits, '-' and '_', so that no quoting is needed. */
static bool word_is_plain(const char *word)
{
    size_t len = strlen(word);
    return len > 0 && len <= WORD_MAX &&
           strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

/* The list of a member as "{a,b}". */
static void read_list(struct args *args, const json_t *body, const char *name,
                      char text[LIST_TEXT_SIZE])
{
    const json_t *list = json_object_get(body, name);
    size_t used = 1;
    (void)snprintf(text, LIST_TEXT_SIZE, "{");
    if (list != NULL && (!json_is_array(list) || json_array_size(list) > LIST_MAX)) {
        args_fault(args, name, NULL, "Use a list of at most %d words.", LIST_MAX);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        if (word == NULL || !word_is_plain(word)) {
            args_fault(args, name, NULL, "Use words of lower-case letters, digits, '-' and '_'.");
            return;
        }
        used += (size_t)snprintf(text + used, LIST_TEXT_SIZE - used, "%s%s", i > 0 ? "," : "",
                                 word); /* fits by the limits above */
    }
    (void)snprintf(text + used, LIST_TEXT_SIZE - used, "}");
}

static void read_secret(struct call *call, struct args *args, const json_t *body,
                        struct new_recipient *r)
{
    struct err e = {0};
    const char *secret = args_member(args, body, "secret", 0, SECRET_MAX);
    r->has_secret = json_object_get(body, "secret") != NULL;
    r->drop_secret = r->has_secret && secret[0] == '\0';
    if (args->bad || !r->has_secret || r->drop_secret) {
        return;
    }
    if (strlen(secret) < SECRET_MIN) {
        args_fault(args, "secret", NULL, "Use at least %d bytes.", SECRET_MIN);
    } else if (seal_close(call->web->options.seal, secret, r->sealed, &e) != 0) {
        args_fault(args, "secret", NULL, "This secret cannot be kept: %s.", e.what);
    }
}

static void read_recipient(struct call *call, struct args *args, const json_t *body,
                           struct new_recipient *r)
{
    r->name = args_member(args, body, "name", 1, NAME_BYTES);
    r->type = args_member_word(args, body, "type", types);
    r->address = args_member(args, body, "address", 1, RECIPIENT_URL_MAX);
    r->severity = args_member_word(args, body, "min_severity", severities);
    r->recovery = args_member_bool(args, body, "recovery", true);
    r->enabled = args_member_bool(args, body, "enabled", true);
    read_list(args, body, "families", r->families);
    read_list(args, body, "sites", r->sites);
    read_secret(call, args, body, r);
    if (!args->bad && r->type == 0 && !recipient_email_is_valid(r->address)) {
        args_fault(args, "address", "Use one plain address, such as noc@example.net.",
                   "This is no address of e-mail.");
    } else if (!args->bad && r->type == 1 && !recipient_url_is_valid(r->address)) {
        args_fault(args, "address",
                   "Begin with https:// or http://; leave names and passwords out.",
                   "This is no address of a webhook.");
    } else if (!args->bad && r->type == 0 && r->has_secret && !r->drop_secret) {
        args_fault(args, "secret", "Leave it out.", "A secret is for webhooks.");
    }
}

/* $1 name, $2 type, $3 address, $4 severity, $5 families, $6 sites, $7 recovery, $8 enabled,
 * $9 secret, $10 actor, $11 address of the client, $12 the id or the limit. */
static void add_recipient(struct pg_args *args, const struct call *call,
                          const struct new_recipient *r)
{
    pg_add_text(args, r->name);
    pg_add_text(args, types[r->type]);
    pg_add_text(args, r->address);
    pg_add_text(args, severities[r->severity]);
    pg_add_text(args, r->families);
    pg_add_text(args, r->sites);
    pg_add_bool(args, r->recovery);
    pg_add_bool(args, r->enabled);
    pg_add_text(args, r->sealed[0] != '\0' ? r->sealed : NULL);
    pg_add_text(args, call->who.user);
    pg_add_text(args, call->request->peer);
}

static const char insert_sql[] =
    "WITH r AS (INSERT INTO recipient (name, type, address, min_severity, families, sites,"
    " recovery, enabled, secret, created_by) SELECT $1, $2, $3, $4, $5::text[], $6::text[],"
    " $7::boolean, $8::boolean, $9, $10 WHERE (SELECT count(*) FROM recipient) < $12::int"
    " ON CONFLICT (name) DO NOTHING RETURNING *),"
    " noted AS (INSERT INTO audit (actor, address, action, subject, detail)"
    " SELECT $10, $11, 'recipient.add', name, type || ' ' || address FROM r)"
    " SELECT " RECIPIENT_COLUMNS " FROM r";

/* $13: the secret is changed. A new address never gets the old one's secret. */
static const char update_sql[] =
    "WITH r AS (UPDATE recipient SET name = $1, type = $2, address = $3, min_severity = $4,"
    " families = $5::text[], sites = $6::text[], recovery = $7::boolean, enabled = $8::boolean,"
    " secret = CASE WHEN $13::boolean OR address <> $3 THEN $9 ELSE secret END"
    " WHERE id = $12::bigint"
    " AND NOT EXISTS (SELECT FROM recipient WHERE name = $1 AND id <> $12::bigint) RETURNING *),"
    " noted AS (INSERT INTO audit (actor, address, action, subject, detail)"
    " SELECT $10, $11, 'recipient.set', name, type || ' ' || address FROM r)"
    " SELECT " RECIPIENT_COLUMNS " FROM r";

/* Why nothing was written: found by what is there. */
static struct http_response *refuse(struct pg *pg, int64_t id, const char *name, struct err *e)
{
    static const char sql[] = "SELECT EXISTS (SELECT FROM recipient WHERE name = $1),"
                              " EXISTS (SELECT FROM recipient WHERE id = $2::bigint)";
    static const struct http_fault taken = {409, "conflict", "There is a recipient of this name.",
                                            "name", "Choose another name."};
    static const struct http_fault full = {409, "conflict", "There are 100 recipients.", NULL,
                                           "Delete one first."};
    static const struct item_refusal why = {
        .there = sql, .unknown = &fault_unknown_recipient, .taken = &taken, .full = &full};
    return item_refuse(pg, &why, id, name, e);
}

static struct http_response *store(struct call *call, struct pg *pg, const struct new_recipient *r,
                                   int64_t id, struct err *e)
{
    struct pg_args args = {0};
    add_recipient(&args, call, r);
    pg_add_i64(&args, id != 0 ? id : RECIPIENTS_MAX);
    if (id != 0) {
        pg_add_bool(&args, r->has_secret);
    }
    struct pg_rows *rows = pg_query(pg, id != 0 ? update_sql : insert_sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response =
        pg_rows_count(rows) == 0
            ? refuse(pg, id, r->name, e)
            : http_response_json(id != 0 ? 200 : 201, shape_recipient(rows, 0));
    pg_rows_free(rows);
    return response;
}

/* id 0: a new one. */
static struct http_response *take(struct call *call, struct pg *pg, int64_t id, struct err *e)
{
    static const char *const known[] = {"name",     "type",  "address",  "secret",  "min_severity",
                                        "families", "sites", "recovery", "enabled", NULL};
    struct args args = args_empty();
    json_t *body = args_body(&args, call->request, known);
    struct new_recipient r = {0};
    if (body != NULL) {
        read_recipient(call, &args, body, &r);
    }
    struct http_response *response = args.bad ? args_refusal(&args) : store(call, pg, &r, id, e);
    json_decref(body);
    return response;
}

struct http_response *recipients_post(struct call *call, struct pg *pg, struct err *e)
{
    return take(call, pg, 0, e);
}

struct http_response *recipient_put(struct call *call, struct pg *pg, struct err *e)
{
    int64_t id = call_id(call);
    return id != 0 ? take(call, pg, id, e) : http_response_error(&fault_unknown_recipient);
}

struct http_response *recipient_delete(struct call *call, struct pg *pg, struct err *e)
{
    static const char sql[] =
        "WITH gone AS (DELETE FROM recipient WHERE id = $1::bigint RETURNING name, type, address)"
        " INSERT INTO audit (actor, address, action, subject, detail)"
        " SELECT $2, $3, 'recipient.delete', name, type || ' ' || address FROM gone";
    return item_delete(call, pg, sql, &fault_unknown_recipient, e);
}

/* A message of no alert, in the form that this recipient gets. The sender's thread sends it. */
struct http_response *recipient_test_post(struct call *call, struct pg *pg, struct err *e)
{
    static const char sql[] =
        "WITH fresh AS (SELECT r.*, gen_random_uuid() AS key FROM recipient r"
        " WHERE r.id = $1::bigint), d AS (INSERT INTO delivery (key, recipient_id, test, alerts,"
        " subject, body) SELECT key, id, true, 0, 'Picket: Test message',"
        " CASE type WHEN 'email' THEN $4 ELSE json_build_object('v', 1, 'delivery', key, 'test',"
        " true, 'made_ms', (extract(epoch FROM now()) * 1000)::bigint, 'alerts',"
        " '[]'::json)::text END FROM fresh RETURNING id),"
        " noted AS (INSERT INTO audit (actor, address, action, subject)"
        " SELECT $2, $3, 'recipient.test', name FROM fresh)"
        " SELECT id, pg_notify('notify', '') FROM d";
    static const char text[] =
        "This is a test. Whoever reads this will be told of alerts.\n\n"
        "-- \nSent by Picket. Who is told of what is set in the console under Settings.\n";
    struct pg_args args = {0};
    pg_add_i64(&args, call_id(call));
    pg_add_text(&args, call->who.user);
    pg_add_text(&args, call->request->peer);
    pg_add_text(&args, text);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response =
        pg_rows_count(rows) == 0
            ? http_response_error(&fault_unknown_recipient)
            : http_response_json(202, json_pack("{s:s}", "delivery", pg_text(rows, 0, 0)));
    pg_rows_free(rows);
    return response;
}
