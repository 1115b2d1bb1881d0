/*
 * One batch into the database: a single transaction of cursor and rows, so that a record counts as
 * stored exactly when its row is there. Called by the store's thread alone.
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
    COMMIT_STRANGER,   /* the name is no instance */
};

struct commit {
    enum commit_result result;
    uint64_t upto;             /* everything up to here is stored */
    unsigned stored;           /* records that became rows */
    unsigned trimmed;          /* records that were stored before */
    unsigned bad;              /* records put into quarantine */
    unsigned gaps;             /* gap records stored */
    uint64_t lost;             /* sequences inside those gaps */
    bool unsure;               /* on failure: COMMIT was sent, and what became of it is not known */
    struct alert_view *alerts; /* rows of the alert table that changed; owned */
    unsigned alert_count;
};

/*
 * Stores a batch of the instance's stream. The batch may be trimmed. 0 with *commit, or -1 and e
 * with nothing stored: ERR_CLOSED, ERR_BUSY and ERR_NOMEM may be tried again, ERR_REMOTE is the
 * batch's fault. With commit->unsure the answer to COMMIT was lost: it may be stored after all, and
 * the next try tells.
 */
int commit_batch(struct pg *pg, const char *name, struct batch *batch, struct commit *commit,
                 struct err *e);
/*
 * Stores instead of the records that the batch is in quarantine, moves the cursor over it and
 * tells it as a gap: the way out for what the database refuses for good.
 */
int commit_refused(struct pg *pg, const char *name, struct batch *batch, const char *reason,
                   struct commit *commit, struct err *e);
void commit_done(struct commit *commit);

/* Puts bytes that are no batch aside, with the reason; keeps the newest 2,000 rows. */
int commit_quarantine(struct pg *pg, const char *name, enum wire_stream stream, const void *bytes,
                      size_t len, const char *reason, struct err *e);
