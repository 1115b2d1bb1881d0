/*
 * The fleet's memory in the database: instances and keys at the start, cursors for a welcome,
 * transitions and when each was last heard. Called by the store writer for the fleet.
 */
#pragma once

#include "aggregator/fleet/job.h"
#include "aggregator/store/pg.h"

int state_load(struct pg *pg, struct load_job *job, struct err *e);
/* The next two take many at once, in a statement or two; -1 and e with none of them done. */
int state_hellos(struct pg *pg, struct hello_job *const *jobs, unsigned count, struct err *e);
/* A row for each transition, in this order, and how each instance is after its last. */
int state_changes(struct pg *pg, const struct state_job *const *jobs, unsigned count,
                  struct err *e);
int state_seen(struct pg *pg, const struct seen_job *job, struct err *e);
