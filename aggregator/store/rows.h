/*
 * The rows of batches: each record unpacked and turned into the COPY rows of its table, which a
 * group of batches shares. What cannot be unpacked is put aside with its reason, so that one bad
 * record never stops the rest. The store writer fills them and hands them to the database inside
 * its transaction.
 */
#pragma once

#include "aggregator/store/batch.h"
#include "aggregator/store/copy.h"
#include "aggregator/store/pg.h"
#include "aggregator/store/targets.h"
#include "common/wire/alerts.h"

#include <jansson.h>

enum row_table {
    ROWS_FLOW,
    ROWS_TOTAL,
    ROWS_INTERFACE,
    ROWS_APP,
    ROWS_HOST,
    ROWS_ALERT_EVENT,
    ROWS_DEVICE,
    ROWS_DEVICE_INTERFACE,
    ROWS_PROBE,
    ROWS_DIRTY, /* which times the roll-ups must be made anew of */
    ROW_TABLES,
};

/* What goes by COPY, of all batches of a group. A zeroed one is empty. */
struct row_tables {
    struct copy copies[ROW_TABLES];
};
/* COPYs all tables that have rows; once. */
int row_tables_copy(struct row_tables *tables, struct pg *pg, struct err *e);
void row_tables_done(struct row_tables *tables);

struct bad_record {
    const struct batch_record *record; /* borrowed from the batch */
    struct err why;
};

struct row_alert {
    uint64_t seq;
    struct wire_alert alert;
};

/* What one batch has for itself. */
struct rows {
    int32_t instance_id;
    uint64_t epoch;
    struct row_tables *tables; /* borrowed */
    struct row_alert *alerts;  /* for the alert table, in order */
    unsigned alert_count;
    json_t *assets;         /* rows of asset_row, in order; NULL in other streams */
    struct targets targets; /* rows of state of devices and probes */
    struct bad_record *bad;
    unsigned bad_count;
    unsigned stored;   /* records that became rows */
    uint64_t sent_ns;  /* sender's clock when it sent the batch */
    uint64_t dirty_ns; /* the last time noted for roll-ups; 0: none */
};

/* Unpacks every record of the batch that is no gap. -1 only when memory is short. */
int rows_open(struct rows *rows, struct row_tables *tables, int32_t instance_id,
              const struct batch *batch, struct err *e);
void rows_close(struct rows *rows);
