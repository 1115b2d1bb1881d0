/*
 * Changing the configuration: what a person sent is checked whole before anything is stored, then
 * item, history and audit go in one transaction, and the fleet is told to send what follows.
 */
#include "aggregator/api/app_names.h"
#include "aggregator/api/args.h"
#include "aggregator/api/config.h"

#include "aggregator/auth/seal.h"
#include "aggregator/fleet/fleet_view.h"
#include "common/wire/config.h"
#include "common/wire/fields.h"
#include "common/wire/subjects.h"

#define LOG_MODULE "api"
#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POSITION_MAX = 100000, ROOM_PER_ITEM = 64 /* bytes of id, name's quotes… */ };

/* A change under way. */
struct change {
    struct call *call;
    struct pg *pg;
    const struct config_section *section;
    int64_t id;      /* 0: a new one */
    int64_t version; /* that the person saw */
    const char *scope, *name;
    bool enabled;
    int64_t position; /* 0: at the end */
    json_t *body;     /* owned: without secrets… */
    json_t *secrets;  /* …which are here, sealed */
    struct args args;
};

static void change_done(struct change *c)
{
    json_decref(c->body);
    json_decref(c->secrets);
}

static void change_fault(struct change *c, const struct config_fault *fault)
{
    char field[CONFIG_FIELD_SIZE + 8];
    (void)snprintf(field, sizeof field, "body%s%s", fault->field[0] != '\0' ? "." : "",
                   fault->field); /* fits */
    args_fault(&c->args, field, fault->hint, "%s", fault->message);
}

/* ---- reading what was sent ---- */

static void check_scope(struct change *c)
{
    const char *at = strchr(c->scope, ':');
    bool named = at != NULL && name_is_valid(at + 1) &&
                 (strncmp(c->scope, "site:", 5) == 0 || strncmp(c->scope, "instance:", 9) == 0);
    if (!c->args.bad && strcmp(c->scope, "fleet") != 0 && !named) {
        args_fault(&c->args, "scope", NULL, "Use fleet, site:NAME or instance:NAME.");
    }
}

static bool is_secret(const struct config_section *section, const char *name)
{
    for (size_t i = 0; section->secrets != NULL && section->secrets[i] != NULL; i++) {
        if (strcmp(section->secrets[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void seal_one(struct change *c, const char *name, const json_t *value)
{
    char sealed[SEAL_TEXT_SIZE];
    char field[CONFIG_FIELD_SIZE + 8];
    struct err e = {0};
    const char *text = json_string_value(value);
    (void)snprintf(field, sizeof field, "body.%.50s", name); /* fits */
    if (json_is_null(value)) {
        (void)json_object_del(c->secrets, name); /* it may not be there */
    } else if (text == NULL || strlen(text) != json_string_length(value)) {
        args_fault(&c->args, field, NULL, "This must be a text.");
    } else if (seal_close(c->call->web->options.seal, text, sealed, &e) != 0) {
        args_fault(&c->args, field, NULL, "Use at most %d bytes.", SEAL_PLAIN_MAX);
    } else if (json_object_set_new(c->secrets, name, json_string(sealed)) != 0) {
        args_fault(&c->args, field, NULL, "The centre has no memory for it.");
    }
}

/* What is secret leaves the body; a secret that was not sent stays as it is. */
static void split_secrets(struct change *c)
{
    const struct config_section *s = c->section;
    for (size_t i = 0; s->secrets != NULL && s->secrets[i] != NULL; i++) {
        const json_t *value = json_object_get(c->body, s->secrets[i]);
        if (value != NULL) {
            seal_one(c, s->secrets[i], value);
            (void)json_object_del(c->body, s->secrets[i]); /* it is there */
        }
    }
}

/* The body as the agent will get it, secrets opened. NULL is a fault. */
static json_t *whole_body(struct change *c)
{
    json_t *whole = json_copy(c->body);
    const char *name;
    json_t *value;
    json_object_foreach (c->secrets, name, value) {
        char plain[SEAL_PLAIN_MAX + 1];
        struct err e = {0};
        if (is_secret(c->section, name) &&
            seal_open(c->call->web->options.seal, json_string_value(value), plain, &e) == 0) {
            (void)json_object_set_new(whole, name, json_string(plain)); /* else the check tells */
            explicit_bzero(plain, sizeof plain);
        }
    }
    return whole;
}

static void check_body(struct change *c)
{
    struct config_fault fault = {0};
    if (json_object_get(c->body, "id") != NULL || json_object_get(c->body, "name") != NULL) {
        args_fault(&c->args, "body", "They stand beside the body.",
                   "The members id and name do not belong into it.");
        return;
    }
    split_secrets(c);
    if (c->args.bad) {
        return;
    }
    json_t *whole = whole_body(c);
    if (json_dumpb(whole, NULL, 0, JSON_COMPACT) > CONFIG_ITEM_MAX) {
        args_fault(&c->args, "body", "Spread it over several items.",
                   "This item is larger than %d KiB.", CONFIG_ITEM_MAX / 1024);
    } else {
        c->section->check(whole, &fault);
        app_names_check(whole, &fault);
    }
    json_decref(whole);
    if (fault.bad) {
        change_fault(c, &fault);
    }
}

static int64_t body_number(struct change *c, const json_t *sent, const char *name, int64_t min)
{
    const json_t *value = json_object_get(sent, name);
    if (value == NULL && min == 0) {
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 1 ||
        json_integer_value(value) > POSITION_MAX) {
        args_fault(&c->args, name, NULL, "Use a whole number from 1 to %d.", POSITION_MAX);
        return 0;
    }
    return json_integer_value(value);
}

/* Fills c from the request's body, which must outlive it. */
static void read_change(struct change *c, const json_t *sent)
{
    const json_t *enabled = json_object_get(sent, "enabled");
    json_t *body = json_object_get(sent, "body");
    c->name = args_member(&c->args, sent, "name", 1, CONFIG_NAME_SIZE - 1);
    c->scope = args_member(&c->args, sent, "scope", 1, NAME_MAX_LEN + 16);
    c->enabled = enabled == NULL || json_is_true(enabled);
    c->position = body_number(c, sent, "position", 0);
    c->version = c->id != 0 ? body_number(c, sent, "version", 1) : 0;
    if (enabled != NULL && !json_is_boolean(enabled)) {
        args_fault(&c->args, "enabled", NULL, "Use true or false.");
    }
    if (!json_is_object(body)) {
        args_fault(&c->args, "body", NULL, "Send an object.");
    }
    check_scope(c);
    c->body = c->args.bad ? NULL : json_deep_copy(body);
    if (c->body != NULL) {
        check_body(c);
    }
}

/* ---- storing ---- */

static int add_note(struct change *c, const char *action, struct err *e)
{
    static const char history_sql[] =
        "INSERT INTO config_history (item_id, version, action, section, scope, name, enabled,"
        " position, body, secrets, by_user) SELECT id, version, $2, section, scope, name, enabled,"
        " position, body, secrets, $3 FROM config_item WHERE id = $1::bigint";
    static const char audit_sql[] =
        "INSERT INTO audit (actor, address, action, subject, detail) SELECT $2, $3,"
        " 'config.' || section || '.' || $4, name, scope FROM config_item WHERE id = $1::bigint";
    struct pg_args history = {0};
    pg_add_i64(&history, c->id);
    pg_add_text(&history, action);
    pg_add_text(&history, c->call->who.user);
    struct pg_args audit = {0};
    pg_add_i64(&audit, c->id);
    pg_add_text(&audit, c->call->who.user);
    pg_add_text(&audit, c->call->request->peer);
    pg_add_text(&audit, action);
    return pg_run(c->pg, history_sql, &history, e) == 0 && pg_run(c->pg, audit_sql, &audit, e) == 0
               ? 0
               : -1;
}

/* Makes room at a position: those from there on move by one. */
static int make_room(struct change *c, struct err *e)
{
    static const char sql[] =
        "UPDATE config_item SET position = position + 1 WHERE section = $1 AND scope = $2"
        " AND position >= $3::int AND id <> $4::bigint AND EXISTS (SELECT FROM config_item"
        " WHERE section = $1 AND scope = $2 AND position = $3::int AND id <> $4::bigint)";
    struct pg_args args = {0};
    pg_add_text(&args, c->section->word);
    pg_add_text(&args, c->scope);
    pg_add_i64(&args, c->position);
    pg_add_i64(&args, c->id);
    return c->position == 0 ? 0 : pg_run(c->pg, sql, &args, e);
}

/* The fault when nobody is in the scope or the name is taken there; NULL: none. */
static const struct http_fault *look(struct change *c, struct err *e)
{
    static const struct http_fault no_site = {400, "bad_request", "There is no site of this name.",
                                              "scope", "Choose one of the sites."};
    static const struct http_fault no_instance = {400, "bad_request",
                                                  "There is no instance of this name.", "scope",
                                                  "Choose one of the instances."};
    static const struct http_fault taken = {409, "conflict",
                                            "There is an item of this name in this scope.", "name",
                                            "Choose another name."};
    static const char sql[] =
        "SELECT $1 = 'fleet' OR CASE WHEN $1 LIKE 'site:%' THEN EXISTS (SELECT FROM site WHERE name"
        " = substr($1, 6)) ELSE EXISTS (SELECT FROM instance WHERE name = substr($1, 10)) END,"
        " EXISTS (SELECT FROM config_item WHERE section = $2 AND scope = $1 AND name = $3"
        " AND id <> $4::bigint)";
    struct pg_args args = {0};
    pg_add_text(&args, c->scope);
    pg_add_text(&args, c->section->word);
    pg_add_text(&args, c->name);
    pg_add_i64(&args, c->id);
    struct pg_rows *rows = pg_query(c->pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    bool there = pg_bool(rows, 0, 0), named = pg_bool(rows, 0, 1);
    pg_rows_free(rows);
    if (!there) {
        return c->scope[0] == 's' ? &no_site : &no_instance;
    }
    return named ? &taken : NULL;
}

/*
 * Whether what holds for some instance has outgrown its limits: the fleet's items, the fullest
 * site's and the fullest instance's together, which is never less than the truth.
 */
static const struct http_fault *measure(struct change *c, struct err *e)
{
    static const struct http_fault many = {400, "limit",
                                           "There are more items than one agent takes.", "scope",
                                           "Merge some, or give them to single sites."};
    static const struct http_fault large = {
        400, "limit", "The configuration of an instance would be larger than one message.", "scope",
        "Merge items, shorten their lists, or give them to single sites."};
    static const char sql[] =
        "WITH sums AS (SELECT split_part(scope, ':', 1) AS kind, scope,"
        " count(*) FILTER (WHERE section = $1 AND enabled) AS items,"
        " sum(octet_length(body::text) + octet_length(secrets::text) + octet_length(name) + $2::int)"
        " FILTER (WHERE enabled) AS bytes FROM config_item GROUP BY scope),"
        " worst AS (SELECT kind, max(items) AS items, max(bytes) AS bytes FROM sums GROUP BY kind)"
        " SELECT coalesce(sum(items), 0)::bigint, coalesce(sum(bytes), 0)::bigint FROM worst";
    struct pg_args args = {0};
    pg_add_text(&args, c->section->word);
    pg_add_i64(&args, ROOM_PER_ITEM);
    struct pg_rows *rows = pg_query(c->pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    int64_t items = pg_i64(rows, 0, 0), bytes = pg_i64(rows, 0, 1);
    pg_rows_free(rows);
    if (items > (int64_t)c->section->items_max) {
        return &many;
    }
    return bytes > CONFIG_DOCUMENT_MAX - CONFIG_HEAD_MAX ? &large : NULL;
}

/* Runs the INSERT or UPDATE; NULL and no error: nobody has this id and version. */
static struct pg_rows *write_item(struct change *c, struct err *e)
{
    static const char insert_sql[] =
        "INSERT INTO config_item (section, scope, name, enabled, position, body, secrets,"
        " created_by, updated_by) SELECT $1, $2, $3, $4::boolean, CASE WHEN $5::int > 0 THEN"
        " $5::int ELSE (SELECT coalesce(max(position), 0) + 1 FROM config_item WHERE section = $1"
        " AND scope = $2) END, $6::jsonb, $7::jsonb, $8, $8 RETURNING " CONFIG_ITEM_COLUMNS;
    static const char update_sql[] =
        "UPDATE config_item SET scope = $2, name = $3, enabled = $4::boolean, position ="
        " CASE WHEN $5::int > 0 THEN $5::int WHEN config_item.scope = $2 THEN config_item.position ELSE"
        " (SELECT coalesce(max(o.position), 0) + 1 FROM config_item o WHERE o.section = $1"
        " AND o.scope = $2) END, body = $6::jsonb, secrets = $7::jsonb, updated_by = $8,"
        " updated_at = now(), version = version + 1 WHERE section = $1 AND id = $9::bigint"
        " RETURNING " CONFIG_ITEM_COLUMNS;
    char *body = json_dumps(c->body, JSON_COMPACT);
    char *secrets = json_dumps(c->secrets, JSON_COMPACT);
    struct pg_rows *rows = NULL;
    struct pg_args args = {0};
    pg_add_text(&args, c->section->word);
    pg_add_text(&args, c->scope);
    pg_add_text(&args, c->name);
    pg_add_bool(&args, c->enabled);
    pg_add_i64(&args, c->position);
    pg_add_text(&args, body);
    pg_add_text(&args, secrets);
    pg_add_text(&args, c->call->who.user);
    if (c->id != 0) {
        pg_add_i64(&args, c->id);
    }
    if (body == NULL || secrets == NULL) {
        (void)err_set(e, ERR_NOMEM, "an item of the configuration");
    } else {
        rows = pg_query(c->pg, c->id == 0 ? insert_sql : update_sql, &args, e);
    }
    free(body);
    free(secrets);
    return rows;
}

static const struct http_fault *store(struct change *c, json_t **shape, struct err *e)
{
    const char *action = c->id == 0 ? "created" : "changed";
    const struct http_fault *fault = look(c, e);
    if (fault != NULL || e->code != ERR_NONE || make_room(c, e) != 0) {
        return fault;
    }
    struct pg_rows *rows = write_item(c, e);
    if (rows == NULL) {
        return NULL;
    }
    if (pg_rows_count(rows) == 0) {
        pg_rows_free(rows);
        return &fault_no_item;
    }
    c->id = pg_i64(rows, 0, 0);
    *shape = config_item_shape(rows, 0);
    pg_rows_free(rows);
    fault = measure(c, e);
    return fault == NULL && e->code == ERR_NONE && add_note(c, action, e) != 0 ? NULL : fault;
}

/* One change at a time: positions and limits are judged over all items. */
static const char begin_sql[] = "BEGIN; LOCK TABLE config_item IN SHARE ROW EXCLUSIVE MODE";

static void tell_fleet(struct change *c)
{
    struct err e = {0};
    if (fleet_config_changed(c->call->web->options.fleet, &e) != 0) {
        log_warn(&e, "a change of the configuration is sent with the next one");
    }
}

/* Ends the transaction by what became of it. Takes over shape (NULL: 204). */
static struct http_response *conclude(struct change *c, const struct http_fault *fault,
                                      json_t *shape, unsigned status, struct err *e)
{
    bool good = fault == NULL && e->code == ERR_NONE;
    if (good && pg_script(c->pg, "COMMIT", e) == 0) {
        tell_fleet(c);
        return status == 204 ? http_response_new(204) : http_response_json(status, shape);
    }
    json_decref(shape);
    if (!good && pg_is_usable(c->pg)) {
        (void)pg_script(c->pg, "ROLLBACK", NULL); /* the first failure is the one to tell */
    }
    return fault != NULL ? http_response_error(fault) : NULL;
}

/* ---- the endpoints ---- */

static struct http_response *answer_change(struct change *c, const json_t *sent, unsigned status,
                                           struct err *e)
{
    json_t *shape = NULL;
    read_change(c, sent);
    if (c->args.bad) {
        return args_refusal(&c->args);
    }
    if (pg_script(c->pg, begin_sql, e) != 0) {
        return NULL;
    }
    const struct http_fault *fault = store(c, &shape, e);
    return conclude(c, fault, shape, status, e);
}

struct http_response *config_post(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"scope", "name", "enabled", "position", "body", NULL};
    struct change c = {.call = call,
                       .pg = pg,
                       .section = config_section_find(call->values.items[0]),
                       .secrets = json_object(),
                       .args = args_empty()};
    struct http_response *response = NULL;
    json_t *sent = args_body(&c.args, call->request, known);
    if (c.section == NULL) {
        response = http_response_error(&fault_no_section);
    } else if (sent == NULL) {
        response = args_refusal(&c.args);
    } else {
        response = answer_change(&c, sent, 201, e);
    }
    json_decref(sent);
    change_done(&c);
    return response;
}

/* The secrets as they are stored, and the version; the fault when it is not what the person saw. */
static const struct http_fault *load_former(struct change *c, int64_t *version, struct err *e)
{
    static const char sql[] = "SELECT version, secrets::text FROM config_item WHERE section = $1"
                              " AND id = $2::bigint";
    struct pg_args args = {0};
    pg_add_text(&args, c->section->word);
    pg_add_i64(&args, c->id);
    struct pg_rows *rows = pg_query(c->pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    bool there = pg_rows_count(rows) == 1;
    if (there) {
        *version = pg_i64(rows, 0, 0);
        json_decref(c->secrets);
        c->secrets = json_loads(pg_text(rows, 0, 1), 0, NULL);
    }
    pg_rows_free(rows);
    return there ? NULL : &fault_no_item;
}

/* All in one transaction, so that nobody changes it between the reading and the writing. */
static struct http_response *replace(struct change *c, const json_t *sent, struct err *e)
{
    static const struct http_fault stale = {409, "conflict",
                                            "Somebody else has changed this item meanwhile.",
                                            "version", "Load it anew and make your change again."};
    int64_t version = 0;
    json_t *shape = NULL;
    if (pg_script(c->pg, begin_sql, e) != 0) {
        return NULL;
    }
    const struct http_fault *fault = load_former(c, &version, e);
    if (fault == NULL && e->code == ERR_NONE) {
        read_change(c, sent);
        if (c->args.bad) {
            (void)pg_script(c->pg, "ROLLBACK", NULL); /* nothing was changed */
            return args_refusal(&c->args);
        }
        fault = version != c->version ? &stale : store(c, &shape, e);
    }
    return conclude(c, fault, shape, 200, e);
}

struct http_response *config_put(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"scope",   "name", "enabled", "position",
                                        "version", "body", NULL};
    struct change c = {.call = call,
                       .pg = pg,
                       .section = config_section_find(call->values.items[0]),
                       .secrets = json_object(),
                       .args = args_empty()};
    struct http_response *response = NULL;
    json_t *sent = args_body(&c.args, call->request, known);
    if (c.section == NULL || !config_item_id(call, &c.id)) {
        response = http_response_error(c.section == NULL ? &fault_no_section : &fault_no_item);
    } else if (sent == NULL) {
        response = args_refusal(&c.args);
    } else {
        response = replace(&c, sent, e);
    }
    json_decref(sent);
    change_done(&c);
    return response;
}

static const struct http_fault *remove_item(struct change *c, struct err *e)
{
    static const char count_sql[] = "UPDATE config_item SET version = version + 1"
                                    " WHERE section = $1 AND id = $2::bigint";
    static const char delete_sql[] = "DELETE FROM config_item WHERE id = $1::bigint";
    struct pg_args args = {0};
    pg_add_text(&args, c->section->word);
    pg_add_i64(&args, c->id);
    struct pg_rows *rows = pg_query(c->pg, count_sql, &args, e);
    bool there = rows != NULL && pg_rows_affected(rows) == 1;
    pg_rows_free(rows);
    if (!there) {
        return e->code == ERR_NONE ? &fault_no_item : NULL;
    }
    struct pg_args which = {0};
    pg_add_i64(&which, c->id);
    if (add_note(c, "deleted", e) == 0) {
        (void)pg_run(c->pg, delete_sql, &which, e); /* e tells */
    }
    return NULL;
}

struct http_response *config_delete(struct call *call, struct pg *pg, struct err *e)
{
    struct change c = {
        .call = call, .pg = pg, .section = config_section_find(call->values.items[0])};
    if (c.section == NULL || !config_item_id(call, &c.id)) {
        return http_response_error(c.section == NULL ? &fault_no_section : &fault_no_item);
    }
    if (pg_script(pg, begin_sql, e) != 0) {
        return NULL;
    }
    const struct http_fault *fault = remove_item(&c, e);
    return conclude(&c, fault, NULL, 204, e);
}
