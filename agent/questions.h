/*
 * Control's questions about live flows, answered by the worker between batches: a bounded piece
 * of the walk each turn, the rows into the lane's snapshot, then a wake-up for control.
 */
#pragma once

#include "agent/emit.h"
#include "agent/flow/select.h"

struct questions {
    struct flow_select select;
    uint64_t id; /* of the question in hand, 0: none */
};

/* Works on the question in hand, or takes the next. True while there is work left. */
bool questions_turn(struct questions *q, struct emitter *em, uint64_t now_ns);
