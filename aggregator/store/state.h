/*
 * The fleet's memory in the database: instances and keys at the start, cursors for a welcome,
 * transitions and when each was last heard. Called by the store writer for the fleet.
 */
#pragma once

#include "aggregator/fleet/job.h"
#include "aggregator/store/pg.h"

int state_load(struct pg *pg, struct load_job *job, struct err *e);
int state_hello(struct pg *pg, struct hello_job *job, struct err *e);
/* The transition's row and the instance's, in one transaction. */
int state_change(struct pg *pg, const struct state_job *job, struct err *e);
int state_seen(struct pg *pg, const struct seen_job *job, struct err *e);
