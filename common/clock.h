/* The only askers of the system's clocks. Everybody else takes time as an argument. */
#pragma once

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC: for durations and silence; never goes back. Any thread. */
uint64_t clock_mono_ns(void);

/* Nanoseconds since 1970-01-01 UTC of CLOCK_REALTIME: for stamps; may step. Any thread. */
uint64_t clock_wall_ns(void);

enum { NS_PER_US = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

/* Writes "2026-01-31T12:00:00.123Z" for a wall time. Returns buf; size must be ≥ 25 bytes. */
char *clock_format_utc(uint64_t wall_ns, char *buf, unsigned long size);
