/*
 * A few of many latencies, enough for their median: every one at first, and each time the room is
 * full every second one is given up and only every second one after that is kept. So what is kept
 * is spread evenly over time, without chance. As codes (common/latency.h), exact to 0.05 %.
 */
#pragma once

#include <stdint.h>

enum { QOE_SAMPLES = 12 };

struct qoe_samples {
    uint16_t code[QOE_SAMPLES]; /* in the order of time */
    uint32_t seen;              /* all of them */
    uint8_t used;
    uint8_t stride; /* one of 2^stride is kept */
};

void qoe_samples_add(struct qoe_samples *s, uint32_t us);
/* µs; 0 when there are none. The lower of two that share the middle. */
uint32_t qoe_samples_median(const struct qoe_samples *s);
