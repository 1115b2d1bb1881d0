/*
 * Availability: for how much of the time each instance was heard, from instance_state_change. An
 * instance counts as available while it is up, degraded, catching up or suspect, and as away while
 * it is unreachable, stopped or a duplicate. What came before its first connection, maintenance and
 * the time after a revocation are left out of both.
 */
#include "aggregator/report/build.h"

#include <stdlib.h>
#include <string.h>

enum { INSTANCES_MAX = 40 /* in each_sql */ };

/* The states of the period: each from its change to the next; those before it reach into it. */
#define SPANS_SQL                                                                                  \
    "WITH change AS (SELECT instance_id, at, to_state,"                                            \
    " lead(at) OVER (PARTITION BY instance_id ORDER BY at, id) AS next_at"                         \
    " FROM instance_state_change WHERE instance_id = ANY ($1::int[])"                              \
    " AND at < $3::timestamptz),"                                                                  \
    " span AS (SELECT instance_id, greatest(at, $2::timestamptz) AS b,"                            \
    " least(coalesce(next_at, $3::timestamptz), $3::timestamptz) AS e,"                            \
    " CASE WHEN to_state IN ('up', 'degraded', 'catching_up', 'suspect') THEN 'up'"                \
    " WHEN to_state IN ('unreachable', 'stopped', 'duplicate') THEN 'away' END AS side, to_state"  \
    " FROM change WHERE coalesce(next_at, $3::timestamptz) > $2::timestamptz)"
#define MS_SQL(which)                                                                              \
    "coalesce(sum(extract(epoch FROM e - b) * 1000) FILTER (WHERE side = '" which "'), 0)"

static const char total_sql[] = SPANS_SQL " SELECT " MS_SQL("up") ", " MS_SQL(
    "away") ", count(*) FILTER (WHERE to_state = 'unreachable' AND b > $2::timestamptz) FROM span";

/* The worst first. */
static const char each_sql[] = SPANS_SQL ", sums AS (SELECT instance_id, " MS_SQL("up") " AS up, " MS_SQL(
    "away") " AS away,"
            " count(*) FILTER (WHERE to_state = 'unreachable' AND b > $2::timestamptz) AS outages,"
            " coalesce(max(extract(epoch FROM e - b) * 1000) FILTER (WHERE to_state = 'unreachable'), 0)"
            " AS longest FROM span GROUP BY instance_id)"
            " SELECT i.id, i.name, i.site, up, away, outages, longest FROM sums"
            " JOIN instance i ON i.id = sums.instance_id"
            " ORDER BY CASE WHEN up + away > 0 THEN up / (up + away) END NULLS LAST, i.name LIMIT 40";

static const char spans_sql[] =
    SPANS_SQL " SELECT instance_id, (extract(epoch FROM b) * 1000)::bigint,"
              " (extract(epoch FROM e) * 1000)::bigint, to_state FROM span"
              " ORDER BY instance_id, b LIMIT 20000";

static const char *state_class(const char *state)
{
    static const struct {
        const char *state, *class;
    } known[] = {{"up", "s-up"},
                 {"catching_up", "s-up"},
                 {"degraded", "s-attention"},
                 {"suspect", "s-attention"},
                 {"unreachable", "s-away"},
                 {"stopped", "s-off"},
                 {"duplicate", "s-away"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].state, state) == 0) {
            return known[i].class;
        }
    }
    return "s-none";
}

/* An availability out of time up and away. */
static struct figure ratio_of(double up, double away)
{
    bool known = up + away > 0;
    return (struct figure){
        .unit = FIGURE_RATIO, .now = known ? up / (up + away) : 0, .known = known};
}

static int read_total(struct build *build, enum period period, struct figure *ratio,
                      double *outages, struct err *e)
{
    struct pg_rows *rows = build_query(build, total_sql, period, e);
    if (rows == NULL) {
        return -1;
    }
    *ratio = ratio_of(pg_double(rows, 0, 0), pg_double(rows, 0, 1));
    *outages = pg_double(rows, 0, 2);
    pg_rows_free(rows);
    return 0;
}

/* The spans of one instance out of those of all, which are in its order. */
static void strip(struct build *build, const struct pg_rows *spans, int64_t id, const char *name)
{
    struct chart_span *list = calloc(pg_rows_count(spans) + 1, sizeof *list);
    unsigned count = 0;
    for (unsigned i = 0; list != NULL && i < pg_rows_count(spans); i++) {
        if (pg_i64(spans, i, 0) == id) {
            list[count++] = (struct chart_span){
                .from_ms = pg_i64(spans, i, 1),
                .to_ms = pg_i64(spans, i, 2),
                .class = state_class(pg_text(spans, i, 3)),
            };
        }
    }
    chart_strip(&build->body, &build->time, list, count, name);
    free(list);
}

static void cell(struct build *build, enum figure_unit unit, double value, const char *key)
{
    struct figure figure = {.unit = unit, .now = value, .known = true};
    html_raw(&build->body, "<td class=\"n\">");
    figure_write(&build->body, &figure, key);
    html_raw(&build->body, "</td>");
}

static void row(struct build *build, const struct pg_rows *rows, unsigned i,
                const struct pg_rows *spans)
{
    struct html *html = &build->body;
    struct figure ratio = ratio_of(pg_double(rows, i, 3), pg_double(rows, i, 4));
    html_raw(html, "<tr data-row=\"");
    html_text(html, pg_text(rows, i, 1));
    html_raw(html, "\"><th scope=\"row\">");
    html_text(html, pg_text(rows, i, 1));
    html_raw(html, "</th><td>");
    html_text(html, pg_text(rows, i, 2));
    html_raw(html, "</td><td class=\"s\">");
    strip(build, spans, pg_i64(rows, i, 0), pg_text(rows, i, 1));
    html_raw(html, "</td><td class=\"n\">");
    figure_write(html, &ratio, "availability");
    html_raw(html, "</td>");
    cell(build, FIGURE_MS, pg_double(rows, i, 4), "away");
    cell(build, FIGURE_COUNT, pg_double(rows, i, 5), "outages");
    cell(build, FIGURE_MS, pg_double(rows, i, 6), "longest");
    html_raw(html, "</tr>");
}

static void write_table(struct build *build, const struct pg_rows *rows,
                        const struct pg_rows *spans)
{
    static const char *const columns[] = {"Instance", "Site",     "Over the period", "#Available",
                                          "#Away",    "#Outages", "#Longest",        NULL};
    build_table(build, columns);
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        row(build, rows, i, spans);
    }
    build_table_end(build);
    html_raw(&build->body,
             "<p class=\"legend\"><i class=\"key s-up\"></i>Up<i class=\"key s-attention\"></i>"
             "Degraded or suspect<i class=\"key s-away\"></i>Unreachable<i class=\"key s-off\">"
             "</i>Stopped<i class=\"key s-none\"></i>Not counted</p>");
    if (build->instances > INSTANCES_MAX) {
        html_format(&build->body, "<p class=\"note\">The %d least available of %u.</p>",
                    INSTANCES_MAX, build->instances);
    }
    build_note(build, "Available: up, degraded, catching up or suspect. Away: unreachable, stopped "
                      "or duplicate. Time before the first connection, maintenance and time after "
                      "a revocation count as neither.");
}

static int write_each(struct build *build, struct err *e)
{
    struct pg_rows *rows = build_query(build, each_sql, PERIOD_NOW, e);
    struct pg_rows *spans = NULL;
    int result = -1;
    if (rows == NULL) {
        return -1;
    }
    spans = build_query(build, spans_sql, PERIOD_NOW, e);
    if (spans != NULL) {
        write_table(build, rows, spans);
        result = 0;
    }
    pg_rows_free(rows);
    pg_rows_free(spans);
    return result;
}

static void write_lead(struct build *build, double outages, double outages_before)
{
    struct figure count = {
        .unit = FIGURE_COUNT,
        .now = outages,
        .before = outages_before,
        .known = true,
        .has_before = build->summary.availability.has_before,
    };
    html_raw(&build->body, "<p>Available for ");
    figure_write(&build->body, &build->summary.availability, "availability");
    html_raw(&build->body, " of the time; outages that began in the period: ");
    figure_write(&build->body, &count, "outages");
    if (count.has_before) {
        html_format(&build->body, " (the period before: %.0f)", outages_before);
    }
    html_raw(&build->body, ".</p>");
}

static int write(struct build *build, struct err *e)
{
    struct figure *ratio = &build->summary.availability;
    struct figure before;
    double outages = 0;
    double outages_before = 0;
    if (read_total(build, PERIOD_NOW, ratio, &outages, e) != 0 ||
        read_total(build, PERIOD_BEFORE, &before, &outages_before, e) != 0) {
        return -1;
    }
    ratio->before = before.now;
    ratio->has_before = before.known;
    if (!ratio->known) {
        build_note(build, "No instance was connected in this period.");
        return 0;
    }
    write_lead(build, outages, outages_before);
    return write_each(build, e);
}

const struct section section_availability = {
    .id = "availability", .title = "Availability", .write = write};
