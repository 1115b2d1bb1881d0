/* What control measures of itself and its parts, for the timers of control.c. */
#pragma once

#include "agent/control_parts.h"

#include <stdint.h>

/* Brings c->health up to date; returns what it does not hold. */
struct health_outside control_measure(struct control *c, uint64_t wall_ns, uint64_t mono_ns);
/* What counters want to know besides accounts; call after control_measure. */
struct counters_gauges control_gauges(const struct control *c,
                                      const struct health_outside *outside);
