/*
 * The flow exporters that the engine tells of, as control last heard: for status and for the
 * detectors. They stay when the engine is started anew, whose collector begins at nothing, so that
 * one that does not come back is missed. Control's thread.
 */
#pragma once

#include "agent/collect/collect.h"

#include <stddef.h>
#include <stdint.h>

enum { EXPORTERS_MAX = COLLECT_EXPORTERS + 8 }; /* and each source's refused senders */

struct exporters {
    struct exporter_view rows[EXPORTERS_MAX];
    size_t count;
};

/* Takes in what was heard; one too many is left out. */
void exporters_take(struct exporters *x, const struct exporter_view *view);
/* Forgets those that have been silent for a day. */
void exporters_sweep(struct exporters *x, uint64_t now_ns);
