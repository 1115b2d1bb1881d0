/*
 * An array as one parameter of a statement, such as {1,2,3}, which unnest makes rows of again: one
 * statement for many rows. For numbers and checked names only: nothing is quoted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { PG_LIST_NUMBER = 20 /* signs of the longest number */ };

struct pg_list {
    char *text; /* owned */
    size_t len, size;
};

/* An empty one with room for `count` members of at most `each` signs; false: no memory. */
bool pg_list_open(struct pg_list *l, unsigned count, size_t each);
/* What does not fit is left out. */
__attribute__((format(printf, 2, 3))) void pg_list_add(struct pg_list *l, const char *form, ...);
void pg_list_done(struct pg_list *l);
