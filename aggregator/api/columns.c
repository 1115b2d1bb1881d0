#include "aggregator/api/columns.h"

static json_t *value_of(const struct pg_rows *rows, unsigned row, unsigned at,
                        enum column_kind kind)
{
    if (pg_is_null(rows, row, at)) {
        return json_null();
    }
    switch (kind) {
    case COLUMN_TEXT: return json_string(pg_text(rows, row, at));
    case COLUMN_NUMBER: return json_integer(pg_i64(rows, row, at));
    case COLUMN_REAL: return json_real(pg_double(rows, row, at));
    case COLUMN_BOOL: return json_boolean(pg_bool(rows, row, at));
    }
    return NULL;
}

json_t *columns_object(const struct pg_rows *rows, unsigned row, unsigned first,
                       const struct column *columns)
{
    json_t *object = json_object();
    for (unsigned i = 0; columns[i].name != NULL; i++) { /* short of memory: fewer members */
        (void)json_object_set_new(object, columns[i].name,
                                  value_of(rows, row, first + i, columns[i].kind));
    }
    return object;
}

json_t *columns_list(const struct pg_rows *rows, const struct column *columns)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) { /* short of memory: fewer */
        (void)json_array_append_new(list, columns_object(rows, i, 0, columns));
    }
    return list;
}
