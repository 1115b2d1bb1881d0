/*
 * The web on top of the core: HTTP API, live channel and console, on threads of its own. main.c
 * opens it when the core runs and closes it before; in between the core tells it of events by
 * web_tell, and it asks the fleet by the functions of fleet_view.h.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "aggregator/fleet/metrics.h"
#include "common/err.h"

#include <stdbool.h>

struct web;
struct seal_key;

struct web_options {
    const char *address; /* to listen on */
    int port;
    const char *static_dir; /* the built console */
    const char *cert_file;  /* PEM; "" or NULL: no TLS */
    const char *key_file;
    const char *conninfo;        /* for the query threads' own connections */
    unsigned query_threads;      /* 1-16 */
    const struct seal_key *seal; /* for secrets of the configuration */
    struct fleet *fleet;         /* borrowed, like all of these, until web_close returns */
    struct metrics *metrics;     /* the core's, for /metrics */
};

/* Listens and starts; the database may be away. NULL and e when it cannot listen. */
struct web *web_open(const struct web_options *options, struct err *e);
/* A web_event_fn with the web as arg: queues for the web thread. Any thread, until web_close. */
bool web_tell(void *web, const struct web_event *event);
/* Ends all connections and threads. NULL is fine. */
void web_close(struct web *web);
