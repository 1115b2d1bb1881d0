#include "agent/emit.h"

#include "agent/flow/quality.h"

#include <unistd.h>

#define WAKE_PERIOD_NS 20000000ull /* control drains in bigger gulps, and no record waits long */

void emit_fill_totals(const struct emitter *em, const struct flow *f, struct flow_record *r)
{
    flow_fill_totals(em->table, f, em->labels[f->source], r);
    prints_fill(em->prints, f->self, &r->prints);
}

void emit_risks(struct emitter *em, struct flow *f, uint64_t now_ns)
{
    if ((f->risks & ~f->risks_told) == 0) {
        return;
    }
    struct record *r = ring_reserve(em->lane->flows);
    if (r == NULL) {
        return; /* still untold: tried again with whatever the flow tells next */
    }
    r->at_ns = now_ns;
    r->new_risks = f->risks & ~f->risks_told;
    r->kind = RECORD_RISK;
    r->known = 0;
    r->news = 0;
    emit_fill_totals(em, f, &r->flow);
    flow_clear_deltas(&r->flow);
    r->flow.final = false;
    ring_commit(em->lane->flows);
    f->risks_told = f->risks;
    em->pending = true;
    em->urgent = true;
}

static unsigned known_of(const struct flow *f)
{
    return KNOWN_FLOW | (f->dpi.done ? (unsigned)KNOWN_APP : 0) |
           (f->sum.packets[DIR_S2C] > 0 ? (unsigned)KNOWN_ANSWERED : 0);
}

/* For the rules, with the first account or record that shows it; a full ring: with the next one. */
static void emit_known(struct emitter *em, struct flow *f, uint64_t now_ns)
{
    /* Written by control. Its low byte tells two neighbours apart, and that is all it is for. */
    uint32_t rules = em->rules != NULL ? atomic_load_explicit(em->rules, memory_order_relaxed) : 0;
    if (rules == 0) {
        return;
    }
    if (f->known_rules != (uint8_t)rules) {
        f->known_rules = (uint8_t)rules;
        f->known_told = 0;
    }
    unsigned known = known_of(f);
    unsigned news = known & ~(unsigned)f->known_told;
    struct record *r = news != 0 ? ring_reserve(em->lane->flows) : NULL;
    if (r == NULL) {
        return;
    }
    r->at_ns = now_ns;
    r->new_risks = 0;
    r->kind = RECORD_KNOWN;
    r->known = (uint8_t)known;
    r->news = (uint8_t)news;
    emit_fill_totals(em, f, &r->flow);
    ring_commit(em->lane->flows);
    f->known_told = (uint8_t)known;
    em->pending = true;
}

bool emit_flow(struct emitter *em, struct flow *f, uint64_t now_ns)
{
    emit_risks(em, f, now_ns);
    emit_known(em, f, now_ns);
    struct record *r = ring_reserve(em->lane->flows);
    if (r == NULL) {
        return false;
    }
    flow_quality_settle(em->table, f, now_ns);
    r->at_ns = now_ns;
    r->new_risks = 0;
    r->kind = RECORD_FLOW;
    r->known = 0;
    r->news = 0;
    flow_fill_record(em->table, f, em->labels[f->source], &r->flow);
    prints_fill(em->prints, f->self, &r->flow.prints);
    ring_commit(em->lane->flows);
    flow_mark_reported(em->table, f, now_ns);
    em->pending = true;
    return true;
}

void emit_account(struct emitter *em, struct flow *f, uint64_t now_ns)
{
    emit_risks(em, f, now_ns);
    emit_known(em, f, now_ns);
    struct account *a = ring_reserve(em->lane->accounts);
    if (a == NULL) {
        f->account_ns = now_ns; /* asked again a period later; the bytes stay */
        return;
    }
    flow_fill_account(em->table, f, now_ns, a);
    ring_commit(em->lane->accounts);
    em->pending = true;
}

bool emit_sighting(struct emitter *em, const struct sighting *sighting)
{
    struct sighting *slot = ring_reserve(em->lane->sightings);
    if (slot == NULL) {
        return false;
    }
    *slot = *sighting;
    ring_commit(em->lane->sightings);
    em->pending = true;
    return true;
}

void emit_wake(struct emitter *em, uint64_t wall_ns, bool idle)
{
    bool due = idle || em->urgent || wall_ns - em->told_ns >= WAKE_PERIOD_NS;
    if (!em->pending || !due) {
        return;
    }
    const uint64_t one = 1;
    /* A full counter means that control has long been woken. */
    (void)!write(em->to_control, &one, sizeof one);
    em->told_ns = wall_ns;
    em->pending = false;
    em->urgent = false;
}
