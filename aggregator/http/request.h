/*
 * A request as the handlers see it: plain values, copied out of libwebsockets, so that it may go
 * to another thread. The server makes and the receiver frees it.
 */
#pragma once

#include "aggregator/http/query.h"
#include "aggregator/http/router.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_BODY_MAX = 1024 * 1024 };

struct http_request {
    uint64_t id; /* names the exchange when answering; unique while the process lives */
    enum http_method method;
    char path[ROUTE_PATH_SIZE]; /* decoded, dots resolved; "" when it was too long */
    struct query_params query;
    int query_fault; /* -1 when the query could not be read: see query_error */
    struct err query_error;
    char session[64]; /* cookie picket_session; "" when there is none */
    char csrf[64];    /* X-Picket-CSRF */
    char content_type[128];
    char accept_encoding[256];
    char if_none_match[256];
    char origin[256];
    char host[256];
    char peer[64]; /* address of the client */
    bool tls;
    char *body; /* NUL behind its end; NULL when there is none */
    size_t body_len;
};

void http_request_free(struct http_request *request);
