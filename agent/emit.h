/*
 * How a worker's news leave: records into the rings of its lane, and a wake-up for control.
 * A full ring loses nothing that can wait: deltas stay with the flow until its next record.
 */
#pragma once

#include "agent/engine_link.h"
#include "agent/flow/fill.h"

#include <stdbool.h>
#include <stdint.h>

struct emitter {
    struct engine_lane *lane;
    int to_control; /* eventfd */
    struct flow_table *table;
    const struct prints *prints;
    const char *labels[ENGINE_MAX_SOURCES]; /* names of the sources by index; borrowed */
    uint64_t told_ns;                       /* when control was last woken */
    const _Atomic uint32_t *rules; /* counts changes of the rules; NULL or 0: there are none */
    bool pending;                  /* records wait that control has not been woken for */
    bool urgent;                   /* one of them cannot wait */
};

/* All that is known of a flow, in totals since it began. */
void emit_fill_totals(const struct emitter *em, const struct flow *f, struct flow_record *r);
/* What happened since the flow's last record; false when the ring is full. */
bool emit_flow(struct emitter *em, struct flow *f, uint64_t now_ns);
/*
 * The flow as it is, with the risks that control has not heard of; nothing when there are none.
 * Those that find the ring full go ahead of the flow's next record or account.
 */
void emit_risks(struct emitter *em, struct flow *f, uint64_t now_ns);
/* Who a host is; false when the ring is full. */
bool emit_sighting(struct emitter *em, const struct sighting *sighting);
/* The open account period; when the ring is full it stays open. */
void emit_account(struct emitter *em, struct flow *f, uint64_t now_ns);
/* Wakes control when records wait: at once for risks, else every few milliseconds or when idle. */
void emit_wake(struct emitter *em, uint64_t wall_ns, bool idle);
