/* The end of a flow: the last word on what it speaks, its last records, and room for another. */
#include "agent/flow/shed.h"
#include "agent/worker_parts.h"
#include "agent/worker_watch.h"

void worker_take_verdict(struct worker *w, struct flow *f)
{
    struct dpi_result result;
    dpi_describe(w->dpi, &f->dpi, &result);
    worker_note_verdict(w->table, f, &result);
    emit_risks(&w->emitter, f, w->clock_ns);
}

static void conclude(struct worker *w, struct flow *f)
{
    if (f->dpi.done) {
        return;
    }
    dpi_conclude(w->dpi, &f->dpi);
    worker_take_verdict(w, f);
    worker_settle(w, f);
}

bool worker_send_last(struct worker *w, struct flow *f)
{
    conclude(w, f);
    worker_judge_end(w, f);
    f->final_sent = emit_flow(&w->emitter, f, w->clock_ns);
    return f->final_sent;
}

void worker_remove_flow(struct worker *w, struct flow *f)
{
    if (!f->final_sent || flow_has_news(f)) {
        (void)worker_send_last(w, f); /* without room it is lost, and the ring has counted it */
    }
    flow_expiry_forget(w->expiry, f);
    prints_drop(w->prints, f->self);
    flow_table_remove(w->table, f);
}

void worker_retire(struct worker *w, struct flow *f, enum flow_status status)
{
    flow_end(f, status, w->clock_ns);
    if (flow_owes_account(f)) {
        emit_account(&w->emitter, f, w->clock_ns);
    }
    worker_remove_flow(w, f);
}

struct flow *worker_add_flow(struct worker *w, const struct flow_key *key)
{
    struct flow *f = flow_table_add(w->table, key);
    if (f != NULL) {
        return f;
    }
    struct flow *victim = flow_shed_pick(w->table, &w->shed.hand, w->clock_ns);
    if (victim == NULL) {
        w->refused++;
        return NULL;
    }
    w->shed.flows[flow_worth_of(victim, w->clock_ns)]++;
    worker_retire(w, victim, FLOW_EVICTED);
    return flow_table_add(w->table, key);
}

bool worker_finish(struct worker *w, unsigned limit)
{
    worker_take_shed(w, UINT64_MAX);
    for (; w->finish_at <= flow_table_span(w->table); w->finish_at++) {
        struct flow *f = flow_table_at(w->table, w->finish_at);
        if (f == NULL) {
            continue;
        }
        if (limit-- == 0) {
            return true;
        }
        worker_retire(w, f, FLOW_EVICTED);
    }
    while (worker_openings_finish(w)) {
        if (limit-- == 0) {
            return true;
        }
    }
    return false;
}
