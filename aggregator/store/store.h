/*
 * The store: one thread that owns the connection to PostgreSQL and everything that is written.
 * It takes batches and the fleet's jobs from bounded queues, acknowledges after COMMIT, and waits
 * while the database is away: batches are then left to the agents, whose spools hold them.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "aggregator/fleet/job.h"
#include "aggregator/fleet/metrics.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* All are called on the store's thread. */
struct store_options {
    const char *conninfo; /* borrowed for the store's life, as is all below */
    struct metrics *metrics;
    /* Publishes to an agent; a failure is the caller's to count (the agent asks again). */
    int (*publish)(void *arg, const char *subject, const void *bytes, size_t len, struct err *e);
    web_event_fn tell_web; /* alerts that changed */
    void (*database)(void *arg, bool up);
    void (*refused)(void *arg, const struct err *why); /* it is not for this program: end */
    void (*registry_changed)(void *arg);               /* somebody else added or revoked an agent */
    void (*job_done)(void *arg, struct job *job);      /* hands the job back */
    /* Opens a sealed secret of the configuration into CONFIG_SECRET_SIZE bytes. */
    int (*unseal)(void *arg, const char *sealed, char *buf, struct err *e);
    void *arg;
};

/* NULL and e when memory is short. What is handed over before the start waits. */
struct store *store_open(const struct store_options *options, struct err *e);
/* Starts the thread, which connects by itself: once all that options point to is there. */
int store_start(struct store *store, struct err *e);
/*
 * Lets it finish what it has in hand and the jobs that wait, at most wait_ms. False when it could
 * not: the database hangs; the thread is then left behind and the process must end. Once, and
 * before the bus is closed, over which it acknowledges. NULL is fine.
 */
bool store_stop(struct store *store, unsigned wait_ms);
/* After store_stop, or without a start; and after the bus, whose threads hand over batches. */
void store_close(struct store *store);

/*
 * Takes over a copy of a batch that came on the subject of `name` and `stream`. False when the
 * queue is full: the agent sends it again. Any thread.
 */
bool store_batch(struct store *store, const char *name, enum wire_stream stream, const void *bytes,
                 size_t len);
/* Takes over a job; false when too many wait. Any thread. */
bool store_job(struct store *store, struct job *job);
