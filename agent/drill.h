/*
 * Drill-down at the agent: answers the centre's questions about status, hosts and alerts at once
 * from control's own tables, and passes questions about flows on to the engine (drill_flows.c).
 * Every question gets an answer, if only an error. Control's thread.
 */
#pragma once

#include "agent/alert/engine.h"
#include "agent/asset/asset.h"
#include "agent/asset/host.h"
#include "agent/drill_flows.h"
#include "agent/geo/geo.h"
#include "agent/health.h"
#include "agent/uplink/answer.h"
#include "agent/uplink/uplink.h"
#include "common/wire/query.h"

#include <stdint.h>

/* What questions may be about; all borrowed, replaced by nobody while drill uses it. */
struct drill {
    const char *name;  /* of the instance */
    const char *walls; /* the sandbox of control, for status */
    const struct engine_link *link;
    struct host_table *hosts;
    struct geo *geo;
    const struct assets *assets;
    struct alert_engine *alerts;
    const struct health *health;
    struct uplink *uplink;
    struct drill_flows *flows;
    struct answer_sink sink;
};

void drill_ask(struct drill *d, const struct query *question, uint64_t wall_ns, uint64_t mono_ns);
