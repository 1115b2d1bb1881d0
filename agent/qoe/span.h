/*
 * The verdicts of several windows as one: the mean weighted by packets, and the worst of them with
 * its reason. A span lasts from one flow record to the next.
 */
#pragma once

#include "agent/qoe/score.h"

#include <stdbool.h>
#include <stdint.h>

struct qoe_span {
    uint64_t points; /* scores × weights */
    uint32_t weight;
    uint32_t segments; /* what stands behind them, for the confidence */
    uint32_t samples;
    bool hidden; /* a window was withheld that had enough in it to judge */
    struct qoe_verdict worst;
    uint8_t blame;
    uint32_t value; /* of worst.metric */
    uint32_t of;
};

/* What one window adds. */
struct qoe_window {
    enum quality_class class;
    enum quality_blame blame;
    uint32_t segments;
    uint32_t samples;
    struct qoe_measures measures;
};

/* Adds a window, unless there is nothing in it to judge by. */
void qoe_span_add(struct qoe_span *s, const struct qoe_window *w);
/* Notes a window that the tap did not see whole: its figures would be those of the capture. */
void qoe_span_withhold(struct qoe_span *s, uint32_t segments, uint32_t samples);
/* The verdict on all windows so far. */
struct quality qoe_span_sum(const struct qoe_span *s);
