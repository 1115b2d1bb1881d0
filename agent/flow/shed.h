/*
 * What goes from a full table to make room for a new flow: the least valuable of a few, never a
 * flow that both sides keep up. Worker thread only.
 */
#pragma once

#include "agent/flow/table.h"

/* From the least to the most valuable. */
enum flow_worth {
    WORTH_TOLD,       /* over, its last record has left: only the live view misses it */
    WORTH_UNANSWERED, /* one side alone has sent, and not much */
    WORTH_SILENT,     /* nothing came for half a minute */
    WORTH_SHORT,      /* answered, and done with four packets so far */
    WORTH_KEPT,       /* anything else stays */
};

enum flow_worth flow_worth_of(const struct flow *f, uint64_t now_ns);
/* The flow that may go, or NULL when none of those looked at may. *at is where to look next. */
struct flow *flow_shed_pick(const struct flow_table *t, uint32_t *at, uint64_t now_ns);
