/*
 * What agents learn over SNMP and by probes: facts go by COPY like all others, and how a device,
 * an interface, a neighbour or a probe is now goes into one row each. Used by rows.c and commit.c
 * inside the store writer's transaction.
 */
#pragma once

#include "aggregator/store/batch.h"
#include "aggregator/store/copy.h"
#include "aggregator/store/pg.h"

#include <jansson.h>

enum target_state {
    TARGET_DEVICE,
    TARGET_INTERFACE,
    TARGET_NEIGHBOUR,
    TARGET_PROBE,
    TARGET_STATES,
};

/* The rows of state of one batch: lists of objects, NULL when there are none. A zeroed one is
 * empty. */
struct targets {
    json_t *lists[TARGET_STATES]; /* owned */
    json_t *complete; /* {device, at_ns} whose neighbours were told to the last; owned */
};
void targets_done(struct targets *t);

/* Columns that say which record it is, at the front of each row. */
struct target_origin {
    int32_t instance_id;
    uint64_t epoch, seq;
};

/* Where the facts of these streams go. */
struct target_copies {
    struct copy *device, *interface, *probe;
};
extern const char target_device_copy_sql[], target_interface_copy_sql[], target_probe_copy_sql[];

/* Takes one record of stream "snmp" or "probe". -1 and e when it cannot be read. */
int targets_add_device(struct targets *t, const struct target_copies *copies,
                       const struct target_origin *origin, const struct batch_record *record,
                       struct err *e);
int targets_add_probe(struct targets *t, const struct target_copies *copies,
                      const struct target_origin *origin, const struct batch_record *record,
                      struct err *e);

/* Writes the rows of state. */
int targets_apply(const struct targets *t, int32_t instance_id, struct pg *pg, struct err *e);
