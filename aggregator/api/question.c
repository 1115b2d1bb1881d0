/*
 * Drill-down: a question to the agent itself. It waits for the agent in pending.c; when the agent
 * does not answer, a query thread looks for what is stored (stored.c).
 */
#include "aggregator/api/question.h"

#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/pending.h"
#include "aggregator/api/stored.h"

#include "common/wire/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEXT_SIZE = 24,
    CURSOR_MAX = 1000000,
    FLOWS_PAGED_MAX = 1000 /* an agent keeps so many in order */
};

/* What each kind of question knows besides op, sort, desc, cursor and limit. */
static const char *const status_filters[] = {"op", "limit", NULL};
static const char *const host_filters[] = {"op",   "sort", "desc", "cursor", "limit",
                                           "host", "vlan", "port", NULL};
static const char *const flow_filters[] = {
    "op",  "sort",     "desc", "cursor", "limit",  "host",    "client", "server",
    "app", "protocol", "port", "vlan",   "status", "quality", "print",  NULL};
static const char *const one_flow_filters[] = {"op", "flow_id", "limit", NULL};
static const char *const alert_filters[] = {"op", "sort", "desc", "cursor", "limit", "host", NULL};

static const char *const *filters_of(enum query_op op)
{
    switch (op) {
    case QUERY_STATUS: return status_filters;
    case QUERY_HOSTS: return host_filters;
    case QUERY_FLOWS: return flow_filters;
    case QUERY_FLOW: return one_flow_filters;
    case QUERY_ALERTS: return alert_filters;
    }
    return status_filters;
}

static void read_word(struct args *args, const char *name, char word[QUERY_WORD_SIZE])
{
    const char *text = args_text(args, name, QUERY_WORD_SIZE - 1);
    (void)snprintf(word, QUERY_WORD_SIZE, "%s", text != NULL ? text : ""); /* checked to fit */
}

static uint64_t read_flow_id(struct args *args)
{
    const char *text = args_text(args, "flow_id", 20);
    char *end = NULL;
    errno = 0;
    uint64_t id = text != NULL ? strtoull(text, &end, 10) : 0;
    if (text == NULL || strspn(text, "0123456789") != strlen(text) || errno != 0 || id == 0) {
        args_fault(args, "flow_id", NULL, "Name the flow by its flow_id, a number.");
    }
    return id;
}

static void read_filter(struct args *args, struct query *q)
{
    static const char *const statuses[] = {"opening",   "active", "closed",  "reset", "refused",
                                           "no_answer", "idle",   "evicted", NULL};
    static const char *const qualities[] = {"excellent", "good", "fair", "poor", "none", NULL};
    read_word(args, "host", q->filter.host);
    read_word(args, "client", q->filter.client);
    read_word(args, "server", q->filter.server);
    read_word(args, "app", q->filter.app);
    read_word(args, "protocol", q->filter.protocol);
    int status = args_word(args, "status", statuses);
    (void)snprintf(q->filter.status, sizeof q->filter.status, "%s",
                   status >= 0 ? statuses[status] : ""); /* a short word */
    int quality = args_word(args, "quality", qualities);
    (void)snprintf(q->filter.quality, sizeof q->filter.quality, "%s",
                   quality >= 0 ? qualities[quality] : ""); /* likewise */
    read_word(args, "print", q->filter.print);
    q->filter.port = (uint16_t)args_int(args, "port", 1, 65535, 0);
    q->filter.vlan = (uint16_t)args_int(args, "vlan", 1, 4094, 0);
    if (q->op == QUERY_FLOW) {
        q->filter.flow_id = read_flow_id(args);
    }
}

static struct args read_query(const struct http_request *request, struct query *q)
{
    static const char *const ops[] = {"status", "hosts", "flows", "flow", "alerts", NULL};
    const char *op = query_params_get(&request->query, "op");
    *q = (struct query){.op = op != NULL ? query_op_by_name(op) : (enum query_op)0};
    if (q->op == 0) {
        struct args args = args_empty();
        args.params = &request->query;
        if (op == NULL) {
            args_fault(&args, "op", NULL, "Name the kind of question in op.");
        }
        (void)args_word(&args, "op", ops); /* tells which there are */
        return args;
    }
    struct args args = args_of(request, filters_of(q->op));
    read_filter(&args, q);
    read_word(&args, "sort", q->sort);
    q->desc = args_bool(&args, "desc", true);
    q->cursor = (uint32_t)args_int(&args, "cursor", 0, CURSOR_MAX, 0);
    q->limit = (uint32_t)args_int(&args, "limit", 1, QUERY_LIMIT_MAX, QUERY_LIMIT_DEFAULT);
    return args;
}

/* Where the next page begins; "" at the end. */
static char *next_of(const struct query *q, size_t rows, uint64_t total, char buf[NEXT_SIZE])
{
    uint64_t next = (uint64_t)q->cursor + rows;
    bool pages = q->op == QUERY_HOSTS || q->op == QUERY_ALERTS ||
                 (q->op == QUERY_FLOWS && next < FLOWS_PAGED_MAX);
    buf[0] = '\0';
    if (pages && rows > 0 && next < total) {
        (void)snprintf(buf, NEXT_SIZE, "%" PRIu64, next); /* 20 digits at most */
    }
    return buf;
}

struct http_response *question_response(const struct question_body *b)
{
    char next[NEXT_SIZE];
    size_t count = json_array_size(b->rows);
    const char *cursor = next_of(b->query, count, b->total, next);
    json_t *body =
        json_pack("{s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:b, s:s?}", "instance", b->instance, "op",
                  query_op_name(b->query->op), "at_ms", json_integer((json_int_t)now_ms()), "live",
                  (int)b->live, "age_ms", json_integer((json_int_t)b->age_ms), "rows", b->rows,
                  "total", json_integer((json_int_t)b->total), "partial", (int)b->partial, "next",
                  cursor[0] != '\0' ? cursor : NULL);
    if (!b->live && body != NULL) { /* short of memory: without the reason */
        (void)json_object_set_new(
            body, "error",
            json_pack("{s:s, s:o}", "code", b->code, "message", fields_string(b->message)));
    }
    return http_response_json(200, body);
}

static const char *text_of(const json_t *row, const char *member)
{
    const char *text = json_string_value(json_object_get(row, member));
    return text != NULL ? text : "";
}

/* An agent does not know what the centre knows of it, nor the members that only flow alerts have.
 */
static void complete_alert(json_t *row, const struct instance_view *view)
{
    static const char *const missing[] = {"released_ms", "arrived_ms", "client", "server",
                                          "protocol",    "app",        "host"};
    json_t *id = json_sprintf("%s/%s/%s/%s", view->name, text_of(row, "name"),
                              text_of(row, "entity_id"), text_of(row, "key"));
    (void)json_object_set_new(row, "id", id); /* short of memory: without */
    (void)json_object_set_new(row, "instance", json_string(view->name));
    (void)json_object_set_new(row, "site", json_string(view->site));
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        (void)json_object_set_new(row, missing[i], json_null());
    }
}

void question_answered(struct call *call, const struct query *query, struct agent_answer *answer)
{
    const struct instance_view *view = mirror_find(&call->web->mirror, call->values.items[0]);
    if (query->op == QUERY_ALERTS && view != NULL) {
        size_t i;
        json_t *row;
        json_array_foreach (answer->rows, i, row) {
            complete_alert(row, view);
        }
    }
    const struct question_body body = {
        .instance = call->values.items[0],
        .query = query,
        .live = true,
        .rows = answer->rows,
        .total = answer->total,
        .partial = answer->partial,
    };
    call_answer(call, question_response(&body));
}

void question_failed(struct call *call, const struct query *query, const char *code,
                     const char *message)
{
    if (strcmp(code, "bad_request") == 0) {
        const struct http_fault fault = {400, "bad_request", message, NULL, NULL};
        call_refuse(call, &fault);
        return;
    }
    const struct instance_view *view = mirror_find(&call->web->mirror, call->values.items[0]);
    if (view == NULL || strcmp(code, "unknown_instance") == 0) {
        call_refuse(call, &fault_unknown_instance);
        return;
    }
    struct stored *stored = calloc(1, sizeof *stored);
    if (stored == NULL) {
        call_answer(call, NULL);
        return;
    }
    *stored = (struct stored){.call = call, .query = *query, .view = *view};
    (void)snprintf(stored->code, sizeof stored->code, "%s", code); /* may be cut: for a person */
    (void)snprintf(stored->message, sizeof stored->message, "%s", message);
    if (!pool_submit(call->web->pool, stored_run, stored)) {
        free(stored);
        call_refuse(call, &fault_busy);
    }
}

void instance_query_get(struct call *call)
{
    static const struct http_fault too_many = {429, "too_many",
                                               "You have too many questions under way.", NULL,
                                               "Wait for an answer before you ask again."};
    struct query query;
    struct err e = {0};
    const char *name = call->values.items[0];
    struct args args = read_query(call->request, &query);
    if (args.bad) {
        call_answer(call, args_refusal(&args));
    } else if (mirror_find(&call->web->mirror, name) == NULL) {
        call_refuse(call, &fault_unknown_instance);
    } else if (pending_questions(call->web, call->who.user_id) >= QUESTIONS_PER_USER) {
        call_refuse(call, &too_many);
    } else if (!pending_put(call, PENDING_ANSWER, &query)) {
        call_refuse(call, &fault_busy);
    } else if (fleet_ask(call->web->options.fleet, name, &query, call->request->id, &e) != 0) {
        pending_take_back(call);
        question_failed(call, &query, "busy", "the centre has too much to do");
    }
}
