/* Questions under way: each has a place in a fixed array, an answer or a deadline. */
#include "aggregator/fleet/inner.h"
#include "common/clock.h"

#define LOG_MODULE "fleet"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_TEXT(to, from)                                                                        \
    ((void)snprintf((to), sizeof(to), "%s", (from))) /* of the same size                           \
                                                      */

static void tell_chunk(struct fleet *f, uint64_t reply, struct query_chunk *chunk)
{
    struct web_event event = {.kind = WEB_ANSWER, .reply = reply, .as.chunk = chunk};
    (void)fleet_tell(f, &event); /* lost: the web's own deadline ends the request */
}

static void tell_failure(struct fleet *f, uint64_t reply, const char *code, const char *message)
{
    struct query_chunk *chunk = calloc(1, sizeof *chunk);
    json_t *rows = chunk != NULL ? json_array() : NULL;
    if (rows == NULL) {
        free(chunk);
        return;
    }
    chunk->last = true;
    chunk->rows = rows;
    COPY_TEXT(chunk->err_code, code);
    COPY_TEXT(chunk->err_message, message);
    tell_chunk(f, reply, chunk);
}

/* Why an instance in this state cannot be asked; NULL when it can. */
static const char *refusal_of(const struct instance *i, const char **message)
{
    switch (i->presence.state) {
    case PRESENCE_UP:
    case PRESENCE_DEGRADED:
    case PRESENCE_CATCHING_UP:
    case PRESENCE_SUSPECT:
    case PRESENCE_MAINTENANCE:
    case PRESENCE_DUPLICATE: return NULL;
    case PRESENCE_INVITED:
    case PRESENCE_PENDING: *message = "it has never been seen"; return "never_seen";
    case PRESENCE_UNREACHABLE: *message = "it is unreachable"; return "unreachable";
    case PRESENCE_STOPPED: *message = "it was stopped"; return "stopped";
    case PRESENCE_REVOKED: *message = "it is revoked"; return "revoked";
    }
    return NULL;
}

static struct ask *free_ask(struct fleet *f)
{
    for (unsigned n = 0; n < ASKS_MAX; n++) {
        if (!f->asks[n].used) {
            return &f->asks[n];
        }
    }
    return NULL;
}

static int send_question(struct fleet *f, struct ask *ask, struct query *query)
{
    char bytes[QUERY_MAX];
    (void)snprintf(ask->req, sizeof ask->req, "%llx", (unsigned long long)++f->ask_number);
    COPY_TEXT(query->req, ask->req);
    COPY_TEXT(query->agg, f->agg);
    query->deadline_ms = QUERY_DEADLINE_MS;
    size_t len = query_pack(query, bytes, sizeof bytes);
    return len == 0 ? -1 : fleet_send(f, ask->name, "q", bytes, len);
}

void asks_put(struct fleet *f, const struct message *m, uint64_t now_ns)
{
    const struct instance *i = instances_by_name(&f->instances, m->name);
    const char *message = "there is no such instance";
    const char *code = i == NULL ? "unknown_instance" : refusal_of(i, &message);
    struct ask *ask = code == NULL ? free_ask(f) : NULL;
    if (code != NULL || ask == NULL) {
        tell_failure(f, m->reply, code != NULL ? code : "busy",
                     code != NULL ? message : "too many questions are under way");
        return;
    }
    struct query query;
    memcpy(&query, m->bytes, sizeof query);
    *ask = (struct ask){
        .used = true,
        .reply = m->reply,
        .until_ns = now_ns + QUERY_DEADLINE_MS * (uint64_t)NS_PER_MS,
    };
    COPY_TEXT(ask->name, i->name);
    metric_add(&f->options.metrics->questions, 1);
    if (send_question(f, ask, &query) != 0) {
        ask->used = false;
        tell_failure(f, m->reply, "unreachable", "the centre is not connected to NATS");
    }
}

/* The question that "AGG.REQ.N" of this agent answers; NULL when it is not ours or too late. */
static struct ask *find_ask(struct fleet *f, const char *name, const char *word)
{
    size_t agg_len = strlen(f->agg);
    if (strncmp(word, f->agg, agg_len) != 0 || word[agg_len] != '.') {
        return NULL;
    }
    const char *req = word + agg_len + 1;
    size_t req_len = strcspn(req, ".");
    for (unsigned n = 0; n < ASKS_MAX; n++) {
        struct ask *ask = &f->asks[n];
        if (ask->used && strlen(ask->req) == req_len && strncmp(ask->req, req, req_len) == 0) {
            return strcmp(ask->name, name) == 0 ? ask : NULL;
        }
    }
    return NULL;
}

void asks_answer(struct fleet *f, const struct message *m)
{
    struct ask *ask = find_ask(f, m->name, m->word);
    struct query_chunk *chunk = ask != NULL ? calloc(1, sizeof *chunk) : NULL;
    if (chunk == NULL) {
        return; /* too late, or another aggregator's */
    }
    struct err e = {0};
    if (query_chunk_unpack(m->bytes, m->len, chunk, &e) != 0) {
        free(chunk);
        metric_add(&f->options.metrics->messages_malformed, 1);
        log_warn(&e, "an answer of %s is not understood", m->name);
        tell_failure(f, ask->reply, "no_answer", "its answer is not understood");
        ask->used = false;
        return;
    }
    ask->used = !chunk->last;
    tell_chunk(f, ask->reply, chunk);
}

void asks_expire(struct fleet *f, uint64_t now_ns)
{
    for (unsigned n = 0; n < ASKS_MAX; n++) {
        struct ask *ask = &f->asks[n];
        if (ask->used && now_ns >= ask->until_ns) {
            ask->used = false;
            metric_add(&f->options.metrics->questions_unanswered, 1);
            tell_failure(f, ask->reply, "no_answer", "it did not answer within 2 s");
        }
    }
}
