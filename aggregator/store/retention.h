/*
 * How long facts are kept: limits in days and in bytes for each kind, what they would drop, and
 * the dropping. Whole partitions go, one day each; today's and yesterday's always stay. The API
 * sets and previews, the runner applies; each on its own connection.
 */
#pragma once

#include "aggregator/store/pg.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { RETENTION_NAME_SIZE = 64 /* PostgreSQL's own limit of names */ };

struct retention_drop {
    char kind[RETENTION_NAME_SIZE];
    char partition[RETENTION_NAME_SIZE];
    int64_t from_ms, to_ms;
    int64_t rows;
    bool rows_exact; /* false: the planner's estimate, as counting would take long */
    int64_t bytes;   /* on disk, with indexes */
    bool by_days;    /* older than the limit of days; else beyond the limit of bytes */
};

struct retention_plan {
    struct retention_drop *drops; /* oldest first; owned */
    unsigned count;
};

/*
 * What would go under the stored limits (kind NULL), or of one kind under days and bytes (0: no
 * limit) instead of its stored ones. 0, or -1 and e.
 */
int retention_plan(struct pg *pg, const char *kind, int64_t days, int64_t bytes,
                   struct retention_plan *plan, struct err *e);
void retention_plan_done(struct retention_plan *plan);

/*
 * Drops what the stored limits say, each partition with its row of audit in one transaction. What
 * is in use for more than 2 s stays for the next time. *dropped counts; -1 and e when the database
 * failed.
 */
int retention_apply(struct pg *pg, unsigned *dropped, struct err *e);
