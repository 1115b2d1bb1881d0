/* Coordinates are those of the view box: 720 wide, so that A4 and a screen scale it alike. */
#include "aggregator/report/chart.h"

#include <math.h>
#include <stddef.h>

enum {
    WIDTH = 720,
    HEIGHT = 190,
    LEFT = 74,
    RIGHT = 8,
    TOP = 10,
    BOTTOM = 24,
    PLOT_WIDTH = WIDTH - LEFT - RIGHT,
    PLOT_HEIGHT = HEIGHT - TOP - BOTTOM,
    GRID_LINES = 4,
    LABEL_SPACE = 26, /* half of a tick's label: none hangs over the edge */
    STRIP_WIDTH = 240,
    STRIP_HEIGHT = 10,
    BAR_WIDTH = 100,
    BAR_HEIGHT = 8,
};

/*
 * The top of an axis that covers the value: GRID_LINES steps of 1, 2, 2.5 or 5 times a power of
 * ten, for whole numbers (counts) of whole ones.
 */
static double nice_top(double value, bool whole)
{
    static const double steps[] = {1, 2, 2.5, 5, 10};
    double least = value / GRID_LINES;
    double power = value > 0 ? pow(10, floor(log10(least))) : 1;
    if (whole && power < 1) {
        power = 1;
    }
    size_t i = 0;
    while (i < 4 && (steps[i] * power < least || (whole && fmod(steps[i] * power, 1) > 0))) {
        i++;
    }
    return steps[i] * power * GRID_LINES;
}

static double x_of(const struct chart_time *time, int64_t at_ms)
{
    double span = (double)(time->to_ms - time->from_ms);
    return LEFT + (double)(at_ms - time->from_ms) / span * PLOT_WIDTH;
}

static double y_of(double value, double top)
{
    return TOP + PLOT_HEIGHT - value / top * PLOT_HEIGHT;
}

/* Where a step begins; the last may be cut by the period's end. */
static double step_x(const struct chart_time *time, unsigned step)
{
    int64_t at = time->from_ms + (int64_t)step * time->step_ms;
    return x_of(time, at < time->to_ms ? at : time->to_ms);
}

static double step_middle(const struct chart_time *time, unsigned step)
{
    return (step_x(time, step) + step_x(time, step + 1)) / 2;
}

static void open_image(struct html *html, unsigned width, unsigned height, const char *class,
                       const char *alt)
{
    html_format(html, "<svg class=\"%s\" viewBox=\"0 0 %u %u\" role=\"img\" aria-label=\"", class,
                width, height);
    html_text(html, alt);
    html_raw(html, "\">");
}

void chart_patterns(struct html *html)
{
    html_raw(html, "<svg class=\"patterns\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>"
                   "<pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\""
                   " patternTransform=\"rotate(45)\"><path class=\"hatch\" d=\"M0 0v6\"/>"
                   "</pattern></defs></svg>");
}

static void grid(struct html *html, const struct chart_time *time, enum figure_unit unit,
                 double top)
{
    char label[FIGURE_SIZE];
    for (int i = 0; i <= GRID_LINES; i++) {
        double value = top * i / GRID_LINES;
        double y = y_of(value, top);
        html_format(html,
                    "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text class=\"y\" x=\"%d\""
                    " y=\"%.1f\">%s</text>",
                    LEFT, y, WIDTH - RIGHT, LEFT - 8, y + 3.5, figure_format(unit, value, label));
    }
    for (unsigned i = 0; i < time->tick_count; i++) {
        double x = x_of(time, time->ticks[i].at_ms);
        if (x < LEFT || x > WIDTH - RIGHT - LABEL_SPACE) {
            continue;
        }
        html_format(html,
                    "<path class=\"tick\" d=\"M%.1f %dv4\"/><text class=\"x\" x=\"%.1f\""
                    " y=\"%d\">",
                    x, TOP + PLOT_HEIGHT, x, HEIGHT - 6);
        html_text(html, time->ticks[i].label);
        html_raw(html, "</text>");
    }
}

static void gaps(struct html *html, const struct chart_time *time, const struct chart_series *s)
{
    for (unsigned i = 0; i < time->steps; i++) {
        unsigned end = i;
        while (end < time->steps && !s->known[end]) {
            end++;
        }
        if (end > i) {
            double x = step_x(time, i);
            html_format(html,
                        "<rect class=\"gap\" x=\"%.1f\" y=\"%d\" width=\"%.1f\""
                        " height=\"%d\"/>",
                        x, TOP, step_x(time, end) - x, PLOT_HEIGHT);
            i = end;
        }
    }
}

/* The points from one gap to the next; returns where the next search begins. */
static unsigned run_end(const struct chart_time *time, const struct chart_series *s, unsigned from)
{
    while (from < time->steps && s->known[from]) {
        from++;
    }
    return from;
}

static void points(struct html *html, const struct chart_time *time, const struct chart_series *s,
                   double top, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        html_format(html, "%s%.1f %.1f", i == from ? "" : "L", step_middle(time, i),
                    y_of(s->values[i], top));
    }
    if (to == from + 1) { /* a single step: its own width, or nothing would be seen */
        html_format(html, "h%.1f", step_x(time, to) - step_middle(time, from));
    }
}

static void line(struct html *html, const struct chart_time *time, const struct chart_series *s,
                 double top, const char *class, bool filled)
{
    for (unsigned from = 0; from < time->steps; from++) {
        unsigned to = run_end(time, s, from);
        if (to == from) {
            continue;
        }
        if (filled) {
            html_format(html, "<path class=\"area\" d=\"M%.1f %dL", step_middle(time, from),
                        TOP + PLOT_HEIGHT);
            points(html, time, s, top, from, to);
            html_format(html, "V%dZ\"/>", TOP + PLOT_HEIGHT);
        }
        html_format(html, "<path class=\"%s\" d=\"M", class);
        points(html, time, s, top, from, to);
        html_raw(html, "\"/>");
        from = to;
    }
}

static double series_max(const struct chart_time *time, const struct chart_series *s)
{
    double max = 0;
    for (unsigned i = 0; s != NULL && i < time->steps; i++) {
        max = s->known[i] && s->values[i] > max ? s->values[i] : max;
    }
    return max;
}

void chart_lines(struct html *html, const struct chart_time *time, enum figure_unit unit,
                 const struct chart_series *now, const struct chart_series *before, const char *alt)
{
    double top = nice_top(fmax(series_max(time, now), series_max(time, before)), false);
    open_image(html, WIDTH, HEIGHT, "chart", alt);
    gaps(html, time, now);
    grid(html, time, unit, top);
    if (before != NULL) {
        line(html, time, before, top, "then", false);
    }
    line(html, time, now, top, "line", true);
    html_raw(html, "</svg>");
}

static double column_height(const struct chart_layer *layers, unsigned count, unsigned step)
{
    double sum = 0;
    for (unsigned i = 0; i < count; i++) {
        sum += layers[i].values[step];
    }
    return sum;
}

static void column(struct html *html, const struct chart_time *time,
                   const struct chart_layer *layers, unsigned count, unsigned step, double top)
{
    double x = step_x(time, step);
    double width = step_x(time, step + 1) - x;
    double gap = width > 4 ? 1 : 0;
    double base = 0;
    for (unsigned i = 0; i < count; i++) {
        double value = layers[i].values[step];
        if (value > 0) {
            double y = y_of(base + value, top);
            html_format(html,
                        "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\""
                        " height=\"%.1f\"/>",
                        layers[i].class, x + gap / 2, y, width - gap, y_of(base, top) - y);
            base += value;
        }
    }
}

void chart_columns(struct html *html, const struct chart_time *time, enum figure_unit unit,
                   const struct chart_layer *layers, unsigned layer_count, const char *alt)
{
    double max = 0;
    for (unsigned i = 0; i < time->steps; i++) {
        max = fmax(max, column_height(layers, layer_count, i));
    }
    double top = nice_top(max, true);
    open_image(html, WIDTH, HEIGHT, "chart", alt);
    grid(html, time, unit, top);
    for (unsigned i = 0; i < time->steps; i++) {
        column(html, time, layers, layer_count, i, top);
    }
    html_raw(html, "</svg>");
}

void chart_strip(struct html *html, const struct chart_time *time, const struct chart_span *spans,
                 unsigned count, const char *alt)
{
    double span = (double)(time->to_ms - time->from_ms);
    open_image(html, STRIP_WIDTH, STRIP_HEIGHT, "strip", alt);
    html_format(html, "<rect class=\"s-none\" width=\"%d\" height=\"%d\"/>", STRIP_WIDTH,
                STRIP_HEIGHT);
    for (unsigned i = 0; i < count; i++) {
        double x = (double)(spans[i].from_ms - time->from_ms) / span * STRIP_WIDTH;
        double end = (double)(spans[i].to_ms - time->from_ms) / span * STRIP_WIDTH;
        double width = fmax(end - x, 0.6); /* a short outage is still seen */
        html_format(html, "<rect class=\"%s\" x=\"%.2f\" width=\"%.2f\" height=\"%d\"/>",
                    spans[i].class, x, width, STRIP_HEIGHT);
    }
    html_raw(html, "</svg>");
}

void chart_parts(struct html *html, const struct chart_part *parts, unsigned count, const char *alt)
{
    double sum = 0;
    for (unsigned i = 0; i < count; i++) {
        sum += parts[i].value;
    }
    open_image(html, WIDTH, STRIP_HEIGHT, "parts", alt);
    double x = 0;
    for (unsigned i = 0; i < count && sum > 0; i++) {
        double width = parts[i].value / sum * WIDTH;
        html_format(html, "<rect class=\"%s\" x=\"%.2f\" width=\"%.2f\" height=\"%d\"/>",
                    parts[i].class, x, width, STRIP_HEIGHT);
        x += width;
    }
    html_raw(html, "</svg>");
}

void chart_bar(struct html *html, double share)
{
    double width = share > 1 ? BAR_WIDTH : share > 0 ? share * BAR_WIDTH : 0;
    html_format(html,
                "<svg class=\"bar\" viewBox=\"0 0 %d %d\" aria-hidden=\"true\"><rect"
                " class=\"rest\" width=\"%d\" height=\"%d\"/><rect class=\"part\" width=\"%.1f\""
                " height=\"%d\"/></svg>",
                BAR_WIDTH, BAR_HEIGHT, BAR_WIDTH, BAR_HEIGHT, width, BAR_HEIGHT);
}
