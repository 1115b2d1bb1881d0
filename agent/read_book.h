/*
 * The flows of a capture file while it is read: their records packed, one after the other in
 * large blocks, so that a million flows fit in a few hundred megabytes.
 */
#pragma once

#include "common/wire/flows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct read_book;

/* Keeps the flows, or only how many there were and when. NULL without memory. */
struct read_book *read_book_new(bool keep);
void read_book_free(struct read_book *b);
/* Adds a record's deltas to what stands; all else is of the flow as a whole, the newest wins. */
int read_book_add(struct read_book *b, const struct flow_record *news); /* -1 without memory */
size_t read_book_count(const struct read_book *b);

enum read_order {
    READ_BY_TIME,  /* of the first packet */
    READ_BY_BYTES, /* both ways, most first */
};

/* Puts the flows in order; equal ones by their keys, so that a file always reads the same. */
void read_book_sort(struct read_book *b, enum read_order order);
/* When the first and the last packet of all flows was; zeros when there are none. */
void read_book_span(const struct read_book *b, uint64_t *first_ns, uint64_t *last_ns);
/* The flow at a place, 0 up to the count, of a book that keeps them. */
void read_book_get(const struct read_book *b, size_t at, struct flow_record *f);
