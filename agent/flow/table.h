/*
 * The flow table of one worker: an index by keyed hash (slots.h) over a slab, with a fixed cap. No
 * memory is asked for after flow_table_new; pages are touched only as flows need them. Worker
 * thread only.
 */
#pragma once

#include "agent/flow/flow.h"
#include "common/err.h"

#include <stdint.h>

struct flow_table;

/* Room for max flows. NULL and e on failure. */
struct flow_table *flow_table_new(uint32_t max, struct err *e);
void flow_table_free(struct flow_table *t);

/* The hash by which flows of these ends are found, the same for both directions. */
uint32_t flow_table_tag(const struct flow_table *t, const struct endpoints *ends);
/*
 * The flow that ends of this tag belong to, and which way the packet goes in *dir; NULL when there
 * is none.
 */
struct flow *flow_table_find(struct flow_table *t, uint32_t tag, const struct endpoints *ends,
                             enum flow_dir *dir);
/*
 * A zeroed flow with this key, or NULL when the table is full. There must be none with it yet.
 * The pointer is good until flow_table_remove.
 */
struct flow *flow_table_add(struct flow_table *t, const struct flow_key *key);
void flow_table_remove(struct flow_table *t, struct flow *f);

/* The flow with this handle; NULL when free. Handles run from 1 to flow_table_span. */
struct flow *flow_table_at(const struct flow_table *t, uint32_t handle);
/*
 * For packets that will be looked for soon: ask for the memory of the index; then, once that is
 * there, for the memory of the flow.
 */
void flow_table_prefetch(const struct flow_table *t, uint32_t tag);
void flow_table_expect(const struct flow_table *t, uint32_t tag);

/* Bytes of a table for so many flows, all in, when everything in it is full; and, of these, what
 * flows hold beside themselves. */
size_t flow_table_bytes(uint32_t max);
size_t flow_table_parts_bytes(uint32_t max);
/* The highest handle ever used: the bound for walks. */
uint32_t flow_table_span(const struct flow_table *t);
uint32_t flow_table_count(const struct flow_table *t);
uint32_t flow_table_max(const struct flow_table *t);
