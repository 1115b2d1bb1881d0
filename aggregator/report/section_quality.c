/*
 * Quality of what users experienced, from the flow records: scores as the agents judged them, and
 * what was measured in TCP. A flow is as good as its worse direction; an application or an instance
 * stands for its 25th percentile, as a mean would hide what a quarter of its users feel.
 */
#include "aggregator/report/build.h"

#include "common/wire/quality.h"

#include <stdio.h>
#include <string.h>

/* $4 to $6: where Fair, Good and Excellent begin. Percentiles are over flows, never over other
 * percentiles. */
static const char scores_sql[] = "WITH q AS MATERIALIZED (SELECT q.*, i.name AS place FROM" ROLLED_SQL(
    "quality",
    "day") " q JOIN instance i ON i.id = q.instance_id WHERE kind = 'app' AND score IS NOT NULL),"
           " s AS (SELECT 'all' AS kind, '' AS name, score, sum(flows) AS n FROM q GROUP BY score"
           " UNION ALL SELECT 'app', name, score, sum(flows) FROM q GROUP BY name, score"
           " UNION ALL SELECT 'instance', place, score, sum(flows) FROM q GROUP BY place, score),"
           " c AS (SELECT *, sum(n) OVER (PARTITION BY kind, name ORDER BY score) AS upto,"
           " sum(n) OVER (PARTITION BY kind, name) AS total FROM s),"
           " f AS (SELECT kind, name, sum(n) AS judged, sum(n) FILTER (WHERE score < $4::int) AS poor,"
           " sum(n) FILTER (WHERE score >= $4::int AND score < $5::int) AS fair,"
           " sum(n) FILTER (WHERE score >= $5::int AND score < $6::int) AS good,"
           " sum(n) FILTER (WHERE score >= $6::int) AS excellent,"
           " min(score) FILTER (WHERE upto >= 0.25 * total) AS p25,"
           " min(score) FILTER (WHERE upto >= 0.5 * total) AS p50 FROM c GROUP BY kind, name),"
           " placed AS (SELECT *, row_number() OVER (PARTITION BY kind ORDER BY p25, judged DESC, name)"
           " AS place FROM f)"
           " SELECT k.kind, coalesce(p.name, ''), coalesce(judged, 0), coalesce(poor, 0),"
           " coalesce(fair, 0), coalesce(good, 0), coalesce(excellent, 0), p25, p50"
           " FROM (VALUES ('all'), ('app'), ('instance')) k (kind)"
           " LEFT JOIN placed p ON p.kind = k.kind AND place <= 8"
           " WHERE k.kind = 'all' OR p.kind IS NOT NULL ORDER BY k.kind, p.place";
enum { C_KIND, C_NAME, C_JUDGED, C_POOR, C_FAIR, C_GOOD, C_EXCELLENT, C_P25, C_P50 };

/* TCP only. */
static const char measures_sql[] =
    "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY handshake_client_us),"
    " percentile_disc(0.95) WITHIN GROUP (ORDER BY handshake_client_us),"
    " percentile_disc(0.5) WITHIN GROUP (ORDER BY handshake_server_us),"
    " percentile_disc(0.95) WITHIN GROUP (ORDER BY handshake_server_us),"
    " sum(retransmitted_c2s + retransmitted_s2c)::float8"
    " / nullif(sum(packets_c2s + packets_s2c), 0),"
    " sum(out_of_order_c2s + out_of_order_s2c)::float8"
    " / nullif(sum(packets_c2s + packets_s2c), 0), count(*)"
    " FROM flow WHERE protocol_l4 = 6 AND" IN_PERIOD_SQL("last_at");

/*
 * The same for longer periods: sorting months of flows takes minutes, so the percentiles come from
 * the roll-ups' buckets, each told by its middle, to 2 %.
 */
#define BUCKET_SQL(side, upto)                                                                     \
    "(SELECT 2 * 1.04 ^ min(bucket) / 2.04 FROM c WHERE side = '" side "' AND upto >= " upto       \
    " * total)"
static const char long_measures_sql[] = "WITH l AS (SELECT side, bucket, sum(flows) AS n FROM" ROLLED_SQL(
    "latency",
    "day") " GROUP BY side, bucket),"
           " c AS (SELECT side, bucket, sum(n) OVER (PARTITION BY side ORDER BY bucket) AS upto,"
           " sum(n) OVER (PARTITION BY side) AS total FROM l)"
           " SELECT " BUCKET_SQL("client", "0.5") "," BUCKET_SQL("client", "0.95") "," BUCKET_SQL(
               "server",
               "0.5") "," BUCKET_SQL("server",
                                     "0.95") ","
                                             " sum(retransmitted_c2s + retransmitted_s2c)::float8"
                                             " / nullif(sum(packets_c2s + packets_s2c), 0),"
                                             " sum(out_of_order_c2s + out_of_order_s2c)::float8"
                                             " / nullif(sum(packets_c2s + packets_s2c), 0), count(*)"
                                             " FROM flow WHERE protocol_l4 = 6 AND" IN_PERIOD_SQL(
                                                 "last_at");
enum { EXACT_MOST_S = 86400 };

static const char *measures_of(const struct build *build)
{
    return build_seconds(build) > EXACT_MOST_S ? long_measures_sql : measures_sql;
}

static const struct measure {
    const char *label, *key;
    enum figure_unit unit;
} measures[] = {
    {"Round trip to the client, median", "rtt_client_p50", FIGURE_US},
    {"Round trip to the client, 95th percentile", "rtt_client_p95", FIGURE_US},
    {"Round trip to the server, median", "rtt_server_p50", FIGURE_US},
    {"Round trip to the server, 95th percentile", "rtt_server_p95", FIGURE_US},
    {"Packets that were retransmitted", "retransmitted", FIGURE_RATIO},
    {"Packets out of order", "out_of_order", FIGURE_RATIO},
};
enum { MEASURES = sizeof measures / sizeof measures[0] };

static struct pg_rows *query_scores(struct build *build, enum period period, struct err *e)
{
    struct pg_args args = {0};
    build_args(build, period, &args);
    for (int label = QUALITY_FAIR; label <= QUALITY_EXCELLENT; label++) {
        int low;
        int high;
        quality_label_range((enum quality_label)label, &low, &high);
        pg_add_i64(&args, low);
    }
    return pg_query(build->pg, scores_sql, &args, e);
}

static void score_cell(struct build *build, const struct pg_rows *rows, unsigned i, unsigned column,
                       const char *key)
{
    struct figure figure = {.unit = FIGURE_SCORE, .now = pg_double(rows, i, column), .known = true};
    html_raw(&build->body, "<td class=\"n\">");
    figure_write(&build->body, &figure, key);
    html_raw(&build->body, "</td>");
}

static void score_row(struct build *build, const struct pg_rows *rows, unsigned i)
{
    struct html *html = &build->body;
    const char *name = pg_text(rows, i, C_NAME);
    double judged = pg_double(rows, i, C_JUDGED);
    double bad = pg_double(rows, i, C_POOR) + pg_double(rows, i, C_FAIR);
    struct figure count = {.unit = FIGURE_COUNT, .now = judged, .known = true};
    struct figure share = {.unit = FIGURE_RATIO, .now = bad / judged, .known = true};
    html_raw(html, "<tr data-row=\"");
    html_text(html, name);
    html_raw(html, "\"><th scope=\"row\">");
    html_text(html, name[0] != '\0' ? name : "not recognised");
    html_raw(html, "</th><td class=\"n\">");
    figure_write(html, &count, "judged");
    html_raw(html, "</td>");
    score_cell(build, rows, i, C_P25, "p25");
    score_cell(build, rows, i, C_P50, "p50");
    html_raw(html, "<td class=\"b\">");
    chart_bar(html, share.now);
    html_raw(html, "</td><td class=\"n\">");
    figure_write(html, &share, "bad");
    html_raw(html, "</td></tr>");
}

/* The rows of one kind, the worst first. */
static void score_table(struct build *build, const struct pg_rows *rows, const char *kind,
                        const char *title)
{
    const char *const columns[] = {
        title, "#Flows judged", "#25th percentile", "#Median", "", "#Poor or fair", NULL};
    build_short_table(build, columns);
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        if (strcmp(pg_text(rows, i, C_KIND), kind) == 0) {
            score_row(build, rows, i);
        }
    }
    build_table_end(build);
}

static void label_text(struct build *build, const struct pg_rows *rows, unsigned column,
                       enum quality_label label)
{
    struct figure count = {.unit = FIGURE_COUNT, .now = pg_double(rows, 0, column), .known = true};
    char key[40];
    (void)snprintf(key, sizeof key, "quality.%s", quality_label_name(label)); /* fits */
    html_format(&build->body, "<i class=\"key q-%s\"></i>%s ", quality_label_name(label),
                quality_label_name(label));
    figure_write(&build->body, &count, key);
}

static void write_labels(struct build *build, const struct pg_rows *now,
                         const struct pg_rows *before)
{
    struct html *html = &build->body;
    struct figure median = {.unit = FIGURE_SCORE, .now = pg_double(now, 0, C_P50), .known = true};
    html_raw(html, "<p>Half of the flows scored ");
    figure_write(html, &median, "quality.p50");
    html_raw(html, " or better");
    if (!pg_is_null(before, 0, C_P50)) {
        html_format(html, "; in the period before, %lld", (long long)pg_i64(before, 0, C_P50));
    }
    html_raw(html, ".</p>");
    const struct chart_part parts[] = {{"q-excellent", pg_double(now, 0, C_EXCELLENT)},
                                       {"q-good", pg_double(now, 0, C_GOOD)},
                                       {"q-fair", pg_double(now, 0, C_FAIR)},
                                       {"q-poor", pg_double(now, 0, C_POOR)}};
    chart_parts(html, parts, sizeof parts / sizeof parts[0], "Flows by their label");
    html_raw(html, "<p class=\"legend\">");
    label_text(build, now, C_EXCELLENT, QUALITY_EXCELLENT);
    label_text(build, now, C_GOOD, QUALITY_GOOD);
    label_text(build, now, C_FAIR, QUALITY_FAIR);
    label_text(build, now, C_POOR, QUALITY_POOR);
    html_raw(html, "</p>");
}

static void write_scores(struct build *build, const struct pg_rows *now,
                         const struct pg_rows *before)
{
    if (pg_i64(now, 0, C_JUDGED) == 0) {
        build_note(build, "Too little was seen to judge any flow of this period.");
        return;
    }
    write_labels(build, now, before);
    score_table(build, now, "app", "Worst applications");
    if (build->instances != 1) {
        score_table(build, now, "instance", "Worst instances");
    }
}

static void write_measures(struct build *build, const struct pg_rows *now,
                           const struct pg_rows *before)
{
    static const char *const columns[] = {"TCP", "#In the period", "#Change", NULL};
    if (pg_i64(now, 0, MEASURES) == 0) {
        build_note(build, "No record of a TCP flow is stored for this period.");
        return;
    }
    build_short_table(build, columns);
    for (unsigned i = 0; i < MEASURES; i++) {
        struct figure figure = {
            .unit = measures[i].unit,
            .now = pg_double(now, 0, i),
            .before = pg_double(before, 0, i),
            .known = !pg_is_null(now, 0, i),
            .has_before = !pg_is_null(before, 0, i),
        };
        char key[40];
        (void)snprintf(key, sizeof key, "quality.%s", measures[i].key); /* fits */
        html_format(&build->body, "<tr><th scope=\"row\">%s</th>", measures[i].label);
        figure_cells(&build->body, &figure, key);
        html_raw(&build->body, "</tr>");
    }
    build_table_end(build);
    html_format(&build->body,
                "<p class=\"note\">Scores reach from 0 to 100 and are those of a flow's worse"
                " direction. From %lld records of TCP flows; round trips as measured in their"
                " handshakes.</p>",
                (long long)pg_i64(now, 0, MEASURES));
}

static int write(struct build *build, struct err *e)
{
    struct pg_rows *scores = query_scores(build, PERIOD_NOW, e);
    struct pg_rows *scores_before = scores != NULL ? query_scores(build, PERIOD_BEFORE, e) : NULL;
    struct pg_rows *now =
        scores_before != NULL ? build_query(build, measures_of(build), PERIOD_NOW, e) : NULL;
    struct pg_rows *before =
        now != NULL ? build_query(build, measures_of(build), PERIOD_BEFORE, e) : NULL;
    int result = -1;
    if (before != NULL) {
        write_scores(build, scores, scores_before);
        write_measures(build, now, before);
        result = 0;
    }
    pg_rows_free(scores);
    pg_rows_free(scores_before);
    pg_rows_free(now);
    pg_rows_free(before);
    return result;
}

const struct section section_quality = {.id = "quality", .title = "Quality", .write = write};
