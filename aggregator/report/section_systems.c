/*
 * Autonomous systems and countries that traffic went to and came from, from the flow records as
 * agents with a database marked them. A flow counts for both its ends, and once where they are of
 * the same; what is in no database, such as private addresses, counts for none.
 */
#include "aggregator/report/build.h"

/* One row an end: whether it is of the present period, what it is of, its name, and the traffic. */
#define ENDS_SQL(key, name)                                                                        \
    "WITH ends AS (SELECT last_at >= $2::timestamptz AS now, client_" key " AS key, client_" name  \
    " AS name, bytes_c2s + bytes_s2c AS bytes, final::int AS flows FROM flow WHERE" BOTH_SQL       \
    " AND client_" key " IS NOT NULL UNION ALL SELECT last_at >= $2::timestamptz, server_" key     \
    ", server_" name ", bytes_c2s + bytes_s2c, final::int FROM flow WHERE" BOTH_SQL                \
    " AND server_" key " IS NOT NULL AND server_" key " IS DISTINCT FROM client_" key ")"          \
    " SELECT key, max(name), sum(bytes) FILTER (WHERE now), sum(flows) FILTER (WHERE now),"        \
    " coalesce(sum(bytes) FILTER (WHERE NOT now), 0),"                                             \
    " (SELECT count(*) FROM ends WHERE NOT now),"                                                  \
    " (SELECT sum(bytes_c2s + bytes_s2c) FROM flow WHERE" IN_PERIOD_SQL(                           \
        "last_at") "), count(*) OVER () FROM ends GROUP BY key HAVING bool_or(now)"                \
                   " ORDER BY 3 DESC, key LIMIT 15"
/* The period and the one before it. */
#define BOTH_SQL                                                                                   \
    " instance_id = ANY ($1::int[]) AND last_at >= $4::timestamptz AND last_at < $3::timestamptz"

static const char systems_sql[] = ENDS_SQL("asn", "as");
static const char countries_sql[] = ENDS_SQL("country", "country");

enum column { KEY, NAME, BYTES, FLOWS, BEFORE, ANY_BEFORE, TOTAL, COUNT };

static void row(struct build *build, const struct pg_rows *rows, unsigned i, const char *prefix)
{
    struct html *html = &build->body;
    double total = pg_double(rows, i, TOTAL);
    struct figure bytes = {
        .unit = FIGURE_BYTES,
        .now = pg_double(rows, i, BYTES),
        .before = pg_double(rows, i, BEFORE),
        .known = true,
        .has_before = pg_i64(rows, i, ANY_BEFORE) > 0,
    };
    struct figure share = {
        .unit = FIGURE_RATIO, .now = total > 0 ? bytes.now / total : 0, .known = true};
    struct figure flows = {.unit = FIGURE_COUNT, .now = pg_double(rows, i, FLOWS), .known = true};
    const char *key = pg_text(rows, i, KEY);
    html_format(html, "<tr data-row=\"%s", prefix);
    html_text(html, key);
    html_format(html, "\"><th scope=\"row\">%s", prefix);
    html_text(html, key);
    if (prefix[0] != '\0') {
        html_raw(html, " <small>");
        html_text(html, pg_text(rows, i, NAME));
        html_raw(html, "</small>");
    }
    html_raw(html, "</th><td class=\"b\">");
    chart_bar(html, share.now);
    html_raw(html, "</td><td class=\"n\">");
    figure_write(html, &share, "share");
    html_raw(html, "</td>");
    figure_cells(html, &bytes, "bytes");
    html_raw(html, "<td class=\"n\">");
    figure_write(html, &flows, "flows");
    html_raw(html, "</td></tr>");
}

/* 1 with a table written, 0 when there is nothing to tell, -1 and e. */
static int write_table(struct build *build, const char *sql, const char *title, const char *prefix,
                       struct err *e)
{
    const char *const columns[] = {title, "", "#Share", "#Bytes", "#Change", "#Flows ended", NULL};
    struct pg_args now = {0};
    struct pg_args before = {0};
    build_args(build, PERIOD_NOW, &now);
    build_args(build, PERIOD_BEFORE, &before);
    pg_add_text(&now, before.values[1]);
    struct pg_rows *rows = pg_query(build->pg, sql, &now, e);
    if (rows == NULL) {
        return -1;
    }
    unsigned count = pg_rows_count(rows);
    if (count > 0) {
        build_table(build, columns);
        for (unsigned i = 0; i < count; i++) {
            row(build, rows, i, prefix);
        }
        build_table_end(build);
        html_format(&build->body, "<p class=\"note\">The %u that carried most, of %lld.</p>", count,
                    (long long)pg_i64(rows, 0, COUNT));
    }
    pg_rows_free(rows);
    return count > 0;
}

static int write(struct build *build, struct err *e)
{
    int systems = write_table(build, systems_sql, "Autonomous system", "AS", e);
    int countries = systems < 0 ? -1 : write_table(build, countries_sql, "Country", "", e);
    if (countries < 0) {
        return -1;
    }
    if (systems + countries == 0) {
        build_note(build, "No AS data: no agent has a database that knows an address of this "
                          "period (settings geo.country and geo.asn).");
    } else {
        build_note(build, "Shares are of all bytes in the stored flow records; a flow counts for "
                          "both its ends, and private addresses for none.");
    }
    return 0;
}

const struct section section_systems = {
    .id = "systems", .title = "Autonomous systems and countries", .write = write};
