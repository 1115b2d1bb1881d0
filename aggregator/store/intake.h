/*
 * Batches on their way into the database. Those of alerts go first and at once; the others gather
 * for INTAKE_PACE_MS, so that many agents share a transaction; back-fill goes behind both, in small
 * groups, so that what is new never waits long for it. Any thread puts, the store's thread
 * takes; what does not fit is left to the agents, who send it again.
 */
#pragma once

#include "common/queue.h"
#include "common/wire/subjects.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    INTAKE_PACE_MS = 100,         /* between two transactions of what is no alert */
    INTAKE_SLOTS = 4096,          /* batches that may wait, of each of the three kinds */
    INTAKE_BYTES = 64 << 20,      /* in all of them together */
    INTAKE_GROUP = 512,           /* batches in one transaction at most */
    INTAKE_GROUP_BYTES = 8 << 20, /* of records, after which a group takes no further batch */
    INTAKE_LATE_BYTES = 1 << 20,  /* likewise, of back-fill */
};

struct batch;
struct commit;
struct store;

struct intake {
    struct queue *alerts, *others, *late; /* of struct item */
    queue_wake_fn wake;
    void *arg;
    _Atomic size_t held; /* bytes; added by intake_put, taken off by the store's thread */
    _Atomic bool paced;  /* set by the store's thread: it looks by itself when the time has come */
    uint64_t begun_ns;   /* monotonic, of the last transaction of others; below: its own */
    struct item *items;  /* owned, as are the next two; INTAKE_GROUP of each */
    struct batch *batches;
    struct commit *commits;
    uint64_t malformed_second;
    unsigned malformed_count;
};

/* wake runs on the putting thread. -1 and e when memory is short; close it also then. */
int intake_open(struct intake *in, queue_wake_fn wake, void *arg, struct err *e);
/* Nothing is taken from now on. */
void intake_shut(struct intake *in);
void intake_close(struct intake *in);
/* Takes a copy of a batch that came on the subject of a checked name; false without room. */
bool intake_put(struct intake *in, const char *name, enum wire_stream stream, const void *bytes,
                size_t len);
/*
 * Stores what is due, however long the database is away. False when there was nothing; *wait_ms is
 * then how long until something may be, unless it is woken.
 */
bool intake_turn(struct store *s, unsigned *wait_ms);
