/*
 * A hashed timing wheel (Varghese and Lauck, 1987): 2,048 slots of 250 ms. A flow hangs in the
 * slot of its due time, or in the farthest one when that lies beyond; a packet moves it only when
 * it makes the flow due earlier, later due times are found when the slot comes round.
 */
#include "agent/flow/expire.h"

#include "agent/flow/quality.h"

#include <stdlib.h>
#include <string.h>

/* One slot short of the whole turn, so that a flow never hangs into the slot in hand. */
enum { WHEEL_SLOTS = 2048, WHEEL_REACH = WHEEL_SLOTS - 2 };
#define WHEEL_TICK_NS 250000000ull
#define NEVER         UINT64_MAX

struct flow_expiry {
    struct flow_limits limits;
    struct flow_table *table;
    uint64_t tick; /* the next to be looked at; 0 before the first packet */
    uint32_t head[WHEEL_SLOTS];
};

/* wheel_slot of a flow that hangs nowhere; slots are stored plus one. */
enum { OFF_WHEEL = 0 };

struct flow_expiry *flow_expiry_new(const struct flow_limits *limits, struct flow_table *table,
                                    struct err *e)
{
    struct flow_expiry *x = calloc(1, sizeof *x);
    if (x == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the flow timers");
        return NULL;
    }
    x->limits = *limits;
    x->table = table;
    return x;
}

void flow_expiry_free(struct flow_expiry *x)
{
    free(x);
}

/* Exporters' news is rare, and old when it comes: it is reported with its account. */
static bool is_exported(const struct flow *f)
{
    return f->holds == PART_EXPORTED;
}

static uint64_t idle_limit(const struct flow_limits *limits, const struct flow *f)
{
    if (is_exported(f)) {
        return limits->idle_tcp; /* long enough for the next piece of a flow that goes on */
    }
    switch (f->key.protocol) {
    case PROTO_TCP: return f->status == FLOW_OPENING ? limits->unanswered : limits->idle_tcp;
    case PROTO_UDP: return limits->idle_udp;
    default: return limits->idle_other;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the flow must be looked at next. */
static uint64_t next_due(const struct flow_limits *limits, const struct flow *f)
{
    uint64_t due = f->account_open ? f->account_ns + limits->account : NEVER;
    if (f->end_ns != 0) {
        uint64_t wait = f->final_sent ? limits->linger : limits->settle;
        return earlier(due, f->end_ns + wait);
    }
    due = earlier(due, f->last_ns + idle_limit(limits, f));
    return is_exported(f) ? due : earlier(due, f->report_ns + limits->report);
}

static void hang(struct flow_expiry *x, struct flow *f)
{
    uint64_t tick = f->due_ns / WHEEL_TICK_NS + 1; /* the first tick that begins after it */
    if (tick < x->tick) {
        tick = x->tick;
    }
    if (tick > x->tick + WHEEL_REACH) {
        tick = x->tick + WHEEL_REACH;
    }
    uint32_t slot = (uint32_t)(tick % WHEEL_SLOTS);
    f->wheel_slot = (uint16_t)(slot + 1);
    f->wheel_prev = FLOW_NONE;
    f->wheel_next = x->head[slot];
    if (f->wheel_next != FLOW_NONE) {
        flow_table_at(x->table, f->wheel_next)->wheel_prev = f->self;
    }
    x->head[slot] = f->self;
}

void flow_expiry_forget(struct flow_expiry *x, struct flow *f)
{
    if (f->wheel_slot == OFF_WHEEL) {
        return;
    }
    if (f->wheel_prev != FLOW_NONE) {
        flow_table_at(x->table, f->wheel_prev)->wheel_next = f->wheel_next;
    } else {
        x->head[f->wheel_slot - 1] = f->wheel_next;
    }
    if (f->wheel_next != FLOW_NONE) {
        flow_table_at(x->table, f->wheel_next)->wheel_prev = f->wheel_prev;
    }
    f->wheel_slot = OFF_WHEEL;
}

void flow_expiry_plan(struct flow_expiry *x, struct flow *f, uint64_t now_ns)
{
    if (x->tick == 0) {
        x->tick = now_ns / WHEEL_TICK_NS;
    }
    uint64_t due = next_due(&x->limits, f);
    if (f->wheel_slot != OFF_WHEEL && due >= f->due_ns) {
        return; /* seen to when the slot comes round */
    }
    flow_expiry_forget(x, f);
    f->due_ns = due;
    hang(x, f);
}

void flow_expiry_shift_back(struct flow_expiry *x, uint64_t by_ns)
{
    uint64_t ticks = by_ns / WHEEL_TICK_NS;
    memset(x->head, 0, sizeof x->head);
    x->tick = x->tick > ticks ? x->tick - ticks : 0;
    for (uint32_t handle = 1; handle <= flow_table_span(x->table); handle++) {
        struct flow *f = flow_table_at(x->table, handle);
        if (f != NULL) {
            flow_shift_back(f, by_ns);
            flow_quality_time_moved(x->table, f);
            f->due_ns = next_due(&x->limits, f);
            hang(x, f);
        }
    }
}

/* Ends what has been silent too long; tells what else the flow needs by now. */
static unsigned judge(struct flow_expiry *x, struct flow *f, uint64_t now_ns)
{
    unsigned due = 0;
    bool idle = f->end_ns == 0 && now_ns >= f->last_ns + idle_limit(&x->limits, f);
    if (idle) {
        flow_end(f, f->status == FLOW_OPENING ? FLOW_NO_ANSWER : FLOW_IDLE, now_ns);
    }
    if (f->end_ns != 0 && !f->final_sent && (idle || now_ns >= f->end_ns + x->limits.settle)) {
        due |= FLOW_DUE_FINAL;
    }
    if (f->end_ns != 0 && (idle || now_ns >= f->end_ns + x->limits.linger)) {
        due |= FLOW_DUE_REMOVE; /* who was idle has been visible for long enough */
    }
    bool over = f->account_open && now_ns >= f->account_ns + x->limits.account;
    if (f->end_ns == 0 && is_exported(f)) {
        due |= over && flow_has_news(f) ? FLOW_DUE_REPORT : 0;
    } else if (f->end_ns == 0 && now_ns >= f->report_ns + x->limits.report) {
        if (flow_has_news(f)) {
            due |= FLOW_DUE_REPORT;
        } else {
            f->report_ns = now_ns; /* nothing to tell: ask again a period later */
        }
    }
    if (over || (flow_owes_account(f) && (due & (FLOW_DUE_FINAL | FLOW_DUE_REMOVE)) != 0)) {
        due |= FLOW_DUE_ACCOUNT;
    }
    return due;
}

static void look_at(struct flow_expiry *x, struct flow *f, uint64_t now_ns, flow_due_fn fn,
                    void *arg)
{
    uint32_t self = f->self;
    flow_expiry_forget(x, f);
    unsigned due = judge(x, f, now_ns);
    if (due != 0) {
        fn(f, due, arg);
    }
    if (f->self == self) { /* still in the table */
        f->due_ns = next_due(&x->limits, f);
        hang(x, f);
    }
}

unsigned flow_expiry_run(struct flow_expiry *x, uint64_t now_ns, unsigned budget, flow_due_fn fn,
                         void *arg)
{
    unsigned done = 0;
    uint64_t now_tick = now_ns / WHEEL_TICK_NS;
    if (x->tick == 0 || now_tick < x->tick) {
        return 0;
    }
    if (flow_table_count(x->table) == 0) {
        x->tick = now_tick + 1;
        return 0;
    }
    if (now_tick - x->tick > WHEEL_SLOTS) {
        x->tick = now_tick - WHEEL_SLOTS; /* one turn of the wheel sees every flow */
    }
    while (x->tick <= now_tick) {
        uint32_t slot = (uint32_t)(x->tick % WHEEL_SLOTS);
        uint32_t handle = x->head[slot];
        if (handle == FLOW_NONE) {
            x->tick++;
            continue;
        }
        if (done == budget) {
            return done;
        }
        done++;
        /* A flow that is not due yet hangs itself into a later slot, never into this one. */
        x->tick++;
        look_at(x, flow_table_at(x->table, handle), now_ns, fn, arg);
        x->tick--;
    }
    return done;
}
