/* The applications and the hosts that carried most, from the roll-ups of counters. */
#include "aggregator/report/build.h"

/* The former period beside the present one: rows that are in both, and new ones. */
#define BEFORE_SQL(kind) " " kind "_in($1::int[], $4::timestamptz, $2::timestamptz, 'day')"

static const char apps_sql[] =
    "WITH now AS (SELECT app, sum(bytes_in + bytes_out) AS bytes, sum(flows) AS flows"
    " FROM" ROLLED_SQL(
        "app",
        "day") " GROUP BY app),"
               " old AS (SELECT app, sum(bytes_in + bytes_out) AS bytes FROM" BEFORE_SQL(
                   "app") " GROUP BY app)"
                          " SELECT now.app, now.bytes, now.flows, old.bytes, sum(now.bytes) OVER (), count(*) OVER (),"
                          " (SELECT count(*) FROM old) FROM now LEFT JOIN old USING (app)"
                          " ORDER BY now.bytes DESC, now.app LIMIT 15";

static const char hosts_sql[] =
    "WITH now AS (SELECT instance_id, host, vlan, bool_or(local) AS local,"
    " sum(bytes_in) AS bytes_in, sum(bytes_out) AS bytes_out FROM" ROLLED_SQL(
        "host",
        "day") " GROUP BY instance_id, host, vlan),"
               " old AS (SELECT instance_id, host, vlan, sum(bytes_in + bytes_out) AS bytes"
               " FROM" BEFORE_SQL(
                   "host") " GROUP BY instance_id, host, vlan)"
                           " SELECT host(now.host), i.name, now.vlan, now.local, now.bytes_in,"
                           " now.bytes_out, old.bytes, max(now.bytes_in + now.bytes_out) OVER (),"
                           " (SELECT count(*) FROM old) FROM now"
                           " LEFT JOIN old USING (instance_id, host, vlan)"
                           " JOIN instance i ON i.id = now.instance_id"
                           " ORDER BY now.bytes_in + now.bytes_out DESC, now.host LIMIT 15";

/* $4: the begin of the period before. */
static struct pg_rows *query_both(struct build *build, const char *sql, struct err *e)
{
    struct pg_args now = {0};
    struct pg_args before = {0};
    build_args(build, PERIOD_NOW, &now);
    build_args(build, PERIOD_BEFORE, &before);
    pg_add_text(&now, before.values[1]);
    return pg_query(build->pg, sql, &now, e);
}

static void app_row(struct build *build, const struct pg_rows *rows, unsigned i)
{
    struct html *html = &build->body;
    double total = pg_double(rows, i, 4);
    struct figure bytes = {
        .unit = FIGURE_BYTES,
        .now = pg_double(rows, i, 1),
        .before = pg_double(rows, i, 3),
        .known = true,
        .has_before = pg_i64(rows, i, 6) > 0,
    };
    struct figure share = {
        .unit = FIGURE_RATIO, .now = total > 0 ? bytes.now / total : 0, .known = true};
    struct figure flows = {.unit = FIGURE_COUNT, .now = pg_double(rows, i, 2), .known = true};
    const char *app = pg_text(rows, i, 0);
    html_raw(html, "<tr data-row=\"");
    html_text(html, app);
    html_raw(html, "\"><th scope=\"row\">");
    html_text(html, app[0] != '\0' ? app : "not recognised");
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

static int write_apps(struct build *build, struct err *e)
{
    static const char *const columns[] = {"Application", "",       "#Share", "#Bytes",
                                          "#Change",     "#Flows", NULL};
    struct pg_rows *rows = query_both(build, apps_sql, e);
    if (rows == NULL) {
        return -1;
    }
    unsigned count = pg_rows_count(rows);
    if (count == 0) {
        build_note(build, "No application was counted in this period.");
    } else {
        build_table(build, columns);
        for (unsigned i = 0; i < count; i++) {
            app_row(build, rows, i);
        }
        build_table_end(build);
        html_format(&build->body,
                    "<p class=\"note\">The %u that carried most, of %lld. Shares are of the bytes"
                    " that were counted by application.</p>",
                    count, (long long)pg_i64(rows, 0, 5));
    }
    pg_rows_free(rows);
    return 0;
}

static void host_row(struct build *build, const struct pg_rows *rows, unsigned i)
{
    struct html *html = &build->body;
    double most = pg_double(rows, i, 7);
    struct figure in = {.unit = FIGURE_BYTES, .now = pg_double(rows, i, 4), .known = true};
    struct figure out = {.unit = FIGURE_BYTES, .now = pg_double(rows, i, 5), .known = true};
    struct figure both = {
        .unit = FIGURE_BYTES,
        .now = in.now + out.now,
        .before = pg_double(rows, i, 6),
        .known = true,
        .has_before = pg_i64(rows, i, 8) > 0,
    };
    html_raw(html, "<tr data-row=\"");
    html_text(html, pg_text(rows, i, 0));
    html_raw(html, "\"><th scope=\"row\" class=\"address\">");
    html_text(html, pg_text(rows, i, 0));
    if (pg_i64(rows, i, 2) != 0) {
        html_format(html, " <small>VLAN %lld</small>", (long long)pg_i64(rows, i, 2));
    }
    html_raw(html, "</th><td>");
    html_text(html, pg_text(rows, i, 1));
    html_raw(html, pg_bool(rows, i, 3) ? "</td><td>local" : "</td><td>remote");
    html_raw(html, "</td><td class=\"b\">");
    chart_bar(html, most > 0 ? both.now / most : 0);
    html_raw(html, "</td><td class=\"n\">");
    figure_write(html, &in, "bytes_in");
    html_raw(html, "</td><td class=\"n\">");
    figure_write(html, &out, "bytes_out");
    html_raw(html, "</td>");
    figure_cells(html, &both, "bytes");
    html_raw(html, "</tr>");
}

static int write_hosts(struct build *build, struct err *e)
{
    static const char *const columns[] = {"Host",  "Instance", "Side",    "",  "#Received",
                                          "#Sent", "#Both",    "#Change", NULL};
    struct pg_rows *rows = query_both(build, hosts_sql, e);
    if (rows == NULL) {
        return -1;
    }
    if (pg_rows_count(rows) == 0) {
        build_note(build, "No host was counted in this period.");
    } else {
        build_table(build, columns);
        for (unsigned i = 0; i < pg_rows_count(rows); i++) {
            host_row(build, rows, i);
        }
        build_table_end(build);
        build_note(build, "From the busiest hosts of every 10 s: a host that was never among them"
                          " is not counted.");
    }
    pg_rows_free(rows);
    return 0;
}

const struct section section_apps = {
    .id = "applications", .title = "Top applications", .write = write_apps};
const struct section section_hosts = {.id = "hosts", .title = "Top hosts", .write = write_hosts};
