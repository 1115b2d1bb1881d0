/*
 * How far each stream is stored: one row of `cursor` a spool, read before a group of batches is
 * placed and moved in the transaction of their rows. A statement a group, however many there are.
 * Called by the store's thread alone.
 */
#pragma once

#include "aggregator/store/pg.h"

#include <stdbool.h>
#include <stdint.h>

struct cursor {
    const char *name; /* of the instance; borrowed. Set by the caller, as are the next two */
    uint8_t stream;   /* enum wire_stream */
    uint64_t epoch;
    bool known;  /* the instance exists */
    bool exists; /* the row is there */
    int32_t instance_id;
    uint64_t moved_ns; /* UTC, when it was last moved; 0: never */
    uint64_t stored;   /* everything up to here is, as it was read */
    uint64_t upto;     /* where it is to be moved; `stored` when it stays */
};

/* Fills in what the database knows; upto becomes stored. 0, or -1 and e as pg_query. */
int cursors_read(struct pg *pg, struct cursor *all, unsigned count, struct err *e);
/*
 * Compare and set, inside the caller's transaction: each one moves from `stored` to `upto`. -1 and
 * ERR_BUSY when another writer moved one meanwhile: roll back and read again.
 */
int cursors_move(struct pg *pg, const struct cursor *all, unsigned count, struct err *e);
