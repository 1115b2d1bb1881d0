/* From a flow to the values that leave the engine: deltas for records, totals for questions. */
#pragma once

#include "agent/flow/record.h"
#include "agent/flow/table.h"

/* Fills a record with what happened since the last one; source is the capture source's name. */
void flow_fill_record(const struct flow_table *t, const struct flow *f, const char *source,
                      struct flow_record *r);
/* The same with totals since the flow began. */
void flow_fill_totals(const struct flow_table *t, const struct flow *f, const char *source,
                      struct flow_record *r);
/* Leaves what the flow is and takes away what happened: flow records tell that. */
void flow_clear_deltas(struct flow_record *r);
/* Marks everything so far as told, once the record is safely in its ring. */
void flow_mark_reported(struct flow_table *t, struct flow *f, uint64_t now_ns);

/* Fills an account of the period that is open, or only of the flow's end; closes that period. */
void flow_fill_account(const struct flow_table *t, struct flow *f, uint64_t now_ns,
                       struct account *a);
