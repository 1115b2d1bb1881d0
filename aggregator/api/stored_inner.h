/* What stored.c and stored_flows.c share. Nobody else includes it. */
#pragma once

#include "aggregator/api/stored.h"

/* Rows of an answer being made, and the newest time among them. */
struct found {
    json_t *rows;
    uint64_t total;
    uint64_t newest_ms;
};

/* Takes over row. */
void found_add(struct found *found, json_t *row, uint64_t last_ms);

/* The order that a column's name asks for; the first is the order when none is asked for. */
struct stored_column {
    const char *name, *sql;
};
/* A statement in its parts that lacks its order, and the columns (ended by NULL) to choose from. */
struct stored_sorted {
    const char *parts[3]; /* "" none */
    const char *end;      /* behind the order and the limit; "" none */
    const struct stored_column *columns;
};
/* NULL and e on failure. */
struct pg_rows *stored_run_sorted(const struct query *q, struct pg *pg,
                                  const struct stored_sorted *sorted, const struct pg_args *args,
                                  struct err *e);

/* $1 instance, $2 and $3 the window, $4 the host that is asked for or NULL. */
struct pg_args stored_window(const struct stored *s);
/* The next parameter, NULL when it is not asked for. */
void stored_add_word(struct pg_args *args, const char *word);
void stored_add_number(struct pg_args *args, bool wanted, int64_t number);

/* 0, or -1 and e. */
int stored_flows(const struct stored *s, struct pg *pg, struct found *found, struct err *e);
