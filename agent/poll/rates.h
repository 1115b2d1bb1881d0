/*
 * From two readings of an interface's counters to what it carried between them. Pure.
 *
 * Source: RFC 2863 section 3.1.5 (discontinuities, 64-bit counters) and RFC 3418 (sysUpTime).
 * - Time is the device's sysUpTime out of the same message as the counters, not our clock: the
 *   answer may have been under way for any time. Our clock only tells a wrap of sysUpTime (after
 *   497 days) from a restart, and stands in where a device's uptime does not move.
 * - A counter that fell has wrapped, unless its interface says that it was reset, or the wrap
 *   would mean more than the interface can carry: then this span has no rates.
 */
#pragma once

#include "common/wire/devices.h"

#include <stdbool.h>
#include <stdint.h>

struct counter_reading {
    uint64_t mono_ms;                /* our clock when the message came */
    uint32_t uptime_cs;              /* the device's sysUpTime of that message, 1/100 s */
    uint32_t discontinuity_cs;       /* ifCounterDiscontinuityTime; 0: none or not told */
    uint8_t bits;                    /* of the octet counters, 64 or 32; 0: there are none */
    uint64_t speed_bps;              /* 0: not known */
    struct interface_counts in, out; /* as read; errors and discards are 32 bits wide */
    uint8_t packet_bits;             /* of the packet counters */
};

enum rates_result {
    RATES_OK,
    RATES_NO_COUNTERS,   /* none now, or none before */
    RATES_RESTART,       /* the device began anew in between */
    RATES_DISCONTINUITY, /* the interface's counters did */
    RATES_IMPOSSIBLE,    /* more than it can carry: it was reset without a word */
};

/* True when the device began anew between the two. */
bool rates_restarted(const struct counter_reading *before, const struct counter_reading *now);
/* Fills span_ms, in and out of i when RATES_OK; span_ms is 0 otherwise. */
enum rates_result rates_between(const struct counter_reading *before,
                                const struct counter_reading *now, struct device_interface *i);
