/*
 * From measured values to a score of 0 to 100: each metric is worth what the profile's table says
 * (profile.def), and the worst of them is the score. The minimum, not a mean: a mean hides a dead
 * metric behind good ones, and a minimum can be explained in one phrase. The same shape as the
 * IETF's Quality of Outcome (draft-ietf-ippm-qoo). Pure functions.
 */
#pragma once

#include "common/wire/quality.h"

#include <stdint.h>

enum { QOE_PROFILE = 1, QOE_KNOTS = 5 };

/* How far back an answer about a flow reaches. */
enum qoe_reach {
    QOE_NEWS,   /* to the last record */
    QOE_NEWEST, /* the same, or what that record said when nothing was judged since */
};

/* What one window saw of one direction. */
struct qoe_measures {
    uint32_t value[QUALITY_METRICS]; /* µs for times; else how many … */
    uint32_t of[QUALITY_METRICS];    /* … of how many; 0 for times */
    uint32_t known;                  /* bit per metric: there is enough to judge by it */
};

struct qoe_verdict {
    uint8_t score;  /* 0-100; QUALITY_SCORE_NONE when nothing is known */
    uint8_t metric; /* what decided; METRIC_NONE when every metric is worth 100 */
};

void qoe_measure_time(struct qoe_measures *m, enum quality_metric metric, uint32_t us);
void qoe_measure_share(struct qoe_measures *m, enum quality_metric metric, uint32_t events,
                       uint32_t of);
struct qoe_verdict qoe_judge(enum quality_class class, const struct qoe_measures *m);
/* What one value (µs, or parts per million) is worth, in hundredths; -1: no row for it. */
int qoe_worth(enum quality_class class, enum quality_metric metric, uint32_t value);
/* The value that is worth 100, 80, 60, 30 or 0 (knot 0 to 4). For tests as well. */
uint32_t qoe_knot(enum quality_class class, enum quality_metric metric, unsigned knot);
/* The confidence of a score with so many data segments and round trips behind it. */
enum quality_confidence qoe_confidence(enum quality_metric decided, uint32_t segments,
                                       uint32_t samples);
/* The class of a TCP flow by the names that nDPI has for its category and protocol. */
enum quality_class qoe_class_of(const char *category, const char *protocol);
