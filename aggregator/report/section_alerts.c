/*
 * Alerts of the period: those that began in it and those that went on from before, by kind, from
 * the table `alert`; severities are the catalogue's.
 */
#include "aggregator/report/build.h"

#include "common/alert_kinds.h"

#include <stdio.h>
#include <stdlib.h>

enum { KINDS_MAX = 25, SEVERITIES = ALERT_SEVERITY_EMERGENCY + 1 };

/* The centre's own alerts (without an instance) belong to reports of the whole fleet. $4: it is. */
#define SCOPE_SQL " (a.instance_id = ANY ($1::int[]) OR ($4::boolean AND a.instance_id IS NULL))"
#define SEEN_SQL                                                                                   \
    SCOPE_SQL " AND a.first_at < $3::timestamptz"                                                  \
              " AND (a.state = 'engaged' OR coalesce(a.released_at, a.last_at) >= "                \
              "$2::timestamptz)"

static const char kinds_sql[] =
    "SELECT a.kind, count(*), count(*) FILTER (WHERE a.first_at >= $2::timestamptz),"
    " count(*) FILTER (WHERE a.state = 'engaged'"
    " OR a.state = 'released' AND a.released_at >= $3::timestamptz),"
    " count(DISTINCT a.instance_id) FROM alert a WHERE" SEEN_SQL " GROUP BY a.kind";

/* $5: the step in milliseconds. */
static const char steps_sql[] = "SELECT " STEP_SQL(
    "a.first_at", "$5::bigint") " AS step, a.kind,"
                                " count(*) FROM alert a WHERE" SEEN_SQL
                                " AND a.first_at >= $2::timestamptz GROUP BY step, a.kind";

/* Alerts of one kind. */
struct kind {
    const struct alert_kind_info *info;
    double seen, began, engaged, instances;
};

struct tally {
    struct kind *kinds; /* worst first; owned */
    unsigned count;
    double seen, began, engaged;
    double by_severity[SEVERITIES];
};

static struct pg_rows *query(struct build *build, const char *sql, enum period period,
                             int64_t step_ms, struct err *e)
{
    struct pg_args args = {0};
    build_args(build, period, &args);
    pg_add_bool(&args, build->order->scope[0] == 'f'); /* "fleet" */
    if (step_ms != 0) {
        pg_add_i64(&args, step_ms);
    }
    return pg_query(build->pg, sql, &args, e);
}

static int worse_first(const void *left, const void *right)
{
    const struct kind *a = left;
    const struct kind *b = right;
    if (a->info->severity != b->info->severity) {
        return a->info->severity > b->info->severity ? -1 : 1;
    }
    if (a->seen != b->seen) {
        return a->seen > b->seen ? -1 : 1;
    }
    return a->info->id < b->info->id ? -1 : 1;
}

static void add_kind(struct tally *tally, const struct pg_rows *rows, unsigned i)
{
    const struct alert_kind_info *info = alert_kind_find((unsigned)pg_i64(rows, i, 0));
    if (info == NULL) {
        return; /* of a newer agent; its severity is not known here */
    }
    struct kind *kind = &tally->kinds[tally->count++];
    *kind = (struct kind){
        .info = info,
        .seen = pg_double(rows, i, 1),
        .began = pg_double(rows, i, 2),
        .engaged = pg_double(rows, i, 3),
        .instances = pg_double(rows, i, 4),
    };
    tally->seen += kind->seen;
    tally->began += kind->began;
    tally->engaged += kind->engaged;
    tally->by_severity[info->severity] += kind->seen;
}

static int read_tally(struct build *build, enum period period, struct tally *tally, struct err *e)
{
    *tally = (struct tally){0};
    struct pg_rows *rows = query(build, kinds_sql, period, 0, e);
    if (rows == NULL) {
        return -1;
    }
    unsigned count = pg_rows_count(rows);
    tally->kinds = calloc(count + 1, sizeof *tally->kinds);
    if (tally->kinds == NULL) {
        pg_rows_free(rows);
        return err_set(e, ERR_NOMEM, "no memory for %u kinds of alerts", count);
    }
    for (unsigned i = 0; i < count; i++) {
        add_kind(tally, rows, i);
    }
    qsort(tally->kinds, tally->count, sizeof *tally->kinds, worse_first);
    pg_rows_free(rows);
    return 0;
}

static const char *const severity_class[SEVERITIES] = {"v-info",  "v-notice",   "v-warning",
                                                       "v-error", "v-critical", "v-emergency"};

static int write_steps(struct build *build, struct err *e)
{
    struct pg_rows *rows = query(build, steps_sql, PERIOD_NOW, build->time.step_ms, e);
    if (rows == NULL) {
        return -1;
    }
    struct chart_layer *layers = calloc(SEVERITIES, sizeof *layers);
    if (layers == NULL) {
        pg_rows_free(rows);
        return err_set(e, ERR_NOMEM, "no memory for a chart");
    }
    for (unsigned i = 0; i < SEVERITIES; i++) {
        layers[i].class = severity_class[i];
    }
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        const struct alert_kind_info *info = alert_kind_find((unsigned)pg_i64(rows, i, 1));
        int64_t step = pg_i64(rows, i, 0);
        if (info != NULL && build_step(build, step)) {
            layers[info->severity].values[step] += pg_double(rows, i, 2);
        }
    }
    chart_columns(&build->body, &build->time, FIGURE_COUNT, layers, SEVERITIES,
                  "Alerts that began, over the period and by severity");
    free(layers);
    pg_rows_free(rows);
    return 0;
}

static void write_legend(struct build *build, const struct tally *tally)
{
    struct html *html = &build->body;
    html_raw(html, "<p class=\"legend\">");
    for (int i = SEVERITIES - 1; i >= 0; i--) {
        struct figure count = {.unit = FIGURE_COUNT, .now = tally->by_severity[i], .known = true};
        const char *name = alert_severity_name((enum alert_severity)i);
        char key[40];
        (void)snprintf(key, sizeof key, "alerts.%s", name); /* fits */
        html_format(html, "<i class=\"key %s\"></i>%s ", severity_class[i], name);
        figure_write(html, &count, key);
    }
    html_raw(html, "</p>");
}

static void count_cell(struct build *build, double value, const char *key)
{
    struct figure figure = {.unit = FIGURE_COUNT, .now = value, .known = true};
    html_raw(&build->body, "<td class=\"n\">");
    figure_write(&build->body, &figure, key);
    html_raw(&build->body, "</td>");
}

static void write_kinds(struct build *build, const struct tally *tally)
{
    static const char *const columns[] = {
        "Severity", "Alert", "#Alerts", "#Began", "#Engaged at the end", "#Instances", NULL};
    struct html *html = &build->body;
    build_table(build, columns);
    for (unsigned i = 0; i < tally->count && i < KINDS_MAX; i++) {
        const struct kind *kind = &tally->kinds[i];
        const char *severity = alert_severity_name(kind->info->severity);
        html_format(html,
                    "<tr data-row=\"%s\"><td><span class=\"badge %s\">%s</span></td>"
                    "<th scope=\"row\">",
                    kind->info->name, severity_class[kind->info->severity], severity);
        html_text(html, kind->info->title);
        html_raw(html, "</th>");
        count_cell(build, kind->seen, "seen");
        count_cell(build, kind->began, "began");
        count_cell(build, kind->engaged, "engaged");
        count_cell(build, kind->instances, "instances");
        html_raw(html, "</tr>");
    }
    build_table_end(build);
    if (tally->count > KINDS_MAX) {
        html_format(html, "<p class=\"note\">The %d worst of %u kinds.</p>", KINDS_MAX,
                    tally->count);
    }
}

static int write_tallies(struct build *build, const struct tally *now, const struct tally *before,
                         struct err *e)
{
    struct html *html = &build->body;
    build->summary.alerts = (struct figure){
        .unit = FIGURE_COUNT,
        .now = now->seen,
        .before = before->seen,
        .known = true,
        .has_before = true,
    };
    if (now->seen == 0) {
        html_raw(html, "<p class=\"empty\">No alert held or happened in this period; the period "
                       "before had ");
        html_format(html, "%.0f.</p>", before->seen);
        return 0;
    }
    html_raw(html, "<p>");
    figure_write(html, &build->summary.alerts, "alerts.seen");
    html_raw(html, " alerts held or happened. Began in the period: ");
    struct figure part = {.unit = FIGURE_COUNT, .now = now->began, .known = true};
    figure_write(html, &part, "alerts.began");
    html_raw(html, "; still engaged at its end: ");
    part.now = now->engaged;
    figure_write(html, &part, "alerts.engaged");
    html_format(html, ". The period before had %.0f.</p>", before->seen);
    if (write_steps(build, e) != 0) {
        return -1;
    }
    write_legend(build, now);
    write_kinds(build, now);
    return 0;
}

static int write(struct build *build, struct err *e)
{
    struct tally now = {0};
    struct tally before = {0};
    int result = -1;
    if (read_tally(build, PERIOD_NOW, &now, e) == 0 &&
        read_tally(build, PERIOD_BEFORE, &before, e) == 0) {
        result = write_tallies(build, &now, &before, e);
    }
    free(now.kinds);
    free(before.kinds);
    return result;
}

const struct section section_alerts = {.id = "alerts", .title = "Alerts", .write = write};
