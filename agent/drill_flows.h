/*
 * Questions about live flows: the engine's workers own the flows, so each lane is asked, and the
 * lanes' rows, each in order, are merged into one page. One question is with the engine at a time,
 * a few wait; a lane that does not answer in time makes the answer partial. Control's thread;
 * time is monotonic.
 */
#pragma once

#include "agent/engine_link.h"
#include "agent/geo/geo.h"
#include "agent/uplink/answer.h"
#include "common/err.h"
#include "common/wire/query.h"

#include <stdint.h>

enum {
    DRILL_WAITING = 16,    /* questions that may wait; more are refused as "busy" */
    DRILL_MARGIN_MS = 200, /* we give up so long before who asked does */
};

struct drill_flows;

/* NULL and e on failure. */
struct drill_flows *drill_flows_new(struct engine_link *link, struct geo *geo,
                                    struct answer_sink sink, struct err *e);
void drill_flows_free(struct drill_flows *d);
void drill_flows_ask(struct drill_flows *d, const struct query *question, uint64_t mono_ns);
/* Looks whether the engine has answered, or the deadline has passed; call when woken by the engine.
 */
void drill_flows_poll(struct drill_flows *d, uint64_t mono_ns);
/* When drill_flows_poll must be called at the latest; 0: no question is open. */
uint64_t drill_flows_due_ns(const struct drill_flows *d);

/*
 * Merges two rows' order: negative when a stands before b under this column. For tests as well.
 */
int drill_flows_compare(const json_t *a, const json_t *b, const char *column, bool desc);
