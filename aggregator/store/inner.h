/*
 * What the files of the store's thread share; nobody else includes it. store.c is the thread and
 * its connection, intake.c the batches, jobs.c what the fleet wants done.
 */
#pragma once

#include "aggregator/store/intake.h"
#include "aggregator/store/pg.h"
#include "aggregator/store/store.h"
#include "aggregator/store/tell.h"
#include "common/queue.h"

#include <pthread.h>
#include <stdatomic.h>

struct store {
    struct store_options options;
    struct intake intake;
    struct queue *jobs; /* of struct job * */
    int bell;           /* eventfd: something was put into either */
    pthread_t thread;
    bool started;
    _Atomic bool stopping; /* set by store_stop, read by the thread */
    struct pg *pg;         /* below: the thread's own */
    bool told_up;
    struct tell tell;
    uint64_t housekeeping_ns; /* monotonic, of the last */
};

/*
 * After a failure of a statement: true when trying again makes sense, once this returns. A lost
 * connection is opened again first; s->pg is NULL only when the store stops.
 */
bool store_recover(struct store *s, const struct err *e);
