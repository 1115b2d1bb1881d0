/* A table of waiting calls by the id of their request. */
#include "aggregator/api/pending.h"

#include "aggregator/api/question.h"

#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

enum {
    CALLS_MAX = ASKS_MAX,
    QUESTION_MS = 4000, /* the fleet says no_answer after 2 s: this is for a lost event */
    ORDER_MS = 10000,
};

struct waiting {
    uint64_t id; /* the key */
    enum pending_kind kind;
    struct call *call;
    struct query query;
    struct agent_answer answer; /* so far */
    uint64_t until_ns;          /* monotonic */
};

struct pending {
    struct table *table; /* of struct waiting, by id */
};

static const struct http_fault fault_order_lost = {
    503, "unavailable", "The centre did not finish this in time.", NULL,
    "Look whether it was done before you try again."};

struct pending *pending_open(struct err *e)
{
    struct pending *pending = calloc(1, sizeof *pending);
    if (pending == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for waiting calls");
        return NULL;
    }
    pending->table = table_new(sizeof(uint64_t), sizeof(struct waiting), CALLS_MAX, e);
    if (pending->table == NULL) {
        free(pending);
        return NULL;
    }
    return pending;
}

void pending_close(struct pending *pending)
{
    if (pending == NULL) {
        return;
    }
    size_t at = 0;
    for (struct waiting *w; (w = table_next(pending->table, &at)) != NULL;) {
        json_decref(w->answer.rows);
        call_free(w->call);
    }
    table_free(pending->table);
    free(pending);
}

bool pending_put(struct call *call, enum pending_kind kind, const struct query *query)
{
    bool made = false;
    struct waiting *w = table_put(call->web->pending->table, &call->request->id, &made);
    if (w == NULL) {
        return false;
    }
    unsigned wait_ms = kind == PENDING_ANSWER ? QUESTION_MS : ORDER_MS;
    w->kind = kind;
    w->call = call;
    w->until_ns = clock_mono_ns() + (uint64_t)wait_ms * NS_PER_MS;
    if (query != NULL) {
        w->query = *query;
        w->answer.rows = json_array();
    }
    return true;
}

void pending_take_back(struct call *call)
{
    struct table *table = call->web->pending->table;
    struct waiting *w = table_get(table, &call->request->id);
    if (w != NULL) {
        json_decref(w->answer.rows);
        (void)table_remove(table, &call->request->id); /* it was just there */
    }
}

unsigned pending_questions(struct web *web, int64_t user_id)
{
    unsigned count = 0;
    size_t at = 0;
    for (const struct waiting *w; (w = table_next(web->pending->table, &at)) != NULL;) {
        count += w->kind == PENDING_ANSWER && w->call->who.user_id == user_id ? 1 : 0;
    }
    return count;
}

/* Ends a question with what has come of it, or with what is stored. */
static void end_question(struct waiting *w, const char *code, const char *message)
{
    if (code[0] == '\0' && w->answer.rows != NULL) {
        question_answered(w->call, &w->query, &w->answer);
        return;
    }
    json_decref(w->answer.rows);
    question_failed(w->call, &w->query, code, message);
}

static void take_chunk(struct web *web, struct waiting *w, const struct query_chunk *chunk)
{
    bool failed = chunk->err_code[0] != '\0';
    if (json_array_size(w->answer.rows) + json_array_size(chunk->rows) <= ANSWER_ROWS_MAX) {
        (void)json_array_extend(w->answer.rows, chunk->rows); /* short of memory: fewer */
    } else {
        w->answer.partial = true;
    }
    w->answer.total = chunk->total;
    w->answer.partial = w->answer.partial || chunk->partial;
    if (chunk->last || failed) {
        struct waiting ended = *w;
        (void)table_remove(web->pending->table, &ended.id); /* w points into the table */
        end_question(&ended, chunk->err_code, chunk->err_message);
    }
}

static unsigned status_of(const char *code)
{
    static const struct {
        const char *code;
        unsigned status;
    } known[] = {{"exists", 409}, {"unknown", 404}, {"bad_name", 400}, {"database_away", 503}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].code, code) == 0) {
            return known[i].status;
        }
    }
    return 500;
}

static struct http_response *refusal_of(const struct agent_outcome *outcome)
{
    static const struct {
        unsigned status;
        const char *code;
    } words[] = {{400, "bad_request"}, {404, "not_found"}, {409, "conflict"}, {503, "unavailable"}};
    struct http_fault fault = {
        .status = status_of(outcome->code), .code = "internal", .message = outcome->message};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].status == fault.status) {
            fault.code = words[i].code;
        }
    }
    return http_response_error(&fault);
}

static void end_order(const struct waiting *w, const struct agent_outcome *outcome)
{
    if (!outcome->ok) {
        call_answer(w->call, refusal_of(outcome));
        return;
    }
    if (w->kind == PENDING_REVOKED) {
        call_answer(w->call, http_response_new(204));
        return;
    }
    json_t *body = json_pack("{s:s, s:s}", "name", outcome->name, "token", outcome->token);
    struct http_response *response = http_response_json(201, body);
    if (response != NULL) {
        response->secret = true;
    }
    call_answer(w->call, response);
}

void pending_event(struct web *web, const struct web_event *event)
{
    struct waiting *w = table_get(web->pending->table, &event->reply);
    if (w == NULL) {
        return; /* answered already: it came too late */
    }
    if (event->kind == WEB_ANSWER && w->kind == PENDING_ANSWER) {
        take_chunk(web, w, event->as.chunk);
    } else if (event->kind != WEB_ANSWER && w->kind != PENDING_ANSWER) {
        struct waiting ended = *w;
        (void)table_remove(web->pending->table, &ended.id); /* w points into the table */
        end_order(&ended, event->as.outcome);
    }
}

void pending_tick(struct web *web, uint64_t mono_ns)
{
    size_t at = 0;
    for (struct waiting *w; (w = table_next(web->pending->table, &at)) != NULL;) {
        if (mono_ns < w->until_ns) {
            continue;
        }
        struct waiting ended = *w;
        (void)table_remove(web->pending->table, &ended.id); /* the one just returned */
        if (ended.kind == PENDING_ANSWER) {
            end_question(&ended, "no_answer", "it did not answer in time");
        } else {
            call_refuse(ended.call, &fault_order_lost);
        }
    }
}
