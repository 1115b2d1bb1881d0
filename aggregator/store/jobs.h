/* Carries out the fleet's jobs on the store's connection, and tells the web of alerts. */
#pragma once

#include "aggregator/fleet/job.h"
#include "aggregator/store/pg.h"
#include "aggregator/store/store.h"
#include "aggregator/store/tell.h"

/* 0, or -1 with the reason in job->e. */
int jobs_run(struct pg *pg, struct job *job, const struct store_options *options,
             struct tell *tell);
/* True for those of one statement or two that may share a transaction with others. */
bool jobs_may_share(enum job_kind kind);
/*
 * Carries out such jobs inside the caller's transaction, those of one kind by one statement where
 * they can be. -1: roll back and try each alone.
 */
enum { JOBS_SHARED_MAX = 512 };
int jobs_run_shared(struct pg *pg, struct job *const *jobs, unsigned count,
                    const struct store_options *options, struct tell *tell);
