/* A request on its way through the API, the endpoints it may reach, and the ways to answer it. */
#pragma once

#include "aggregator/api/inner.h"

/* One owner at a time, on any thread. */
struct call {
    struct web *web;
    struct http_request *request;
    const struct route *route; /* its handler is a struct endpoint */
    struct route_values values;
    char hash[SESSION_HASH_SIZE]; /* of the session; "" without one */
    struct session who;           /* when the route wants a role */
    bool looked_up;               /* the database has been asked for the session */
};

/* What stands behind a route: exactly one of the two. */
struct endpoint {
    /* Takes over the call and answers it, now or later. Web thread; must not block. */
    void (*here)(struct call *call);
    /* Query thread, borrows the call. NULL and e when the database failed. */
    struct http_response *(*there)(struct call *call, struct pg *pg, struct err *e);
};

/* The table of routes; docs/openapi.yaml is its contract. */
const struct route *routes(size_t *count);

/* http_handlers.request: finds the route, checks who asks, and hands over. Web thread. */
void dispatch_request(void *arg, struct http_request *request);

/* Answers (NULL: 500) and frees the call. Any thread. */
void call_answer(struct call *call, struct http_response *response);
/* Frees without an answer: the server is ending. */
void call_free(struct call *call);
void call_refuse(struct call *call, const struct http_fault *fault);
/* A task (of struct call) that runs the endpoint's `there` and answers. */
bool call_there(void *arg, struct pg *pg);

/* Faults that several endpoints tell. */
extern const struct http_fault fault_unavailable, fault_unknown_instance, fault_busy,
    fault_unauthenticated;
