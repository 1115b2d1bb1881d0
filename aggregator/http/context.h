/* What the files of this folder share about the running server. Nobody outside includes it. */
#pragma once

#include "aggregator/http/crowd.h"
#include "aggregator/http/server.h"

#include "common/table.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    WRITE_MAX = 16000,    /* bytes at once: larger writes have stalled in libwebsockets 4.1.6 */
    WAIT_SECONDS = 60,    /* for a handler's answer, and for the client to take a part of it */
    EXCHANGES_MAX = 4096, /* requests under way; more are answered 503 */
};

/* libwebsockets gives back only the address of its own part. */
struct ticker {
    lws_sorted_usec_list_t sul; /* must stay the first */
    struct http_server *server;
};

struct http_server {
    struct http_handlers handlers;
    const char *protocol;
    bool tls;
    int port;
    struct lws_context *lws;
    struct lws_protocols protocols[3];
    struct ticker ticker;
    pthread_t thread;
    bool started;
    atomic_bool stopping;    /* set by http_server_close, read by the thread */
    uint64_t last_id;        /* of an exchange; the server's thread only */
    struct table *exchanges; /* of struct exchange_entry, by id; the server's thread only */
    struct crowd crowd;      /* the server's thread only */
    struct http_stats stats;
    pthread_mutex_t reply_lock;
    struct http_response *replies; /* behind reply_lock: newest first */
    unsigned char scratch[LWS_PRE + WRITE_MAX];
};

/* Right in every call-back, also in those about no connection. */
static inline struct http_server *server_of(struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

/* Copies what handlers need out of libwebsockets; NULL when memory is short. */
struct http_request *request_read(struct lws *wsi, enum http_method method, const char *path,
                                  size_t path_len);

/* A header's value into buf; "" when there is none or it is too long. */
void copy_header(struct lws *wsi, enum lws_token_indexes token, char *buf, size_t size);

/* An answer's header lines, and as much of its body as fits, into at..end; -1 when they do not fit.
 */
struct answer_part {
    unsigned char *at;
    unsigned char *end;
};
int answer_write_headers(const struct http_server *server, struct lws *wsi,
                         const struct http_response *response, uint64_t id,
                         struct answer_part *part);
/* Writes a whole small answer at once (a refused upgrade). 0 or -1. */
int answer_write_whole(struct http_server *server, struct lws *wsi,
                       const struct http_response *response, uint64_t id);
void answer_count(struct http_server *server, unsigned status);

/* The connection waits for a request, anew or for the first time. */
void server_wait(struct http_server *server, struct lws *wsi);
/* Its request is whole, or it is a WebSocket. */
void server_wait_over(struct http_server *server, struct lws *wsi);
/* It ends. */
void server_forget(struct http_server *server, struct lws *wsi);

/* Call-backs of libwebsockets: transactions (also wakes), and WebSockets. */
int exchange_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                      size_t len);
int socket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len);
/* Gives every answer that waits to its exchange. */
void server_deliver_replies(struct http_server *server);
struct table *exchange_table_new(size_t max, struct err *e);
/* Gives a response to its exchange, or drops it when that is gone. */
void exchange_answer(struct http_server *server, struct http_response *response);

enum { EXCHANGE_STATE_SIZE = sizeof(void *) };
