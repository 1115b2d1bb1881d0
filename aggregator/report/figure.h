/*
 * A number of a report: its value, its unit and, where there was one, its value in the period
 * before. Written for a person and, beside it, exactly: <data value> holds the raw number.
 */
#pragma once

#include "aggregator/report/html.h"

#include <stdbool.h>
#include <stdint.h>

enum figure_unit {
    FIGURE_COUNT = 1,
    FIGURE_BYTES,   /* shown in powers of 1,000 */
    FIGURE_BPS,     /* bits per second */
    FIGURE_PACKETS, /* "pkt" */
    FIGURE_RATIO,   /* 0 to 1, shown in percent; changes in points */
    FIGURE_MS,      /* a time span in milliseconds */
    FIGURE_US,      /* a latency in microseconds */
    FIGURE_SCORE,   /* 0 to 100 */
};

struct figure {
    enum figure_unit unit;
    double now;
    double before;
    bool known;      /* now has a value */
    bool has_before; /* before has one */
};

enum { FIGURE_SIZE = 48 };

/* "1.23 GB", "12,345", "99.95 %", "2 h 5 min"; the unit is part of it. Returns buf. */
char *figure_format(enum figure_unit unit, double value, char buf[FIGURE_SIZE]);
/* "+12 %", "-0.4 points", "no change", "new", or "" when there is nothing to compare with. */
char *figure_change(const struct figure *figure, char buf[FIGURE_SIZE]);

/* The value as <data>; key (a word of ours, or NULL) names it for machines. */
void figure_write(struct html *html, const struct figure *figure, const char *key);
/* Two cells of a table: the value, and the change with the former value as its title. */
void figure_cells(struct html *html, const struct figure *figure, const char *key);
