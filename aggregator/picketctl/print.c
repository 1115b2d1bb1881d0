/* Tables for people and JSON for programs, from the same rows. */
#include "aggregator/picketctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH_MAX = 60 };

static const char *head_name(const char *head)
{
    return head[0] == '#' ? head + 1 : head;
}

static json_t *json_value(const struct pg_rows *rows, unsigned row, unsigned column,
                          const char *head)
{
    if (pg_is_null(rows, row, column)) {
        return json_null();
    }
    return head[0] == '#' ? json_integer(pg_i64(rows, row, column))
                          : json_string(pg_text(rows, row, column));
}

static int print_json(const struct pg_rows *rows, const char *const *heads, unsigned count,
                      struct err *e)
{
    json_t *array = json_array();
    for (unsigned row = 0; row < pg_rows_count(rows); row++) {
        json_t *object = json_object();
        for (unsigned column = 0; column < count; column++) {
            (void)json_object_set_new(object, head_name(heads[column]),
                                      json_value(rows, row, column, heads[column]));
        }
        (void)json_array_append_new(array, object);
    }
    int result = json_dumpf(array, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(array);
    return result == 0 ? 0 : err_set(e, ERR_IO, "the output could not be written");
}

static int width_of(const struct pg_rows *rows, unsigned column, const char *head)
{
    size_t width = strlen(head_name(head));
    for (unsigned row = 0; row < pg_rows_count(rows); row++) {
        size_t len = strlen(pg_text(rows, row, column));
        width = len > width ? len : width;
    }
    return (int)(width < WIDTH_MAX ? width : WIDTH_MAX);
}

static void print_table(const struct pg_rows *rows, const char *const *heads, unsigned count)
{
    for (unsigned column = 0; column < count; column++) {
        printf("%-*s  ", width_of(rows, column, heads[column]), head_name(heads[column]));
    }
    (void)putchar('\n');
    for (unsigned row = 0; row < pg_rows_count(rows); row++) {
        for (unsigned column = 0; column < count; column++) {
            const char *text = pg_is_null(rows, row, column) ? "-" : pg_text(rows, row, column);
            printf("%-*s  ", width_of(rows, column, heads[column]), text);
        }
        (void)putchar('\n');
    }
}

int ctl_print(const struct ctl *ctl, const struct pg_rows *rows, const char *const *heads,
              unsigned count, struct err *e)
{
    if (ctl->json) {
        return print_json(rows, heads, count, e);
    }
    print_table(rows, heads, count);
    return 0;
}
