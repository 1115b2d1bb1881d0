/*
 * A report being made: what is asked for, the connection, the axis of time, and the page so far.
 * Sections get it one after the other; each asks facts or roll-ups with the same three parameters
 * and writes its part. Only the files of this folder include it.
 */
#pragma once

#include "aggregator/report/chart.h"
#include "aggregator/report/figure.h"
#include "aggregator/report/html.h"
#include "aggregator/report/report.h"
#include "aggregator/store/pg.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

/* The figures at the head of the report, filled by the sections that know them. */
struct summary {
    struct figure availability, bytes, mean_bps, alerts;
};

struct build {
    struct pg *pg;
    const struct report_order *order;
    char *ids; /* of the scope's instances as "{1,2}"; owned */
    unsigned instances;
    int64_t end_ms; /* of what can be known: the period's end, or now */
    struct chart_time time;
    struct summary summary;
    struct html body;
};

/* Which period a statement asks for. */
enum period { PERIOD_NOW, PERIOD_BEFORE };

/* $1 ids, $2 from and $3 to: what IN_PERIOD_SQL and every statement of a section begin with. */
void build_args(const struct build *build, enum period period, struct pg_args *args);
#define IN_PERIOD_SQL(column)                                                                      \
    " instance_id = ANY ($1::int[]) AND " column " >= $2::timestamptz AND " column                 \
    " < $3::timestamptz"
/* The roll-ups of a kind, for what follows FROM; grain: 'hour' or 'day', the longest sums wanted.
 */
#define ROLLED_SQL(kind, grain)                                                                    \
    " " kind "_in($1::int[], $2::timestamptz, $3::timestamptz, '" grain "')"
struct pg_rows *build_query(struct build *build, const char *sql, enum period period,
                            struct err *e);
/* The length of the period in seconds. */
double build_seconds(const struct build *build);
/* The step of the axis that a row of such a statement names; out of it: false. */
#define STEP_SQL(column, step)                                                                     \
    "floor(extract(epoch FROM " column " - $2::timestamptz) * 1000 / " step ")::bigint"
bool build_step(const struct build *build, int64_t step);

/* A part of the report: heading, then what it writes. */
struct section {
    const char *id; /* a word: the anchor */
    const char *title;
    /* Writes into build->body; -1 and e when the database did not answer. */
    int (*write)(struct build *build, struct err *e);
};
extern const struct section section_availability, section_traffic, section_instances, section_apps,
    section_hosts, section_sides, section_quality, section_systems, section_alerts;

/* "There is nothing to show", with the reason: a sentence of ours. */
void build_note(struct build *build, const char *text);
/*
 * The head of a table; columns ended by NULL. One that begins with '#' holds numbers. A short table
 * is not broken over two pages of paper.
 */
void build_table(struct build *build, const char *const *columns);
void build_short_table(struct build *build, const char *const *columns);
void build_table_end(struct build *build);
