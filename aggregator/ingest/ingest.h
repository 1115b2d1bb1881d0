/*
 * The door of the centre: what comes from NATS is checked for size and sender, and handed on, to
 * the store when it is a batch, to the fleet when it is anything else. Everything here runs on the
 * delivery threads of the bus: check, copy, queue, return. main.c opens it.
 */
#pragma once

#include "aggregator/fleet/fleet.h"
#include "aggregator/fleet/metrics.h"
#include "common/bus.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

struct ingest {
    struct metrics *metrics; /* borrowed, as is all here */
    struct fleet *fleet;
    /* Takes over a copy of a batch; false when there is no room: the agent sends it again. */
    bool (*batch)(void *arg, const char *name, enum wire_stream stream, const void *bytes,
                  size_t len);
    void *arg;
};

/* Subscribes to what agents send. The ingest outlives the bus. */
int ingest_agents(struct ingest *in, struct bus *bus, struct err *e);
/* Subscribes, on the system account's connection, to log-ins and refusals of this account. */
int ingest_logins(struct ingest *in, struct bus *bus, const char *account, struct err *e);
