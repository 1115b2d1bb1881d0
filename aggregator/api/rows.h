/* Statements and readings that several endpoints share. Query threads. */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "aggregator/store/pg.h"
#include "common/err.h"

#include <stdint.h>

/* The id of an instance: 1 found, 0 there is none, -1 and e. */
int instance_id_find(struct pg *pg, const char *name, int32_t *id, struct err *e);

/* The columns and tables of `alert` that alert_row_read reads; WHERE and ORDER BY follow. */
extern const char alert_row_sql[];
void alert_row_read(const struct pg_rows *rows, unsigned row, struct alert_view *view);
/* Microseconds of the row's last_at: half of its place in a list. */
int64_t alert_row_place(const struct pg_rows *rows, unsigned row);

/* A time parameter out of milliseconds. */
void add_time_ms(struct pg_args *args, uint64_t ms);
