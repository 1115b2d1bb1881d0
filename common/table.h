/*
 * A hash table of fixed-size entries keyed by their first key_size bytes (padding zeroed), with
 * a hard cap: small and cold state such as hosts and applications. One thread.
 * Open addressing, xxh3 with a random seed; entries move on growth and removal, so never keep a
 * pointer across table_put or table_remove.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table;

/* Holds at most max entries. NULL and e on failure. */
struct table *table_new(size_t key_size, size_t entry_size, size_t max, struct err *e);
void table_free(struct table *t);
/* The entry with this key, or NULL. */
void *table_get(const struct table *t, const void *key);
/* The entry with this key, made (zeroed but for its key, *made true) when absent; NULL at the cap.
 */
void *table_put(struct table *t, const void *key, bool *made);
/* Removes the entry; true when it was there. */
bool table_remove(struct table *t, const void *key);
/* Removes all entries; their memory stays for new ones. */
void table_clear(struct table *t);
size_t table_count(const struct table *t);
/* Walks all entries: start with *at = 0; NULL at the end. The entry just returned may be removed.
 */
void *table_next(struct table *t, size_t *at);
