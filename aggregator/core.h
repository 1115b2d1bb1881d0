/*
 * The core of the aggregator: keys, store, fleet, ingest and the two connections to NATS, joined by
 * function pointers so that none of them knows another that comes after it. main.c opens it and
 * puts the web on top.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "aggregator/fleet/metrics.h"
#include "aggregator/settings.h"
#include "common/err.h"

struct core;
struct seal_key;

/* Starts everything; NATS and PostgreSQL may come later. settings is borrowed. NULL and e. */
struct core *core_open(const struct settings *settings, struct err *e);
/* Ends within about 3 s. The web must be closed before. NULL is fine. */
void core_close(struct core *core);

/* From now on web events go to tell; NULL: to nobody, and once this returns no call is under way.
 */
void core_join_web(struct core *core, web_event_fn tell, void *arg);

/* Brings the counters of the bus into the metrics, and looks at certificates; once a second. */
void core_refresh(struct core *core);
/* The database cannot be used by this program, as the log says: it is to end. */
bool core_is_refused(const struct core *core);
/* False when the fleet's or the web's loop has not turned for some seconds. */
bool core_is_alive(struct core *core, uint64_t mono_ns);

/* Seals what the API is given to keep secret. */
const struct seal_key *core_seal_key(const struct core *core);
struct fleet *core_fleet(struct core *core);
struct metrics *core_metrics(struct core *core);
