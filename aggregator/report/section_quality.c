/* Quality of what users experienced, from the flow records: round trips, losses, order. */
#include "aggregator/report/build.h"

#include <stdio.h>

/* Percentiles over the raw records, never over other percentiles. TCP only. */
static const char sql[] = "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY handshake_client_us),"
                          " percentile_disc(0.95) WITHIN GROUP (ORDER BY handshake_client_us),"
                          " percentile_disc(0.5) WITHIN GROUP (ORDER BY handshake_server_us),"
                          " percentile_disc(0.95) WITHIN GROUP (ORDER BY handshake_server_us),"
                          " sum(retransmitted_c2s + retransmitted_s2c)::float8"
                          " / nullif(sum(packets_c2s + packets_s2c), 0),"
                          " sum(out_of_order_c2s + out_of_order_s2c)::float8"
                          " / nullif(sum(packets_c2s + packets_s2c), 0), count(*)"
                          " FROM flow WHERE protocol_l4 = 6 AND" IN_PERIOD_SQL("last_at");

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

static void write_table(struct build *build, const struct pg_rows *now,
                        const struct pg_rows *before)
{
    static const char *const columns[] = {"Measure", "#In the period", "#Change", NULL};
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
                "<p class=\"note\">From %lld records of TCP flows; round trips as measured in"
                " their handshakes.</p>",
                (long long)pg_i64(now, 0, MEASURES));
}

static int write(struct build *build, struct err *e)
{
    struct pg_rows *now = build_query(build, sql, PERIOD_NOW, e);
    struct pg_rows *before = now != NULL ? build_query(build, sql, PERIOD_BEFORE, e) : NULL;
    int result = -1;
    if (before != NULL) {
        if (pg_i64(now, 0, MEASURES) == 0) {
            build_note(build, "No record of a TCP flow is stored for this period.");
        } else {
            write_table(build, now, before);
        }
        result = 0;
    }
    pg_rows_free(now);
    pg_rows_free(before);
    return result;
}

const struct section section_quality = {.id = "quality", .title = "Quality", .write = write};
