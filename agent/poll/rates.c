#include "agent/poll/rates.h"

enum {
    MS_PER_CS = 10,
    SLACK_MS = 5000, /* an answer may be late, and a device's clock coarse */
    WIDTH_32 = 32,
};

/* No interface carries ten terabits a second: what would is a counter that was reset. */
#define MOST_BPS 10000000000000ull

/* Time between the two as the device counts it; sysUpTime wraps at 2^32. */
static uint64_t device_ms(const struct counter_reading *before, const struct counter_reading *now)
{
    return (uint64_t)(uint32_t)(now->uptime_cs - before->uptime_cs) * MS_PER_CS;
}

bool rates_restarted(const struct counter_reading *before, const struct counter_reading *now)
{
    uint64_t ours = now->mono_ms - before->mono_ms;
    uint64_t theirs = device_ms(before, now);
    if (theirs == 0) {
        return false; /* a clock that stands still tells nothing */
    }
    return theirs + SLACK_MS < ours / 2 || theirs > ours * 2 + SLACK_MS;
}

static uint64_t delta(uint64_t before, uint64_t now, uint8_t bits)
{
    return bits == WIDTH_32 ? (uint64_t)(uint32_t)(now - before) : now - before;
}

/* Errors and packets may be cleared by hand: what fell by half its range or more was. */
static uint64_t small_delta(uint64_t before, uint64_t now, uint8_t bits)
{
    uint64_t d = delta(before, now, bits);
    uint64_t half = bits == WIDTH_32 ? UINT32_MAX / 2 : UINT64_MAX / 2;
    return d > half ? 0 : d;
}

/* More than can be: for a counter that only rose the speed is not asked, as devices tell wrong
 * ones for tunnels and bundles; one that fell has to fit. */
static bool is_impossible(uint64_t before, uint64_t now, uint64_t octets, uint64_t ms,
                          uint64_t speed_bps)
{
    enum { SLACK_PERCENT = 105, WHOLE = 100 };
    uint64_t most_bps = MOST_BPS;
    if (now < before && speed_bps != 0 && speed_bps < MOST_BPS) {
        most_bps = speed_bps * SLACK_PERCENT / WHOLE;
    }
    return octets > most_bps / 8 * (ms + 1) / 1000;
}

static void count_small(const struct interface_counts *before, const struct interface_counts *now,
                        uint8_t packet_bits, struct interface_counts *to)
{
    to->packets = small_delta(before->packets, now->packets, packet_bits);
    to->errors = small_delta(before->errors, now->errors, WIDTH_32);
    to->discards = small_delta(before->discards, now->discards, WIDTH_32);
}

enum rates_result rates_between(const struct counter_reading *before,
                                const struct counter_reading *now, struct device_interface *i)
{
    i->span_ms = 0;
    i->in = i->out = (struct interface_counts){0};
    if (now->bits == 0 || before->bits != now->bits) {
        return RATES_NO_COUNTERS;
    }
    if (rates_restarted(before, now)) {
        return RATES_RESTART;
    }
    if (before->discontinuity_cs != now->discontinuity_cs) {
        return RATES_DISCONTINUITY;
    }
    uint64_t ms = device_ms(before, now);
    ms = ms != 0 ? ms : now->mono_ms - before->mono_ms;
    uint64_t in = delta(before->in.octets, now->in.octets, now->bits);
    uint64_t out = delta(before->out.octets, now->out.octets, now->bits);
    if (ms == 0 || ms > INT32_MAX) {
        return RATES_NO_COUNTERS;
    }
    if (is_impossible(before->in.octets, now->in.octets, in, ms, now->speed_bps) ||
        is_impossible(before->out.octets, now->out.octets, out, ms, now->speed_bps)) {
        return RATES_IMPOSSIBLE;
    }
    i->span_ms = (uint32_t)ms;
    i->in.octets = in;
    i->out.octets = out;
    count_small(&before->in, &now->in, now->packet_bits, &i->in);
    count_small(&before->out, &now->out, now->packet_bits, &i->out);
    return RATES_OK;
}
