/* The two ways in which a question to an agent ends; called when its fate is known. */
#pragma once

#include "aggregator/api/call.h"

/* Of a question: what the agent said. rows are taken over. */
struct agent_answer {
    json_t *rows;
    uint64_t total;
    bool partial;
};
/* Answers with it. Takes over the call. Web thread. */
void question_answered(struct call *call, const struct query *query, struct agent_answer *answer);
/*
 * Answers with what is stored, and why the agent did not answer. Takes over the call. Web thread.
 */
void question_failed(struct call *call, const struct query *query, const char *code,
                     const char *message);

/* The body of an answer to a question; rows are taken over. */
struct question_body {
    const char *instance;
    const struct query *query;
    bool live;
    uint64_t age_ms;
    json_t *rows;
    uint64_t total;
    bool partial;
    const char *code, *message; /* why it is not live */
};
struct http_response *question_response(const struct question_body *body);
