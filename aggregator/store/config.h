/*
 * From the items of the configuration to the document of an instance: which items hold for it, in
 * which order, and under which revision. Called by the store writer for the fleet.
 */
#pragma once

#include "aggregator/fleet/job.h"
#include "aggregator/store/pg.h"

/* Opens a sealed secret into a buffer of CONFIG_SECRET_SIZE; -1 and e. */
typedef int (*config_unseal_fn)(void *arg, const char *sealed, char *buf, struct err *e);
enum { CONFIG_SECRET_SIZE = 1025 };

struct config_maker {
    config_unseal_fn unseal;
    void *arg;
};

/*
 * Brings the wanted revision of one instance, or of a slice of all, up to date. A revision changes
 * only with what holds for the instance. Entries: who got a new one; job->only: that one anyway.
 */
int config_make(struct pg *pg, struct config_job *job, const struct config_maker *maker,
                struct err *e);
/* Adds what an agent's rules were hit. */
int config_count(struct pg *pg, const struct hits_job *job, struct err *e);
/* Keeps what an agent says of its configuration. */
int config_note(struct pg *pg, const struct config_note_job *job, struct err *e);
