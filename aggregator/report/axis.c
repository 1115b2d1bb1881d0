/* Steps and labels fall on round times: of the period's start, and of the local day. */
#include "aggregator/report/axis.h"

#include "common/clock.h"

#include <stdio.h>

enum {
    STEPS_WANTED = 120,
    LABELS_WANTED = 9,
    MINUTE = 60,
    HOUR = 3600,
    DAY = 86400,
    MS = 1000,
};

static const int64_t round_s[] = {10,   30,      MINUTE,   5 * MINUTE, 10 * MINUTE, 15 * MINUTE,
                                  1800, HOUR,    2 * HOUR, 3 * HOUR,   6 * HOUR,    12 * HOUR,
                                  DAY,  2 * DAY, 7 * DAY,  14 * DAY,   28 * DAY,    91 * DAY};

/* The least round time of which at most `wanted` make the span. */
static int64_t round_for(int64_t span_ms, int64_t wanted)
{
    size_t count = sizeof round_s / sizeof round_s[0];
    size_t i = 0;
    while (i + 1 < count && span_ms > wanted * round_s[i] * MS) {
        i++;
    }
    return round_s[i] * MS;
}

static const char *label_form(int64_t span_ms)
{
    const int64_t day_ms = (int64_t)DAY * MS;
    return span_ms <= 2 * day_ms ? "HH24:MI" : span_ms <= 14 * day_ms ? "Dy DD" : "DD Mon";
}

int axis_make(struct pg *pg, const struct report_order *order, struct chart_time *time,
              struct err *e)
{
    static const char sql[] =
        "SELECT (extract(epoch FROM at AT TIME ZONE $3) * 1000)::bigint, to_char(at, $5)"
        " FROM generate_series(date_bin($4::bigint * interval '1 ms',"
        " $1::timestamptz AT TIME ZONE $3, timestamp '2000-01-03'),"
        " $2::timestamptz AT TIME ZONE $3, $4::bigint * interval '1 ms') AS at"
        " WHERE at AT TIME ZONE $3 >= $1::timestamptz LIMIT 16";
    int64_t span = order->to_ms - order->from_ms;
    *time = (struct chart_time){.from_ms = order->from_ms, .to_ms = order->to_ms};
    time->step_ms = round_for(span, STEPS_WANTED);
    while (span > time->step_ms * CHART_STEPS_MAX) { /* many years */
        time->step_ms *= 2;
    }
    time->steps = (unsigned)((span + time->step_ms - 1) / time->step_ms);
    struct pg_args args = {0};
    pg_add_time(&args, (uint64_t)order->from_ms * NS_PER_MS);
    pg_add_time(&args, (uint64_t)order->to_ms * NS_PER_MS);
    pg_add_text(&args, order->time_zone);
    pg_add_i64(&args, round_for(span, LABELS_WANTED));
    pg_add_text(&args, label_form(span));
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return err_wrap(e, "labels of the time axis");
    }
    for (unsigned i = 0; i < pg_rows_count(rows) && i < CHART_TICKS_MAX; i++) {
        struct chart_tick *tick = &time->ticks[time->tick_count++];
        tick->at_ms = pg_i64(rows, i, 0);
        (void)snprintf(tick->label, sizeof tick->label, "%s", pg_text(rows, i, 1)); /* fits */
    }
    pg_rows_free(rows);
    return 0;
}
