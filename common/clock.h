/* The only askers of the system's clocks. Everybody else takes time as an argument. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Nanoseconds of CLOCK_MONOTONIC: for durations and silence; never goes back. Any thread. */
uint64_t clock_mono_ns(void);

/* The time wait_ms from now on that clock, as pthread's timed calls want it. Any thread. */
struct timespec clock_mono_in(unsigned wait_ms);

/* Nanoseconds since 1970-01-01 UTC of CLOCK_REALTIME: for stamps; may step. Any thread. */
uint64_t clock_wall_ns(void);

enum { NS_PER_US = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

/*
 * True once a period has passed since then. Also when `since` lies further ahead than that: the
 * wall clock was set back, and who waited for it to catch up would wait for hours.
 */
static inline bool clock_is_due(uint64_t now_ns, uint64_t since_ns, uint64_t period_ns)
{
    return now_ns >= since_ns ? now_ns - since_ns >= period_ns : since_ns - now_ns >= period_ns;
}

/* Writes "2026-01-31T12:00:00.123Z" for a wall time. Returns buf; size must be ≥ 25 bytes. */
char *clock_format_utc(uint64_t wall_ns, char *buf, unsigned long size);
