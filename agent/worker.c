/*
 * The way of a packet through the engine, from top to bottom:
 *
 *   take_view:   copy, decode, tunnels and fragments, into a batch
 *   take_packet: flow → quality → fingerprints → DPI → records, for each of a batch in order
 *   advance:     timers, by packet time: account, periodic and last records (worker_due.c)
 *   turn:        a batch from each source, timers, questions, counters; then sleep on a quiet wire
 *
 * No malloc, lock or log in take_view, take_packet and advance.
 */
#include "agent/worker.h"

#include "agent/batch.h"
#include "agent/decode/fragment.h"
#include "agent/emit.h"
#include "agent/flow/expire.h"
#include "agent/flow/parts.h"
#include "agent/flow/quality.h"
#include "agent/questions.h"
#include "agent/worker_parts.h"
#include "agent/worker_watch.h"
#include "common/clock.h"

enum {
    BATCH = 64,      /* packets of one source before another gets its turn */
    END_PIECE = 256, /* flows told at the end before control has a moment */
};
#define CLOCK_TICK_NS 50000000ull /* packet time between two looks at the timers */

static struct flow *begin_flow(struct worker *w, const struct packet *p, enum flow_dir *dir)
{
    *dir = flow_first_direction(p);
    const struct flow_key key = worker_key_of(&p->ends, *dir);
    struct flow *f = worker_add_flow(w, &key);
    if (f != NULL) {
        flow_begin(f, worker_next_id(w), (uint8_t)w->reading, p, *dir);
    }
    return f;
}

/* The packet's flow; NULL when it has none yet (a SYN without an answer), or no room. */
static struct flow *flow_of(struct worker *w, const struct packet *p, uint32_t tag,
                            enum flow_dir *dir)
{
    struct flow *f = flow_table_find(w->table, tag, &p->ends, dir);
    if (f != NULL && flow_is_reused(f, p)) {
        worker_retire(w, f, FLOW_IDLE); /* the old connection is told to its end */
        f = NULL;
    }
    if (f == NULL && p->ends.protocol == PROTO_TCP) {
        switch (worker_opening(w, tag, p)) {
        case OPENING_NONE: break;
        case OPENING_WAITS: *dir = DIR_C2S; return NULL;
        case OPENING_ANSWERED: return flow_table_find(w->table, tag, &p->ends, dir);
        }
    }
    return f != NULL ? f : begin_flow(w, p, dir);
}

/* An ICMP error that names a flow of ours: its port refused. */
static void refuse_quoted(struct worker *w, const struct packet *p)
{
    enum flow_dir dir;
    uint32_t tag = flow_table_tag(w->table, &p->about);
    struct flow *f = flow_table_find(w->table, tag, &p->about, &dir);
    struct half_open *h = f == NULL ? half_open_find(w->openings, tag, &p->about) : NULL;
    f = h != NULL ? worker_promote(w, tag, h) : f;
    if (f != NULL) {
        flow_refuse(f, p->time_ns);
        flow_expiry_plan(w->expiry, f, w->clock_ns);
    }
}

static void inspect(struct worker *w, struct flow *f, const struct packet *p, enum flow_dir dir)
{
    unsigned news = dpi_feed(w->dpi, &f->dpi, p, dir == DIR_C2S);
    if (news != DPI_NEWS_NONE) {
        worker_take_verdict(w, f);
    }
    if ((news & DPI_NEWS_DONE) != 0) {
        worker_settle(w, f);
    }
}

bool worker_note(struct worker *w, struct flow *f, const struct packet *p, enum flow_dir dir)
{
    bool replan = flow_note(f, p, dir);
    flow_quality_note(w->table, f, p, dir);
    if (f->looked != PRINT_LOOKED_ENOUGH) {
        worker_look_closer(w, f, p, dir);
    }
    if (!f->dpi.done) {
        inspect(w, f, p, dir);
    }
    if (p->payload_len > 0 && !(dir == DIR_C2S ? f->client_spoke : f->server_spoke)) {
        worker_first_data(w, f, p, dir);
    }
    return replan;
}

/* Packet time moves on, never back; timers run by it. */
static void advance(struct worker *w, uint64_t time_ns)
{
    if (time_ns > w->clock_ns) {
        w->clock_ns = time_ns;
    }
    if (w->clock_ns - w->timers_ns >= CLOCK_TICK_NS) {
        worker_see_to_due(w);
    }
}

/* A packet that this worker sees to; tag is that of its ends. */
static void take_packet(struct worker *w, const struct packet *p, uint32_t tag)
{
    worker_count(w, p->frames, p->frame_len);
    w->fragments_shed += p->fragment ? p->frames : 0;
    enum flow_dir dir;
    struct flow *f = flow_of(w, p, tag, &dir);
    worker_count_direction(w, dir, p->frame_len);
    worker_look_for_names(w, p);
    if (f == NULL) {
        return;
    }
    if (worker_note(w, f, p, dir)) {
        flow_expiry_plan(w->expiry, f, w->clock_ns);
    }
}

static void on_packet(struct worker *w, const struct batch_item *item)
{
    const struct packet *p = &item->packet;
    advance(w, p->time_ns);
    if (p->unreachable && worker_owns(w, &p->about)) {
        refuse_quoted(w, p);
    }
    if (item->owned) { /* else it only tells that time has passed, and of calls */
        take_packet(w, p, item->tag);
    } else if (item->overheard) {
        flow_quality_overhear(w->table, p);
    }
}

static void find_owner(struct worker *w, struct batch_item *item)
{
    item->owned = worker_owns(w, &item->packet.ends);
    item->overheard = !item->owned && flow_quality_concerns_all(&item->packet);
    item->tag = item->owned ? flow_table_tag(w->table, &item->packet.ends) : 0;
}

/* In three passes, so that memory is asked for while other packets are at work. */
static void work_off(struct worker *w)
{
    struct batch *b = w->batch;
    for (unsigned i = 0; i < b->count; i++) {
        flow_table_expect(w->table, b->items[i].tag);
    }
    for (unsigned i = 0; i < b->count; i++) {
        flow_parts_expect(w->table, b->items[i].tag);
    }
    for (unsigned i = 0; i < b->count; i++) {
        on_packet(w, &b->items[i]);
    }
    batch_clear(b);
}

void worker_take_shed(struct worker *w, uint64_t now_ns)
{
    struct batch_item item;
    unsigned reading = w->reading;
    while (fragments_give_up(w->fragments, now_ns, &item.packet)) {
        struct packet *p = &item.packet;
        p->time_ns = p->time_ns < w->clock_ns ? p->time_ns : w->clock_ns;
        w->reading = p->source;
        find_owner(w, &item);
        on_packet(w, &item);
    }
    w->reading = reading;
}

static void take_view(const struct packet_view *view, void *arg)
{
    struct worker *w = arg;
    if (!batch_has_room(w->batch, view)) {
        work_off(w);
    }
    const struct packet_view kept = batch_keep(w->batch, view);
    struct batch_item *item = batch_next(w->batch);
    enum worker_decoded decoded = worker_decode(w, &kept, &item->packet);
    if ((decoded & DECODED_PACKET) != 0) {
        find_owner(w, item);
        flow_table_prefetch(w->table, item->tag);
        batch_add(w->batch, &kept);
    }
    if ((decoded & DECODED_FRAGMENT) != 0) {
        work_off(w);               /* the datagram's bytes are not the batch's */
        advance(w, view->time_ns); /* also one that is held tells that time has passed */
        worker_take_shed(w, w->clock_ns);
    }
}

/* Reads a batch; true when more may be waiting. */
static bool read_source(struct worker *w, unsigned index, uint64_t wall_ns)
{
    struct worker_source *ws = &w->sources[index];
    if (ws->source == NULL) {
        return false;
    }
    w->reading = index;
    packet_fn take = ws->source->collects ? worker_collect : take_view;
    enum source_result result = ws->source->ops->read(ws->source, BATCH, wall_ns, take, w);
    work_off(w);
    if (result == SOURCE_END || result == SOURCE_ERROR) {
        worker_source_over(w, index, result == SOURCE_END ? SOURCE_ENDED : SOURCE_FAILED);
    }
    return result == SOURCE_MORE;
}

/* On a quiet wire time goes on by the clock, but not for files that keep their own. */
static void pass_time(struct worker *w, uint64_t wall_ns)
{
    if (!w->keeps_time) {
        advance(w, wall_ns);
    }
}

static bool read_all(struct worker *w, uint64_t wall_ns)
{
    bool more = false;
    worker_take_shed(w, w->clock_ns);
    for (unsigned i = 0; i < w->source_count; i++) {
        more |= read_source(w, i, wall_ns);
    }
    return more;
}

bool worker_turn(struct worker *w)
{
    uint64_t wall_ns = worker_begin_turn(w);
    (void)read_all(w, wall_ns);
    worker_publish(w, wall_ns);
    return w->open_sources > 0;
}

void worker_run(struct worker *w)
{
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) { /* set by worker_stop */
        uint64_t wall_ns = worker_begin_turn(w);
        bool busy = read_all(w, wall_ns);
        if (!busy) {
            pass_time(w, wall_ns);
        }
        busy |= questions_turn(&w->questions, &w->emitter, w->clock_ns);
        worker_publish(w, wall_ns);
        emit_wake(&w->emitter, wall_ns, !busy);
        if (!busy) {
            worker_wait(w, wall_ns);
        }
    }
    bool drained = true;
    while (worker_finish(w, END_PIECE)) {
        emit_wake(&w->emitter, clock_wall_ns(), true);
        worker_publish(w, clock_wall_ns()); /* the parent sees that we move */
        drained = drained && worker_await_room(w);
    }
    worker_publish(w, clock_wall_ns());
    emit_wake(&w->emitter, clock_wall_ns(), true);
}
