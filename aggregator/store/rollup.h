/*
 * The roll-ups: sums of counters and of quality by minute, hour and day (migration "rollups").
 * Times whose facts changed are computed anew as a whole, the newest first, so that what comes late
 * ends in the right sums. Called by the thread of the centre's chores, which holds its lock.
 */
#pragma once

#include "aggregator/store/pg.h"
#include "common/err.h"

#include <stdbool.h>

/* Works for about this long. *more: something is left; call again soon. */
enum { ROLLUP_TURN_MS = 1000 };
int rollup_turn(struct pg *pg, bool *more, struct err *e);
