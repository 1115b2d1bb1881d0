/*
 * What is due by packet time: account, periodic and last records of flows, the end of openings.
 * Many flows may fall due at once, and the rings are finite: no more is seen to than they have
 * room for, and the next packet sees to the rest. A program that loses nothing makes room instead;
 * all that is due by a packet is then told before it, so that nothing hangs on how far the other
 * side of the rings is.
 */
#include "agent/worker_parts.h"

enum {
    DUE_AT_ONCE = 256, /* so many hold up a packet */
    DUE_RECORDS =
        5, /* of one flow: risks before and with its end, for rules, the last, late news */
    KEPT_RECORDS = ENGINE_FLOW_SLOTS / 4, /* room that is left to packets */
};

static void on_due(struct flow *f, unsigned due, void *arg)
{
    struct worker *w = arg;
    bool told = true;
    if ((due & FLOW_DUE_FINAL) != 0) {
        told = worker_send_last(w, f);
    }
    if ((due & FLOW_DUE_REPORT) != 0) {
        (void)emit_flow(&w->emitter, f, w->clock_ns); /* deltas stay for the next one */
    }
    if ((due & FLOW_DUE_ACCOUNT) != 0) {
        emit_account(&w->emitter, f, w->clock_ns);
    }
    if ((due & FLOW_DUE_REMOVE) != 0 && told) { /* else it is tried again */
        worker_remove_flow(w, f);
    }
}

/* Flows whose records have room. */
static unsigned room_of(const struct worker *w)
{
    uint64_t records = ENGINE_FLOW_SLOTS - ring_depth(w->lane->flows);
    uint64_t accounts = ENGINE_ACCOUNT_SLOTS - ring_depth(w->lane->accounts);
    uint64_t flows = records < KEPT_RECORDS ? 0 : (records - KEPT_RECORDS) / DUE_RECORDS;
    flows = flows < accounts ? flows : accounts;
    return flows < DUE_AT_ONCE ? (unsigned)flows : DUE_AT_ONCE;
}

static unsigned find_room(struct worker *w)
{
    unsigned room = room_of(w);
    if (room < DUE_AT_ONCE && w->make_room != NULL) {
        w->make_room(w->make_room_arg);
        room = room_of(w);
    }
    if (room < DUE_AT_ONCE) {
        w->emitter.urgent = true; /* control is woken for it */
    }
    return room;
}

void worker_see_to_due(struct worker *w)
{
    unsigned room;
    unsigned seen;
    do {
        room = find_room(w);
        seen = flow_expiry_run(w->expiry, w->clock_ns, room, on_due, w);
        seen += worker_openings_due(w, room - seen);
    } while (w->make_room != NULL && seen == room);
    if (seen < room) {
        w->timers_ns = w->clock_ns;
    }
}

void worker_lose_nothing(struct worker *w, void (*make_room)(void *arg), void *arg)
{
    w->make_room = make_room;
    w->make_room_arg = arg;
}
