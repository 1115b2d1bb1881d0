/*
 * One worker of the engine: it owns its sources, its flows and its lane of shared memory, and
 * runs the whole way from packet to record alone. Made before the walls go up; then one thread
 * runs it to its end.
 */
#pragma once

#include "agent/capture/source.h"
#include "agent/engine_link.h"
#include "agent/settings.h"
#include "common/err.h"

#include <stdbool.h>

struct worker;

/*
 * Opens the sources that this worker reads and makes its tables. A source that does not open is
 * no fault here: the others run, and the lane's source_stats tell. NULL and e when memory or nDPI
 * fail. settings and link must outlive the worker.
 */
struct worker *worker_new(const struct settings *settings, struct engine_link *link, unsigned index,
                          struct err *e);
/* Records of flows that are still open are not sent: worker_run and worker_finish do that. */
void worker_free(struct worker *w);

/* Runs until worker_stop, then finishes. */
void worker_run(struct worker *w);
/* Ends worker_run soon; any thread, once. */
void worker_stop(struct worker *w);

/*
 * One turn by hand, for programs without an engine: reads a batch from every source. False once
 * all sources have ended.
 */
bool worker_turn(struct worker *w);
/*
 * For programs that lose no record: make_room(arg) is called on the worker's thread when many flows
 * fall due at once, and returns with the rings of its lane empty or nearly so. All that is due by
 * a packet is then told before it. Call before the first turn.
 */
void worker_lose_nothing(struct worker *w, void (*make_room)(void *arg), void *arg);
/* Sends the last record of flows, at most `limit` of them; false once none is left. */
bool worker_finish(struct worker *w, unsigned limit);
