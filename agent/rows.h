/*
 * Rows of drill-down answers as JSON objects; docs/wire.md lists every member with its unit. What
 * is not known is left out. Each returns a new reference, NULL when memory is short.
 */
#pragma once

#include "agent/alert/engine.h"
#include "agent/asset/host.h"
#include "agent/detect/sample.h"
#include "agent/engine_link.h"

#include <jansson.h>
#include <stdint.h>

/* The flow must have passed intake_check_flow. */
json_t *row_of_flow(const struct live_flow *flow);
json_t *row_of_host(const struct host *host, const struct geo_place *place, uint64_t now_ns);
json_t *row_of_alert(const struct alert_state *alert);
/* The sources of the status row. */
json_t *rows_of_sources(const struct agent_sample *sample);
/* Its flow exporters; the row without an address is of senders who were turned away. */
json_t *rows_of_exporters(const struct agent_sample *sample);
