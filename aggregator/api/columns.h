/*
 * A row of a statement as a JSON object: a table names each column and says what it is. SQL's
 * NULL is JSON's null. Query threads.
 */
#pragma once

#include "aggregator/store/pg.h"

#include <jansson.h>

enum column_kind { COLUMN_TEXT, COLUMN_NUMBER, COLUMN_REAL, COLUMN_BOOL };

struct column {
    const char *name; /* of the member; NULL ends the table */
    enum column_kind kind;
};

/* The columns from `first` on, in the table's order. A new reference; NULL without memory. */
json_t *columns_object(const struct pg_rows *rows, unsigned row, unsigned first,
                       const struct column *columns);
/* All rows as a list of objects. */
json_t *columns_list(const struct pg_rows *rows, const struct column *columns);
