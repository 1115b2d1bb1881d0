/*
 * Charts as inline SVG, drawn by us: lines over time, columns over time, a strip of states, a bar
 * of parts, and a small bar for a table's cell. Each is an image with a text alternative. Colours
 * are classes of the page's style, so a chart needs no style of its own.
 */
#pragma once

#include "aggregator/report/figure.h"
#include "aggregator/report/html.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CHART_STEPS_MAX = 240,
    CHART_TICKS_MAX = 16,
    CHART_TICK_SIZE = 24,
    CHART_LAYERS_MAX = 6,
};

/* The axis of time that all charts of a report share. */
struct chart_time {
    int64_t from_ms, to_ms;
    int64_t step_ms;
    unsigned steps; /* at most CHART_STEPS_MAX */
    unsigned tick_count;
    struct chart_tick {
        int64_t at_ms;
        char label[CHART_TICK_SIZE]; /* in the report's time zone */
    } ticks[CHART_TICKS_MAX];
};

struct chart_series {
    double values[CHART_STEPS_MAX];
    bool known[CHART_STEPS_MAX]; /* false: there is no data, which is not 0 */
};

/* What the charts refer to; once in a page, before the first. */
void chart_patterns(struct html *html);

/*
 * The period as a filled line and, when before is not NULL, the former one dashed under it. A time
 * without data is a hatched gap. alt is a sentence of ours for those who cannot see it.
 */
void chart_lines(struct html *html, const struct chart_time *time, enum figure_unit unit,
                 const struct chart_series *now, const struct chart_series *before,
                 const char *alt);

/* Columns of up to CHART_LAYERS_MAX layers on each other; classes name the layers' colours. */
struct chart_layer {
    const char *class; /* a class of the style */
    double values[CHART_STEPS_MAX];
};
void chart_columns(struct html *html, const struct chart_time *time, enum figure_unit unit,
                   const struct chart_layer *layers, unsigned layer_count, const char *alt);

/* One line of coloured spans over the period. */
struct chart_span {
    int64_t from_ms, to_ms;
    const char *class;
};
void chart_strip(struct html *html, const struct chart_time *time, const struct chart_span *spans,
                 unsigned count, const char *alt);

/* One bar over the whole width, divided as the values are; the numbers beside it say what they are.
 */
struct chart_part {
    const char *class;
    double value;
};
void chart_parts(struct html *html, const struct chart_part *parts, unsigned count,
                 const char *alt);

/* A bar of share (0 to 1) for a cell; the number beside it says the value. */
void chart_bar(struct html *html, double share);
