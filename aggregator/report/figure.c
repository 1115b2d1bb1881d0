/* Three significant digits at most, as in the console. */
#include "aggregator/report/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MS_PER_S = 1000, S_PER_MIN = 60, S_PER_H = 3600, S_PER_D = 86400 };

static const char *const byte_units[] = {"B", "kB", "MB", "GB", "TB", "PB", NULL};
static const char *const rate_units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", NULL};
static const char *const packet_units[] = {"pkt", "kpkt", "Mpkt", "Gpkt", NULL};
static const char *const latency_units[] = {"µs", "ms", "s", NULL};

static void format_scaled(double value, const char *const *units, char buf[FIGURE_SIZE])
{
    bool whole = true;
    while (fabs(value) >= 999.5 && units[1] != NULL) {
        value /= 1000;
        units++;
        whole = false;
    }
    int digits = whole || fabs(value) >= 99.95 ? 0 : fabs(value) >= 9.995 ? 1 : 2;
    char text[32];
    size_t len = (size_t)snprintf(text, sizeof text, "%.*f", digits, value);
    while (digits > 0 && (text[len - 1] == '0' || text[len - 1] == '.')) { /* 1.50 is 1.5 */
        digits -= text[len - 1] == '.' ? digits : 0;
        text[--len] = '\0';
    }
    (void)snprintf(buf, FIGURE_SIZE, "%s\u00a0%s", text, *units);
}

/* 1234567 as 1,234,567. */
static void format_count(double value, char buf[FIGURE_SIZE])
{
    char plain[32];
    int len = snprintf(plain, sizeof plain, "%.0f", value);
    size_t to = 0;
    for (int i = 0; i < len && to + 2 < FIGURE_SIZE; i++) {
        int left = len - i;
        buf[to++] = plain[i];
        if (left > 1 && left % 3 == 1 && plain[i] != '-') {
            buf[to++] = ',';
        }
    }
    buf[to] = '\0';
}

/* The two greatest units: 2 d 4 h, 3 min 5 s, 14 s. */
static void format_span(double ms, char buf[FIGURE_SIZE])
{
    static const struct {
        const char *unit;
        long seconds;
    } parts[] = {{"d", S_PER_D}, {"h", S_PER_H}, {"min", S_PER_MIN}, {"s", 1}};
    long seconds = ms > 0 ? lround(ms / MS_PER_S) : 0;
    size_t at = 0;
    while (at < 3 && seconds < parts[at].seconds) {
        at++;
    }
    long head = seconds / parts[at].seconds;
    long rest = at < 3 ? seconds % parts[at].seconds / parts[at + 1].seconds : 0;
    int len = snprintf(buf, FIGURE_SIZE, "%ld\u00a0%s", head, parts[at].unit);
    if (rest > 0 && len > 0) {
        (void)snprintf(buf + len, FIGURE_SIZE - (size_t)len, " %ld\u00a0%s", rest,
                       parts[at + 1].unit);
    }
}

/* What is not all is never shown as 100 %. */
static void format_ratio(double ratio, char buf[FIGURE_SIZE])
{
    double percent = ratio * 100;
    int digits = percent >= 99.995 || percent == 0 ? 0 : percent >= 99 || percent < 10 ? 2 : 1;
    if (ratio < 1 && percent >= 99.995) {
        percent = 99.99;
        digits = 2;
    }
    (void)snprintf(buf, FIGURE_SIZE, "%.*f\u00a0%%", digits, percent);
}

char *figure_format(enum figure_unit unit, double value, char buf[FIGURE_SIZE])
{
    buf[0] = '\0';
    switch (unit) {
    case FIGURE_COUNT: format_count(value, buf); break;
    case FIGURE_BYTES: format_scaled(value, byte_units, buf); break;
    case FIGURE_BPS: format_scaled(value, rate_units, buf); break;
    case FIGURE_PACKETS: format_scaled(value, packet_units, buf); break;
    case FIGURE_RATIO: format_ratio(value, buf); break;
    case FIGURE_MS: format_span(value, buf); break;
    case FIGURE_US: format_scaled(value, latency_units, buf); break;
    case FIGURE_SCORE: (void)snprintf(buf, FIGURE_SIZE, "%.0f\u00a0of\u00a0100", value); break;
    }
    return buf;
}

char *figure_change(const struct figure *f, char buf[FIGURE_SIZE])
{
    buf[0] = '\0';
    if (!f->known || !f->has_before) {
        return buf;
    }
    double difference = f->now - f->before;
    bool same = f->unit == FIGURE_RATIO ? fabs(difference) < 0.00005 : difference == 0;
    if (same) {
        (void)snprintf(buf, FIGURE_SIZE, "no change");
    } else if (f->unit == FIGURE_RATIO) {
        (void)snprintf(buf, FIGURE_SIZE, "%+.2f\u00a0points", difference * 100);
    } else if (f->before == 0) {
        (void)snprintf(buf, FIGURE_SIZE, "new");
    } else if (f->now / f->before >= 10) {
        (void)snprintf(buf, FIGURE_SIZE, "×\u00a0%.0f", f->now / f->before);
    } else {
        double percent = difference / f->before * 100;
        (void)snprintf(buf, FIGURE_SIZE, fabs(percent) < 10 ? "%+.1f\u00a0%%" : "%+.0f\u00a0%%",
                       percent);
    }
    return buf;
}

void figure_write(struct html *html, const struct figure *f, const char *key)
{
    char text[FIGURE_SIZE];
    if (!f->known) {
        html_raw(html, "<span class=\"none\">–</span>");
        return;
    }
    html_format(html, "<data value=\"%.17g\"", f->now);
    if (key != NULL) {
        html_format(html, " data-key=\"%s\"", key);
    }
    html_format(html, ">%s</data>", figure_format(f->unit, f->now, text));
}

void figure_cells(struct html *html, const struct figure *f, const char *key)
{
    char change[FIGURE_SIZE];
    char before[FIGURE_SIZE];
    html_raw(html, "<td class=\"n\">");
    figure_write(html, f, key);
    (void)figure_change(f, change);
    html_raw(html, "</td><td class=\"n change\"");
    if (change[0] != '\0') {
        html_format(html, " title=\"was %s\"", figure_format(f->unit, f->before, before));
    }
    html_format(html, ">%s</td>", change[0] != '\0' ? change : "–");
}
