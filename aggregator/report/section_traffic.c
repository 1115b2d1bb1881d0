/* Traffic: how much crossed the taps of the scope, over time and in sum, from counters' roll-ups.
 */
#include "aggregator/report/build.h"

#include <stdio.h>
#include <stdlib.h>

enum { BITS = 8 };

static const char sums_sql[] =
    "SELECT sum(bytes_in + bytes_out), sum(bytes_in), sum(bytes_out), sum(packets), sum(dropped),"
    " count(*) FROM" ROLLED_SQL("total", "day");

/* $4: the step in milliseconds. Bits per second of a whole step. Steps may begin at any minute. */
static const char steps_sql[] = "SELECT " STEP_SQL(
    "at", "$4::bigint") " AS step,"
                        " sum(bytes_in + bytes_out) * 8000.0 / $4::bigint FROM" ROLLED_SQL(
                            "total", "minute") " GROUP BY step ORDER BY step";

struct sums {
    double bytes, in, out, packets, dropped;
    bool any;
};

static int read_sums(struct build *build, enum period period, struct sums *sums, struct err *e)
{
    struct pg_rows *rows = build_query(build, sums_sql, period, e);
    if (rows == NULL) {
        return -1;
    }
    *sums = (struct sums){
        .bytes = pg_double(rows, 0, 0),
        .in = pg_double(rows, 0, 1),
        .out = pg_double(rows, 0, 2),
        .packets = pg_double(rows, 0, 3),
        .dropped = pg_double(rows, 0, 4),
        .any = pg_i64(rows, 0, 5) > 0,
    };
    pg_rows_free(rows);
    return 0;
}

/* The series of a period; *any is false when nothing was stored. */
static int read_series(struct build *build, enum period period, struct chart_series *series,
                       bool *any, struct err *e)
{
    struct pg_args args = {0};
    build_args(build, period, &args);
    pg_add_i64(&args, build->time.step_ms);
    struct pg_rows *rows = pg_query(build->pg, steps_sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        int64_t step = pg_i64(rows, i, 0);
        if (build_step(build, step)) {
            series->values[step] = pg_double(rows, i, 1);
            series->known[step] = true;
            *any = true;
        }
    }
    pg_rows_free(rows);
    return 0;
}

static double peak_of(const struct build *build, const struct chart_series *series)
{
    double peak = 0;
    for (unsigned i = 0; i < build->time.steps; i++) {
        peak = series->known[i] && series->values[i] > peak ? series->values[i] : peak;
    }
    return peak;
}

static void row(struct build *build, const char *label, const char *key, enum figure_unit unit,
                double now, double before, const struct sums *sums)
{
    struct figure figure = {
        .unit = unit, .now = now, .before = before, .known = true, .has_before = sums->any};
    html_raw(&build->body, "<tr><th scope=\"row\">");
    html_text(&build->body, label);
    html_raw(&build->body, "</th>");
    figure_cells(&build->body, &figure, key);
    html_raw(&build->body, "</tr>");
}

static void table(struct build *build, const struct sums *now, const struct sums *before,
                  double peak, double peak_before)
{
    static const char *const columns[] = {"Measure", "#In the period", "#Change", NULL};
    double seconds = build_seconds(build);
    char step[FIGURE_SIZE];
    char label[64];
    (void)figure_format(FIGURE_MS, (double)build->time.step_ms, step);
    (void)snprintf(label, sizeof label, "Highest mean of %s", step); /* fits */
    build_short_table(build, columns);
    row(build, "Bytes, both directions", "traffic.bytes", FIGURE_BYTES, now->bytes, before->bytes,
        before);
    row(build, "Client to server", "traffic.bytes_out", FIGURE_BYTES, now->out, before->out,
        before);
    row(build, "Server to client", "traffic.bytes_in", FIGURE_BYTES, now->in, before->in, before);
    row(build, "Mean throughput over the period", "traffic.mean_bps", FIGURE_BPS,
        now->bytes * BITS / seconds, before->bytes * BITS / seconds, before);
    row(build, label, "traffic.peak_bps", FIGURE_BPS, peak, peak_before, before);
    row(build, "Packets", "traffic.packets", FIGURE_PACKETS, now->packets, before->packets, before);
    row(build, "Packets dropped by the capture", "traffic.dropped", FIGURE_PACKETS, now->dropped,
        before->dropped, before);
    build_table_end(build);
}

static void summarise(struct build *build, const struct sums *now, const struct sums *before)
{
    double seconds = build_seconds(build);
    build->summary.bytes = (struct figure){
        .unit = FIGURE_BYTES,
        .now = now->bytes,
        .before = before->bytes,
        .known = now->any,
        .has_before = before->any,
    };
    build->summary.mean_bps = build->summary.bytes;
    build->summary.mean_bps.unit = FIGURE_BPS;
    build->summary.mean_bps.now *= BITS / seconds;
    build->summary.mean_bps.before *= BITS / seconds;
}

static int write_series(struct build *build, struct chart_series *series, const struct sums *now,
                        const struct sums *before, struct err *e)
{
    bool any[2] = {false, false};
    if (read_series(build, PERIOD_NOW, &series[0], &any[0], e) != 0 ||
        read_series(build, PERIOD_BEFORE, &series[1], &any[1], e) != 0) {
        return -1;
    }
    chart_lines(&build->body, &build->time, FIGURE_BPS, &series[0], any[1] ? &series[1] : NULL,
                "Throughput over the period; the table below has the sums");
    html_raw(&build->body, "<p class=\"legend\"><i class=\"key k-line\"></i>This period");
    html_raw(&build->body, any[1] ? "<i class=\"key k-then\"></i>The period before</p>" : "</p>");
    table(build, now, before, peak_of(build, &series[0]), peak_of(build, &series[1]));
    return 0;
}

static int write(struct build *build, struct err *e)
{
    struct sums now;
    struct sums before;
    if (read_sums(build, PERIOD_NOW, &now, e) != 0 ||
        read_sums(build, PERIOD_BEFORE, &before, e) != 0) {
        return -1;
    }
    summarise(build, &now, &before);
    if (!now.any) {
        build_note(build, "No counters are stored for this period.");
        return 0;
    }
    struct chart_series *series = calloc(2, sizeof *series);
    if (series == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for a chart");
    }
    int result = write_series(build, series, &now, &before, e);
    free(series);
    return result;
}

const struct section section_traffic = {.id = "traffic", .title = "Traffic", .write = write};
