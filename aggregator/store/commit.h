/*
 * Batches into the database: a single transaction of cursors and rows for a whole group, so that a
 * record counts as stored exactly when its row is there. Called by the store's thread alone.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "aggregator/store/batch.h"
#include "aggregator/store/pg.h"

#include <stdbool.h>
#include <stdint.h>

enum commit_result {
    COMMIT_STORED = 1, /* acknowledge up to `upto` */
    COMMIT_HOLE,       /* records are missing: ask for `upto` + 1 */
    COMMIT_STRANGER,   /* the name is no instance, or it is revoked */
};

/* One batch of a group and what became of it. */
struct commit {
    const char *name;    /* of the sender; borrowed. Set by the caller, as is the next */
    struct batch *batch; /* borrowed; may be trimmed */
    enum commit_result result;
    uint64_t upto;             /* everything of the stream up to here is stored */
    unsigned stored;           /* records that became rows */
    unsigned trimmed;          /* records that were stored before */
    unsigned bad;              /* records put into quarantine */
    unsigned gaps;             /* gap records stored */
    uint64_t lost;             /* sequences inside those gaps */
    struct alert_view *alerts; /* rows of the alert table that changed; owned */
    unsigned alert_count;
};

/*
 * Stores a group in the order given; several may be of one stream. 0 with the outcome of each, or
 * -1 and e with nothing stored: ERR_CLOSED, ERR_BUSY and ERR_NOMEM may be tried again, ERR_REMOTE
 * is the fault of one of them: try each alone. With *unsure the answer to COMMIT was lost: it may
 * be stored after all, and the next try tells.
 */
int commit_group(struct pg *pg, struct commit *all, unsigned count, bool *unsure, struct err *e);
/*
 * Stores instead of the records that the batch is in quarantine, moves the cursor over it and
 * tells it as a gap: the way out for what the database refuses for good.
 */
int commit_refused(struct pg *pg, struct commit *c, const char *reason, bool *unsure,
                   struct err *e);
/* Frees what the outcome owns. */
void commit_done(struct commit *c);
