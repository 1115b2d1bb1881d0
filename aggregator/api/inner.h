/* The running web, as the files of this folder know it. Nobody outside includes it. */
#pragma once

#include "aggregator/api/mirror.h"
#include "aggregator/api/pool.h"
#include "aggregator/api/web.h"
#include "aggregator/auth/session.h"
#include "aggregator/auth/throttle.h"
#include "aggregator/http/server.h"
#include "aggregator/http/static.h"
#include "common/queue.h"

#include <semaphore.h>

struct live;
struct pending;

struct web {
    struct web_options options;
    struct http_server *http;
    struct static_files *files; /* NULL: there is no console to serve */
    struct pool *pool;
    struct session_store *sessions; /* any thread */
    struct throttle *throttle;      /* any thread */
    sem_t hashing;                  /* query threads; see web_hash_begin */
    struct queue *events;           /* of struct web_event: core to web thread */
    struct queue *returns;          /* of struct came_back: query threads to web thread */
    /* Only the web thread touches what follows. */
    struct mirror mirror;
    struct live *live;
    struct pending *pending;
    uint64_t snapshot_asked_ns; /* 0: not yet */
};

/* What a query thread hands back to the web thread, which calls fn and no longer waits for it. */
struct came_back {
    void (*fn)(struct web *web, void *arg);
    void *arg;
};
/* Query threads; waits for room, as what is lost here would hang. */
void web_return(struct web *web, void (*fn)(struct web *web, void *arg), void *arg);

/* Around every call of auth/password.h that hashes: waits while too many do. Query threads. */
void web_hash_begin(struct web *web);
void web_hash_end(struct web *web);

/* Milliseconds of now, UTC. */
uint64_t now_ms(void);
