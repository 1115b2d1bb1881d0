/*
 * Calls that wait for the core: questions to agents, and orders to add or revoke one. The web
 * thread only; whatever happens, each is answered by its deadline.
 */
#pragma once

#include "aggregator/api/call.h"

enum pending_kind { PENDING_ANSWER, PENDING_ADDED, PENDING_REVOKED };

enum { QUESTIONS_PER_USER = 16, ANSWER_ROWS_MAX = QUERY_LIMIT_MAX };

struct pending *pending_open(struct err *e);
/* Frees the calls that still wait, without an answer. */
void pending_close(struct pending *pending);

/*
 * Keeps a call under its request's id, which the core is then to be given as `reply`. query is
 * copied; NULL for an order. False when there is no room: the call stays the caller's.
 */
bool pending_put(struct call *call, enum pending_kind kind, const struct query *query);
/* Takes a call back that could not be put to the core. */
void pending_take_back(struct call *call);
/* How many questions a user has under way. */
unsigned pending_questions(struct web *web, int64_t user_id);

/* WEB_ANSWER, WEB_AGENT_ADDED and WEB_AGENT_REVOKED; the event stays the caller's. */
void pending_event(struct web *web, const struct web_event *event);
/* Answers what has waited too long. */
void pending_tick(struct web *web, uint64_t mono_ns);
