/*
 * An answer to a drill-down question: rows are gathered into chunks of at most QUERY_CHUNK_MAX
 * bytes, the last one marked. Who asked always gets a last chunk, if only with an error in it.
 */
#pragma once

#include "common/wire/query.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sends one chunk; both are borrowed for the call. */
typedef void (*answer_fn)(const struct query *question, const struct query_chunk *chunk, void *arg);
struct answer_sink {
    answer_fn send;
    void *arg;
};

struct answer {
    struct query question;
    struct answer_sink sink;
    json_t *rows;   /* of the chunk being gathered */
    size_t bytes;   /* of them as text */
    uint32_t n;     /* of that chunk */
    uint64_t total; /* rows that match before the limit */
    bool partial;
};

/* total: rows that match; partial: it is already known that rows are missing. */
void answer_begin(struct answer *a, const struct query *question, struct answer_sink sink,
                  uint64_t total, bool partial);
/* Takes over the row; NULL, or one that no chunk can hold, makes the answer partial. */
void answer_row(struct answer *a, json_t *row);
/* Sends the last chunk. */
void answer_end(struct answer *a);
/* Answers with an error alone: a code such as "busy" and a sentence. */
void answer_fail(const struct query *question, struct answer_sink sink, const char *code,
                 const char *message);
