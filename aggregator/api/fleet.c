/* The fleet and its instances: from the web thread's own copy, with orders put to the core. */
#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/pending.h"
#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"

#include "common/wire/heartbeat.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TITLE_MAX = 120, PAGE_MAX = 500, PAGE_DEFAULT = 100 };

static const char *const no_parameters[] = {NULL};

void fleet_get(struct call *call)
{
    struct args args = args_of(call->request, no_parameters);
    if (args.bad) {
        call_answer(call, args_refusal(&args));
        return;
    }
    json_t *body = mirror_all(&call->web->mirror);
    if (body != NULL) { /* short of memory: 500 by the answer itself */
        (void)json_object_set_new(body, "at_ms", json_integer((json_int_t)now_ms()));
    }
    call_answer(call, http_response_json(200, body));
}

void instance_get(struct call *call)
{
    struct args args = args_of(call->request, no_parameters);
    const struct instance_view *view = mirror_find(&call->web->mirror, call->values.items[0]);
    if (args.bad) {
        call_answer(call, args_refusal(&args));
    } else if (view == NULL) {
        call_refuse(call, &fault_unknown_instance);
    } else {
        call_answer(call, http_response_json(200, shape_instance(view)));
    }
}

static bool fits_name(struct args *args, const char *field, const char *name)
{
    if (!args->bad && !name_is_valid(name)) {
        args_fault(args, field, "Begin with a letter or digit.",
                   "Use at most %d lower-case letters, digits and '-'.", NAME_MAX_LEN);
    }
    return !args->bad;
}

static struct agent_invite read_invite(struct args *args, const json_t *body, const char *by)
{
    struct agent_invite invite = {0};
    const char *name = args_member(args, body, "name", 1, NAME_MAX_LEN);
    const char *title = args_member(args, body, "title", 0, TITLE_MAX);
    const char *site = args_member(args, body, "site", 1, NAME_MAX_LEN);
    if (fits_name(args, "name", name) && fits_name(args, "site", site)) {
        (void)snprintf(invite.name, sizeof invite.name, "%s", name); /* checked to fit, like… */
        (void)snprintf(invite.title, sizeof invite.title, "%s", title); /* …these */
        (void)snprintf(invite.site, sizeof invite.site, "%s", site);
        (void)snprintf(invite.by, sizeof invite.by, "%s", by);
    }
    return invite;
}

static void order_add(struct call *call, const struct agent_invite *invite)
{
    struct err e = {0};
    if (!pending_put(call, PENDING_ADDED, NULL)) {
        call_refuse(call, &fault_busy);
    } else if (fleet_agent_add(call->web->options.fleet, invite, call->request->id, &e) != 0) {
        pending_take_back(call);
        call_refuse(call, &fault_busy);
    }
}

void instances_post(struct call *call)
{
    static const char *const known[] = {"name", "title", "site", NULL};
    struct args args = args_empty();
    json_t *body = args_body(&args, call->request, known);
    struct agent_invite invite = {0};
    if (body != NULL) {
        invite = read_invite(&args, body, call->who.user);
    }
    json_decref(body);
    if (args.bad) {
        call_answer(call, args_refusal(&args));
        return;
    }
    order_add(call, &invite);
}

void instance_delete(struct call *call)
{
    struct err e = {0};
    const char *name = call->values.items[0];
    if (!name_is_valid(name)) {
        call_refuse(call, &fault_unknown_instance);
    } else if (!pending_put(call, PENDING_REVOKED, NULL)) {
        call_refuse(call, &fault_busy);
    } else if (fleet_agent_revoke(call->web->options.fleet, name, call->who.user, call->request->id,
                                  &e) != 0) {
        pending_take_back(call);
        call_refuse(call, &fault_busy);
    }
}

static json_t *state_or_null(const struct pg_rows *rows, unsigned row, unsigned column)
{
    return pg_is_null(rows, row, column) ? json_null() : json_string(pg_text(rows, row, column));
}

static json_t *shape_change(const struct pg_rows *rows, unsigned i)
{
    bool ends = !pg_is_null(rows, i, 7);
    return json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:s, s:o}", "id", pg_text(rows, i, 0), "at_ms",
                     json_integer(pg_i64(rows, i, 1)), "from", state_or_null(rows, i, 2), "to",
                     pg_text(rows, i, 3), "cause", state_or_null(rows, i, 4), "reasons",
                     shape_reasons((unsigned)pg_i64(rows, i, 5)), "evidence", pg_text(rows, i, 6),
                     "outage_ms", ends ? json_integer(pg_i64(rows, i, 7)) : json_null());
}

/* One row more than the page holds says whether there is a next one. */
static struct http_response *page_of_changes(const struct pg_rows *rows, int64_t limit)
{
    json_t *items = json_array();
    unsigned count = pg_rows_count(rows);
    unsigned shown = count > limit ? (unsigned)limit : count;
    for (unsigned i = 0; i < shown; i++) {
        (void)json_array_append_new(items, shape_change(rows, i)); /* short of memory: fewer */
    }
    const char *next = count > shown ? pg_text(rows, shown - 1, 0) : NULL;
    return http_response_json(200, shape_page(items, next));
}

struct http_response *instance_states_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"cursor", "limit", NULL};
    static const char sql[] =
        "SELECT id, (extract(epoch FROM at) * 1000)::bigint, from_state, to_state, cause, reasons,"
        " evidence, (extract(epoch FROM outage) * 1000)::bigint FROM instance_state_change"
        " WHERE instance_id = $1::int AND id < $2::bigint ORDER BY id DESC LIMIT $3::bigint";
    struct args args = args_of(call->request, known);
    int64_t before = args_int(&args, "cursor", 1, INT64_MAX, INT64_MAX);
    int64_t limit = args_int(&args, "limit", 1, PAGE_MAX, PAGE_DEFAULT);
    if (args.bad) {
        return args_refusal(&args);
    }
    int32_t id = 0;
    int found = instance_id_find(pg, call->values.items[0], &id, e);
    if (found <= 0) {
        return found == 0 ? http_response_error(&fault_unknown_instance) : NULL;
    }
    struct pg_args values = {0};
    pg_add_i64(&values, id);
    pg_add_i64(&values, before);
    pg_add_i64(&values, limit + 1);
    struct pg_rows *rows = pg_query(pg, sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response = page_of_changes(rows, limit);
    pg_rows_free(rows);
    return response;
}
