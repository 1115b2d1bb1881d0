/*
 * Connections that wait for their first answer. A SYN is kept aside (agent/flow/half_open.h); the
 * answer, or data, makes the flow that it would have made at once. What is never answered is told
 * by the same records, out of a flow that is put together for that moment only.
 */
#include "agent/flow/parts.h"
#include "agent/worker_parts.h"

#include <string.h>

static const enum flow_dir FORTH = DIR_C2S; /* who sends the SYN is the client */

/* Lets a new flow see the SYN and its repetitions. */
static void replay(struct worker *w, struct flow *f, const struct half_open *h, struct packet *p)
{
    flow_begin(f, h->id, h->source, p, FORTH);
    for (unsigned i = 0; i < h->packets; i++) {
        p->time_ns = i == 0 ? h->first_ns : half_open_last_ns(h);
        (void)worker_note(w, f, p, FORTH); /* it is planned once it stands */
    }
    f->account_begun = h->told > 0;
    f->account_open = h->told < h->packets;
    f->account_ns = f->account_open ? half_open_account_ns(h) : 0;
    f->accounted.packets[FORTH] = h->told;
    f->accounted.bytes[FORTH] = (uint64_t)h->told * p->ip_len;
    f->known_told = h->known_told;
    f->known_rules = h->known_rules;
}

/* A flow outside the table, for records. Give it back by drop_scratch. */
static void make_scratch(struct worker *w, const struct half_open *h, struct flow *f, bool inspects)
{
    struct packet p;
    half_open_packet(h, &p);
    *f = (struct flow){.key = worker_key_of(&p.ends, FORTH), .dpi.done = !inspects};
    replay(w, f, h, &p);
    f->dpi.done = f->dpi.done && inspects;
}

static void drop_scratch(struct worker *w, struct flow *f)
{
    dpi_drop(w->dpi, &f->dpi);
    flow_parts_drop(w->table, f);
    prints_drop(w->prints, f->self);
}

static uint32_t tag_of(const struct worker *w, const struct half_open *h)
{
    struct packet p;
    half_open_packet(h, &p);
    return flow_table_tag(w->table, &p.ends);
}

/* It will not be answered any more: its last record, and its account when one is owed. */
static void give_up(struct worker *w, struct half_open *h, enum flow_status status)
{
    struct flow f;
    make_scratch(w, h, &f, true);
    half_open_remove(w->openings, tag_of(w, h), h);
    flow_end(&f, status, w->clock_ns);
    if (flow_owes_account(&f)) {
        emit_account(&w->emitter, &f, w->clock_ns);
    }
    (void)worker_send_last(w, &f); /* without room it is lost, and the ring has counted it */
    drop_scratch(w, &f);
}

/* Keeps hosts fresh while an attempt waits. */
static void tell_account(struct worker *w, struct half_open *h)
{
    struct flow f;
    make_scratch(w, h, &f, false);
    emit_account(&w->emitter, &f, w->clock_ns);
    h->told = f.account_open ? h->told : h->packets;
    h->known_told = f.known_told;
    h->known_rules = f.known_rules;
    drop_scratch(w, &f);
}

static void on_due(struct half_open *h, void *arg)
{
    struct worker *w = arg;
    if (w->clock_ns >= half_open_last_ns(h) + w->unanswered_ns) {
        give_up(w, h, FLOW_NO_ANSWER);
    } else {
        tell_account(w, h);
    }
}

unsigned worker_openings_due(struct worker *w, unsigned budget)
{
    return half_open_run(w->openings, w->clock_ns, budget, on_due, w);
}

bool worker_openings_finish(struct worker *w)
{
    struct half_open *h = half_open_first(w->openings);
    if (h != NULL) {
        give_up(w, h, FLOW_EVICTED);
    }
    return h != NULL;
}

/* The oldest makes room: with its records when control has heard of it, else only counted. */
static void shed(struct worker *w)
{
    struct half_open *h = half_open_first(w->openings);
    if (h == NULL) {
        return;
    }
    w->shed.openings++;
    if (h->told > 0) {
        give_up(w, h, FLOW_EVICTED);
    } else {
        half_open_remove(w->openings, tag_of(w, h), h);
    }
}

static bool keep(struct worker *w, uint32_t tag, const struct packet *p)
{
    struct half_open *h = half_open_add(w->openings, tag, p);
    if (h == NULL) {
        shed(w);
        h = half_open_add(w->openings, tag, p);
    }
    if (h == NULL) {
        return false; /* a flow at once, then */
    }
    h->id = worker_next_id(w);
    h->source = (uint8_t)w->reading;
    return true;
}

static bool repeat(struct half_open *h, const struct packet *p, const struct packet *first)
{
    bool same = p->tcp.seq == first->tcp.seq && p->ends.src_port == first->ends.src_port &&
                addr_equal(&p->ends.src, &first->ends.src) && p->ip_len == first->ip_len;
    if (!same || p->time_ns < h->first_ns || h->packets == UINT8_MAX) {
        return false;
    }
    uint64_t after_us = (p->time_ns - h->first_ns) / 1000;
    h->last_us = after_us > UINT32_MAX ? UINT32_MAX : (uint32_t)after_us;
    h->packets++;
    return true;
}

struct flow *worker_promote(struct worker *w, uint32_t tag, struct half_open *h)
{
    struct packet p;
    half_open_packet(h, &p);
    const struct flow_key key = worker_key_of(&p.ends, FORTH);
    struct flow *f = worker_add_flow(w, &key);
    if (f != NULL) {
        replay(w, f, h, &p);
        flow_expiry_plan(w->expiry, f, w->clock_ns);
        half_open_remove(w->openings, tag, h);
    }
    return f;
}

enum worker_opening worker_opening(struct worker *w, uint32_t tag, const struct packet *p)
{
    struct half_open *h = half_open_find(w->openings, tag, &p->ends);
    bool fits = half_open_fits(p);
    if (h == NULL) {
        return fits && keep(w, tag, p) ? OPENING_WAITS : OPENING_NONE;
    }
    struct packet first;
    half_open_packet(h, &first);
    if (fits && repeat(h, p, &first)) {
        return OPENING_WAITS;
    }
    bool syn = (p->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && !p->later_fragment;
    if (syn && p->tcp.seq != first.tcp.seq) { /* another connection on the same ports */
        give_up(w, h, FLOW_IDLE);
        return fits && keep(w, tag, p) ? OPENING_WAITS : OPENING_NONE;
    }
    return worker_promote(w, tag, h) != NULL ? OPENING_ANSWERED : OPENING_WAITS;
}
