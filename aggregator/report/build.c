/* What the sections share: parameters, the axis of time, tables and notes. */
#include "aggregator/report/build.h"

#include "common/clock.h"

void build_args(const struct build *build, enum period period, struct pg_args *args)
{
    const struct report_order *order = build->order;
    int64_t span = order->to_ms - order->from_ms;
    int64_t from = period == PERIOD_NOW ? order->from_ms : order->from_ms - span;
    int64_t to = period == PERIOD_NOW ? build->end_ms : order->from_ms;
    pg_add_text(args, build->ids);
    pg_add_time(args, (uint64_t)from * NS_PER_MS);
    pg_add_time(args, (uint64_t)to * NS_PER_MS);
}

struct pg_rows *build_query(struct build *build, const char *sql, enum period period, struct err *e)
{
    struct pg_args args = {0};
    build_args(build, period, &args);
    return pg_query(build->pg, sql, &args, e);
}

double build_seconds(const struct build *build)
{
    return (double)(build->order->to_ms - build->order->from_ms) / 1000;
}

bool build_step(const struct build *build, int64_t step)
{
    return step >= 0 && step < build->time.steps;
}

void build_note(struct build *build, const char *text)
{
    html_raw(&build->body, "<p class=\"note\">");
    html_text(&build->body, text);
    html_raw(&build->body, "</p>");
}

static void write_columns(struct build *build, const char *const *columns)
{
    html_raw(&build->body, "<thead><tr>");
    for (; *columns != NULL; columns++) {
        bool number = (*columns)[0] == '#';
        html_raw(&build->body, number ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
        html_text(&build->body, *columns + number);
        html_raw(&build->body, "</th>");
    }
    html_raw(&build->body, "</tr></thead><tbody>");
}

void build_table(struct build *build, const char *const *columns)
{
    html_raw(&build->body, "<table>");
    write_columns(build, columns);
}

void build_short_table(struct build *build, const char *const *columns)
{
    html_raw(&build->body, "<table class=\"keep\">");
    write_columns(build, columns);
}

void build_table_end(struct build *build)
{
    html_raw(&build->body, "</tbody></table>");
}
