/*
 * The web server: one vhost, HTTP/1.1 and WebSocket, on a thread of its own. It knows requests,
 * answers and sockets, and nothing of what they are about: the handlers are given by the caller.
 * libwebsockets is known in this folder only.
 */
#pragma once

#include "aggregator/http/frame.h"
#include "aggregator/http/request.h"
#include "aggregator/http/response.h"
#include "aggregator/http/stats.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_server;
struct http_socket;

enum { HTTP_TICK_MS = 100, HTTP_MESSAGE_MAX = 4096 };

/* All are called on the server's thread and must not block. */
struct http_handlers {
    void *arg;
    /* Takes over the request. Exactly one http_server_reply must follow, now or later. */
    void (*request)(void *arg, struct http_request *request);
    /* May this client have a WebSocket? NULL: yes; else the answer. Borrows the request. */
    struct http_response *(*upgrade)(void *arg, const struct http_request *request);
    /* A socket is open; returns the caller's own state for it, or NULL to close it again. */
    void *(*opened)(void *arg, struct http_socket *socket, const struct http_request *request);
    /* One whole text message of at most HTTP_MESSAGE_MAX bytes. */
    void (*received)(void *arg, void *state, const char *text, size_t len);
    /* What to send next on a socket that can take it: a reference given away, or NULL. */
    struct http_frame *(*next)(void *arg, void *state);
    void (*closed)(void *arg, void *state);
    /* After http_server_wake. */
    void (*woken)(void *arg);
    /* Every HTTP_TICK_MS. */
    void (*tick)(void *arg);
};

struct http_options {
    const char *address;   /* to listen on; "" or "0.0.0.0" or "::": every one */
    int port;              /* 0: any free one */
    const char *cert_file; /* PEM; both NULL: without TLS */
    const char *key_file;
    const char *protocol; /* subprotocol of WebSockets */
    struct http_handlers handlers;
};

/* Listens; nobody is served yet. The texts in options outlive the server. NULL and e on failure. */
struct http_server *http_server_open(const struct http_options *options, struct err *e);
/* Starts the thread, and with it the handlers. 0, or -1 and e. */
int http_server_start(struct http_server *server, struct err *e);
/*
 * Lets `woken` run once more, then closes every connection and ends the thread; no handler runs
 * any more. NULL is fine.
 */
void http_server_close(struct http_server *server);

int http_server_port(const struct http_server *server);
struct http_stats *http_server_stats(struct http_server *server);

/* Makes `woken` run soon. Any thread. */
void http_server_wake(struct http_server *server);
/*
 * Answers a request; takes over the response (NULL: 500). An exchange that is gone by then is
 * passed over. Any thread.
 */
void http_server_reply(struct http_server *server, uint64_t request_id,
                       struct http_response *response);

/* Makes `next` run for this socket as soon as it can take more. Server's thread only. */
void http_socket_send_soon(struct http_socket *socket);
/* Closes with a WebSocket status (RFC 6455, 7.4; 4000-4999 are ours). Server's thread only. */
void http_socket_close(struct http_socket *socket, unsigned status);
