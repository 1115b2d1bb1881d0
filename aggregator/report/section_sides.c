/*
 * Who talked to whom: local and remote, from the flow records. Local is what the instance itself
 * called local in its counters; a host that was never among its busiest ones is judged by the
 * networks that count as local by default.
 */
#include "aggregator/report/build.h"

static const char sql[] = "WITH known AS (SELECT instance_id, host, bool_or(local) AS local FROM" ROLLED_SQL(
    "host",
    "day") " GROUP BY instance_id, host),"
           " pair AS (SELECT instance_id, client, server, sum(bytes_c2s) AS sent,"
           " sum(bytes_s2c) AS received, count(*) FILTER (WHERE final) AS ended FROM flow"
           " WHERE" IN_PERIOD_SQL(
               "last_at") " GROUP BY instance_id, client, server),"
                          " net AS (SELECT unnest('{10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,127.0.0.0/8,"
                          "::1/128,fe80::/10,fc00::/7}'::inet[]) AS net),"
                          " side AS (SELECT coalesce(c.local, EXISTS (SELECT FROM net WHERE client <<= net)) AS client,"
                          " coalesce(s.local, EXISTS (SELECT FROM net WHERE server <<= net)) AS server, sent, received,"
                          " ended FROM pair p"
                          " LEFT JOIN known c ON c.instance_id = p.instance_id AND c.host = p.client"
                          " LEFT JOIN known s ON s.instance_id = p.instance_id AND s.host = p.server)"
                          " SELECT client, server, sum(sent), sum(received), sum(ended),"
                          " sum(sum(sent) + sum(received)) OVER () FROM side GROUP BY client, server"
                          " ORDER BY sum(sent) + sum(received) DESC";

static void row(struct build *build, const struct pg_rows *rows, unsigned i)
{
    static const char *const names[2][2] = {
        {"Remote to remote (transit)", "Remote client, local server"},
        {"Local client, remote server", "Local to local"},
    };
    static const char *const keys[2][2] = {{"remote-remote", "remote-local"},
                                           {"local-remote", "local-local"}};
    struct html *html = &build->body;
    bool client = pg_bool(rows, i, 0);
    bool server = pg_bool(rows, i, 1);
    double total = pg_double(rows, i, 5);
    struct figure sent = {.unit = FIGURE_BYTES, .now = pg_double(rows, i, 2), .known = true};
    struct figure received = {.unit = FIGURE_BYTES, .now = pg_double(rows, i, 3), .known = true};
    struct figure ended = {.unit = FIGURE_COUNT, .now = pg_double(rows, i, 4), .known = true};
    struct figure share = {.unit = FIGURE_RATIO,
                           .now = total > 0 ? (sent.now + received.now) / total : 0,
                           .known = true};
    html_format(html, "<tr data-row=\"%s\"><th scope=\"row\">%s</th><td class=\"b\">",
                keys[client][server], names[client][server]);
    chart_bar(html, share.now);
    html_raw(html, "</td><td class=\"n\">");
    figure_write(html, &share, "share");
    html_raw(html, "</td><td class=\"n\">");
    figure_write(html, &sent, "sent");
    html_raw(html, "</td><td class=\"n\">");
    figure_write(html, &received, "received");
    html_raw(html, "</td><td class=\"n\">");
    figure_write(html, &ended, "ended");
    html_raw(html, "</td></tr>");
}

static int write(struct build *build, struct err *e)
{
    static const char *const columns[] = {
        "Direction",    "",  "#Share", "#Sent by the client", "#Sent by the server",
        "#Flows ended", NULL};
    struct pg_rows *rows = build_query(build, sql, PERIOD_NOW, e);
    if (rows == NULL) {
        return -1;
    }
    if (pg_rows_count(rows) == 0) {
        build_note(build, "No flow is stored for this period.");
    } else {
        build_short_table(build, columns);
        for (unsigned i = 0; i < pg_rows_count(rows); i++) {
            row(build, rows, i);
        }
        build_table_end(build);
        build_note(build, "From the stored flow records. A host counts as local when its instance "
                          "says so, else when its address is of a private network.");
    }
    pg_rows_free(rows);
    return 0;
}

const struct section section_sides = {.id = "sides", .title = "Local and remote", .write = write};
