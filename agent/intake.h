/*
 * The door through which control takes what the engine wrote into shared memory. The engine reads
 * hostile bytes, so each value is copied out first, then checked and its texts cleaned; what does
 * not pass is counted. Control's thread.
 */
#pragma once

#include "agent/engine_link.h"
#include "agent/flow/record.h"

#include <stdbool.h>
#include <stdint.h>

struct intake {
    void (*account)(const struct account *account, void *arg);
    void (*record)(const struct record *record, void *arg);
    void (*sighting)(const struct sighting *sighting, void *arg);
    void (*exporter)(const struct exporter_view *view, void *arg); /* NULL: nobody asks */
    void *arg;
    uint64_t taken;     /* values taken since the beginning */
    uint64_t malformed; /* of them refused */
};

/*
 * Hands on what waits in the rings of all lanes: accounts first, as they make the hosts that flow
 * records and sightings are about. Up to a bounded number a call. Returns true when more waits.
 */
bool intake_drain(struct intake *in, const struct engine_link *link);
/* Hands on all that waits now, and ends though an engine goes on writing. */
void intake_drain_rest(struct intake *in, const struct engine_link *link);

/* Checks a flow record copied out of shared memory and cleans its texts; false: not usable. */
bool intake_check_flow(struct flow_record *r);
