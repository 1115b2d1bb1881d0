#include "agent/uplink/answer.h"

#include <stdio.h>

enum { CHUNK_FRAME = 512 }; /* what surrounds the rows of a chunk, at most */

void answer_begin(struct answer *a, const struct query *question, struct answer_sink sink,
                  uint64_t total, bool partial)
{
    *a = (struct answer){.question = *question, .sink = sink, .total = total, .partial = partial};
    a->rows = json_array();
}

static void chunk_send(struct answer *a, bool last)
{
    struct query_chunk chunk = {
        .n = a->n++,
        .last = last,
        .rows = a->rows,
        .total = a->total,
        .partial = a->partial,
    };
    (void)snprintf(chunk.req, sizeof chunk.req, "%s", a->question.req);
    a->sink.send(&a->question, &chunk, a->sink.arg);
    (void)json_array_clear(a->rows); /* fails only for what is no array: then nothing is kept */
    a->bytes = 0;
}

void answer_row(struct answer *a, json_t *row)
{
    size_t len = row == NULL ? 0 : json_dumpb(row, NULL, 0, JSON_COMPACT) + 1;
    if (row == NULL || len > QUERY_CHUNK_MAX - CHUNK_FRAME) {
        json_decref(row);
        a->partial = true;
        return;
    }
    if (a->bytes + len > QUERY_CHUNK_MAX - CHUNK_FRAME) {
        chunk_send(a, false);
    }
    if (json_array_append_new(a->rows, row) != 0) {
        a->partial = true;
        return;
    }
    a->bytes += len;
}

void answer_end(struct answer *a)
{
    chunk_send(a, true);
    json_decref(a->rows);
    a->rows = NULL;
}

void answer_fail(const struct query *question, struct answer_sink sink, const char *code,
                 const char *message)
{
    struct query_chunk chunk = {.last = true, .rows = json_array()};
    (void)snprintf(chunk.req, sizeof chunk.req, "%s", question->req);
    (void)snprintf(chunk.err_code, sizeof chunk.err_code, "%s", code);
    (void)snprintf(chunk.err_message, sizeof chunk.err_message, "%s", message);
    sink.send(question, &chunk, sink.arg);
    json_decref(chunk.rows);
}
