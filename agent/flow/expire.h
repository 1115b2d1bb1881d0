/*
 * When a flow must be looked at: a timing wheel by packet time. A due flow gets an account record,
 * a periodic or final flow record, or its end; the callback does it and expire plans the next
 * look. Worker thread only.
 */
#pragma once

#include "agent/flow/table.h"

#include <stdint.h>

/* All in nanoseconds. */
struct flow_limits {
    uint64_t idle_tcp;
    uint64_t idle_udp;
    uint64_t idle_other;
    uint64_t unanswered; /* TCP: SYN without an answer */
    uint64_t linger;     /* an ended flow stays visible so long */
    uint64_t report;     /* a living flow leaves a record so often */
    uint64_t account;    /* account records at most so often */
    uint64_t settle;     /* from the end to the final record: trailing segments still count */
};

/* What a due flow needs; bits. */
enum flow_due {
    FLOW_DUE_ACCOUNT = 1,
    FLOW_DUE_REPORT = 2,
    FLOW_DUE_FINAL = 4,
    FLOW_DUE_REMOVE = 8, /* the callback takes it out of the table */
};

typedef void (*flow_due_fn)(struct flow *f, unsigned due, void *arg);

struct flow_expiry;

struct flow_expiry *flow_expiry_new(const struct flow_limits *limits, struct flow_table *table,
                                    struct err *e);
void flow_expiry_free(struct flow_expiry *x);
/* Plans the next look at a flow after a packet, or after it changed otherwise. */
void flow_expiry_plan(struct flow_expiry *x, struct flow *f, uint64_t now_ns);
/* Takes a flow off the wheel, before flow_table_remove. */
void flow_expiry_forget(struct flow_expiry *x, struct flow *f);
/*
 * The clock was set back by so much: the flows of the table and their timers follow it, since
 * they would else stand still until the clock has caught up.
 */
void flow_expiry_shift_back(struct flow_expiry *x, uint64_t by_ns);
/* Calls fn for every flow due by now_ns, at most budget of them. Returns how many. */
unsigned flow_expiry_run(struct flow_expiry *x, uint64_t now_ns, unsigned budget, flow_due_fn fn,
                         void *arg);
