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
