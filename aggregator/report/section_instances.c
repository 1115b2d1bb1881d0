/* One line an instance: its traffic, hosts, drops and alerts; for reports of more than one. */
#include "aggregator/report/build.h"

static const char sql[] =
    "WITH t AS (SELECT instance_id, sum(bytes_in + bytes_out) AS bytes, max(hosts_max) AS hosts,"
    " max(flows_max) AS flows, sum(dropped) AS dropped, sum(seconds) AS seconds"
    " FROM" ROLLED_SQL(
        "total",
        "day") " GROUP BY instance_id),"
               " old AS (SELECT instance_id, sum(bytes_in + bytes_out) AS bytes"
               " FROM total_in($1::int[], $4::timestamptz, $2::timestamptz, 'day') GROUP BY instance_id),"
               " a AS (SELECT instance_id, count(*) AS alerts FROM alert"
               " WHERE instance_id = ANY ($1::int[]) AND first_at < $3::timestamptz"
               " AND (state = 'engaged' OR coalesce(released_at, last_at) >= $2::timestamptz)"
               " GROUP BY instance_id)"
               " SELECT i.name, i.site, t.bytes, old.bytes, t.hosts, t.flows, t.dropped, t.seconds,"
               " coalesce(a.alerts, 0), t.bytes IS NOT NULL, (SELECT count(*) FROM old)"
               " FROM instance i LEFT JOIN t ON t.instance_id = i.id"
               " LEFT JOIN old ON old.instance_id = i.id"
               " LEFT JOIN a ON a.instance_id = i.id WHERE i.id = ANY ($1::int[])"
               " ORDER BY t.bytes DESC NULLS LAST, i.name LIMIT 40";

static void cell(struct build *build, const struct pg_rows *rows, unsigned i, unsigned column,
                 enum figure_unit unit, const char *key)
{
    struct figure figure = {
        .unit = unit, .now = pg_double(rows, i, column), .known = !pg_is_null(rows, i, column)};
    html_raw(&build->body, "<td class=\"n\">");
    figure_write(&build->body, &figure, key);
    html_raw(&build->body, "</td>");
}

static void row(struct build *build, const struct pg_rows *rows, unsigned i)
{
    struct html *html = &build->body;
    struct figure bytes = {
        .unit = FIGURE_BYTES,
        .now = pg_double(rows, i, 2),
        .before = pg_double(rows, i, 3),
        .known = pg_bool(rows, i, 9),
        .has_before = pg_i64(rows, i, 10) > 0,
    };
    double covered = pg_double(rows, i, 7) / build_seconds(build);
    struct figure share = {
        .unit = FIGURE_RATIO, .now = covered < 1 ? covered : 1, .known = bytes.known};
    html_raw(html, "<tr data-row=\"");
    html_text(html, pg_text(rows, i, 0));
    html_raw(html, "\"><th scope=\"row\">");
    html_text(html, pg_text(rows, i, 0));
    html_raw(html, "</th><td>");
    html_text(html, pg_text(rows, i, 1));
    html_raw(html, "</td>");
    figure_cells(html, &bytes, "bytes");
    cell(build, rows, i, 4, FIGURE_COUNT, "hosts");
    cell(build, rows, i, 5, FIGURE_COUNT, "flows");
    cell(build, rows, i, 6, FIGURE_PACKETS, "dropped");
    html_raw(html, "<td class=\"n\">");
    figure_write(html, &share, "covered");
    html_raw(html, "</td>");
    cell(build, rows, i, 8, FIGURE_COUNT, "alerts");
    html_raw(html, "</tr>");
}

static int write(struct build *build, struct err *e)
{
    static const char *const columns[] = {
        "Instance",     "Site",     "#Bytes",    "#Change", "#Hosts, most",
        "#Flows, most", "#Dropped", "#Measured", "#Alerts", NULL};
    struct pg_args args = {0};
    struct pg_args before = {0};
    build_args(build, PERIOD_NOW, &args);
    build_args(build, PERIOD_BEFORE, &before);
    pg_add_text(&args, before.values[1]);
    struct pg_rows *rows = pg_query(build->pg, sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    if (pg_rows_count(rows) == 0) {
        build_note(build, "There is no instance in this scope.");
    } else {
        build_table(build, columns);
        for (unsigned i = 0; i < pg_rows_count(rows); i++) {
            row(build, rows, i);
        }
        build_table_end(build);
        build_note(build, "Hosts and flows: the highest number that was active at once. Measured: "
                          "the part of the period for which counters are stored.");
    }
    pg_rows_free(rows);
    return 0;
}

const struct section section_instances = {.id = "instances", .title = "Instances", .write = write};
