/*
 * Keeps a storm of like flow alerts small: the first of a kind and key (such as the rule that was
 * broken) between one client and one server port passes, the others of the same minute are counted,
 * and the count is told when the minute is over. One thread.
 */
#pragma once

#include "common/err.h"
#include "common/wire/alerts.h"

#include <stdint.h>

enum { STORM_WINDOW_S = 60, STORM_KEYS_MAX = 4096 };

struct storm;
typedef void (*storm_fn)(const struct wire_alert *alert, void *arg);

/* take gets every alert that passes, and the summaries. NULL and e on failure. */
struct storm *storm_new(storm_fn take, void *arg, struct err *e);
void storm_free(struct storm *s);
/* An event with a flow: passes at once, or is counted. */
void storm_add(struct storm *s, const struct wire_alert *alert);
/* Tells what was counted in the minutes that are over. Every second or so. */
void storm_tick(struct storm *s, uint64_t now_ns);
/* Tells all that is counted, at the end. */
void storm_flush(struct storm *s, uint64_t now_ns);

uint64_t storm_passed(const struct storm *s);  /* alerts handed on, summaries not counted */
uint64_t storm_refused(const struct storm *s); /* lost: no room for another key */
