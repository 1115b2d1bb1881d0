#define LOG_MODULE "publish"
#include "agent/uplink/publish.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/wire/alerts.h"
#include "common/wire/assets.h"
#include "common/wire/counters.h"
#include "common/wire/devices.h"
#include "common/wire/envelope.h"
#include "common/wire/flows.h"
#include "common/wire/probes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A batch on its way: sent and not yet acknowledged. */
struct flight {
    uint64_t first, last; /* sequences */
    uint64_t sent_ms;
};

struct lane {
    struct publish *p;
    unsigned lane; /* of the spool */
    enum wire_stream stream;
    uint16_t schema;
    unsigned sync_ms; /* least time between two syncs */

    uv_timer_t timer; /* the next sync */
    uv_work_t work;
    struct spool_sync job;
    bool syncing;
    uint64_t synced_ms; /* when the last sync began */

    uint64_t next;      /* the sequence to send next */
    uint64_t sent_upto; /* the highest ever sent: what is at or below it is sent again */
    struct flight flights[WINDOW_BATCHES];
    size_t in_flight;
    uint32_t credit;    /* batches that the centre lets us have in flight */
    uint64_t credit_ms; /* when it said so */
    bool probing;       /* no acknowledgement came: one batch at a time until one does */
    uint64_t rewound_to, rewound_ms;
};

enum { LANES = SPOOL_LANES_END - 1, LATE_WINDOW = WINDOW_BATCHES / 2 };

struct publish {
    struct publish_options o;
    struct lane lanes[LANES];
    bool open;     /* welcomed */
    unsigned busy; /* timers and jobs that still refer to p */
    publish_closed_fn closed;
    void *closed_arg;
    bool closing;
    uint8_t body[BATCH_MAX_BYTES];
};

enum { REWIND_QUIET_MS = 1000 };

static uint64_t now_ms(const struct publish *p)
{
    return uv_now(p->o.loop);
}

static bool is_late(const struct lane *l)
{
    return l->lane != (unsigned)l->stream;
}

/* What the centre says of a stream is about its late lane when the epoch is that one's. */
static struct lane *lane_of(struct publish *p, unsigned stream, uint64_t epoch)
{
    struct lane *found = NULL;
    for (size_t i = 0; i < LANES; i++) {
        struct lane *l = &p->lanes[i];
        if ((unsigned)l->stream == stream &&
            (!is_late(l) || epoch == spool_place(p->o.spool, l->lane).epoch)) {
            found = l;
        }
    }
    return found;
}

/* ---- sending ---- */

static size_t window_of(const struct lane *l)
{
    size_t most = is_late(l) ? LATE_WINDOW : WINDOW_BATCHES;
    size_t window = l->credit < most ? l->credit : most;
    return l->probing && window > 1 ? 1 : window;
}

static int send_batch(struct lane *l, const struct stream_batch *b, struct err *e)
{
    struct publish *p = l->p;
    char word[16], subject[SUBJECT_SIZE];
    struct envelope env = {
        .kind = (uint8_t)l->stream,
        .flags = (uint16_t)((b->first <= l->sent_upto ? ENVELOPE_FLAG_REPLAYED : 0) |
                            (is_late(l) ? ENVELOPE_FLAG_LATE : 0)),
        .epoch = spool_place(p->o.spool, l->lane).epoch,
        .first_seq = b->first,
        .wall_ns = clock_wall_ns(),
        .count = (uint16_t)b->count,
        .schema = l->schema,
    };
    size_t len;
    uint8_t *bytes = envelope_pack(&env, b->body, b->len, &len, e);
    if (bytes == NULL) {
        return -1;
    }
    (void)snprintf(word, sizeof word, "b.%s", wire_stream_word(l->stream)); /* 7 bytes at most */
    subject_up(subject, sizeof subject, p->o.name, word);
    int result = p->o.send(subject, bytes, len, p->o.arg, e);
    free(bytes);
    return result;
}

static void note_sent(struct lane *l, const struct stream_batch *b)
{
    l->flights[l->in_flight++] =
        (struct flight){.first = b->first, .last = b->last, .sent_ms = now_ms(l->p)};
    l->next = b->last + 1;
    if (b->last > l->sent_upto) {
        l->sent_upto = b->last;
    }
}

/* Sends what is durable while the window is open. */
static void pump(struct lane *l)
{
    struct publish *p = l->p;
    while (p->open && l->in_flight < window_of(l)) {
        struct err e = {0};
        struct stream_batch b = {.body = p->body, .size = sizeof p->body};
        if (spool_read(p->o.spool, l->lane, l->next, BATCH_MAX_RECORDS, &b, &e) != 0) {
            log_error(&e, "cannot read the spool of %s", wire_stream_word(l->stream));
            return;
        }
        if (b.count == 0) {
            return;
        }
        if (send_batch(l, &b, &e) != 0) {
            log_debug(&e, "a batch of %s waits", wire_stream_word(l->stream));
            return; /* the tick or the next welcome tries again */
        }
        note_sent(l, &b);
    }
}

static void rewind_to(struct lane *l, uint64_t sequence)
{
    l->next = sequence;
    l->in_flight = 0;
    l->rewound_to = sequence;
    l->rewound_ms = now_ms(l->p);
}

/* ---- syncing ---- */

static void sync_soon(struct lane *l);

static void finish_if_idle(struct publish *p)
{
    if (p->closing && p->busy == 0) {
        publish_closed_fn closed = p->closed;
        void *arg = p->closed_arg;
        free(p);
        closed(arg);
    }
}

static void on_work(uv_work_t *work)
{
    struct lane *l = work->data;
    spool_sync_run(&l->job);
}

static void on_synced(uv_work_t *work, int status)
{
    struct lane *l = work->data;
    struct publish *p = l->p;
    (void)status; /* we never cancel */
    l->syncing = false;
    p->busy--;
    spool_sync_end(p->o.spool, &l->job);
    if (p->closing) {
        finish_if_idle(p);
        return;
    }
    if (l->job.failed != 0) {
        errno = l->job.failed;
        struct err e = {0};
        (void)err_set_errno(&e, "fdatasync");
        log_error(&e, "the spool of %s is not safe on disk", wire_stream_word(l->stream));
    }
    sync_soon(l); /* what came meanwhile */
    pump(l);
}

static void start_sync(struct lane *l)
{
    struct publish *p = l->p;
    if (l->syncing || p->closing || !spool_sync_begin(p->o.spool, l->lane, &l->job)) {
        return;
    }
    l->work.data = l;
    l->synced_ms = now_ms(p);
    if (uv_queue_work(p->o.loop, &l->work, on_work, on_synced) != 0) {
        spool_sync_run(&l->job); /* without the pool: here */
        spool_sync_end(p->o.spool, &l->job);
        return;
    }
    l->syncing = true;
    p->busy++;
}

static void on_sync_due(uv_timer_t *timer)
{
    start_sync(timer->data);
}

/* At once when the last sync is long ago, else when the stream's interval is over. */
static void sync_soon(struct lane *l)
{
    struct spool_place place = spool_place(l->p->o.spool, l->lane);
    if (l->syncing || place.durable >= place.tail || uv_is_active((uv_handle_t *)&l->timer)) {
        return;
    }
    uint64_t now = now_ms(l->p);
    uint64_t due = l->synced_ms + l->sync_ms;
    if (due <= now) {
        start_sync(l);
        return;
    }
    (void)uv_timer_start(&l->timer, on_sync_due, due - now, 0); /* fails only without a call-back */
}

void publish_appended(struct publish *p, enum wire_stream stream)
{
    for (size_t i = 0; i < LANES; i++) {
        if (p->lanes[i].lane == (unsigned)stream) {
            sync_soon(&p->lanes[i]);
        }
    }
}

void publish_flush(struct publish *p)
{
    for (size_t i = 0; i < LANES; i++) {
        struct lane *l = &p->lanes[i];
        struct spool_sync job;
        if (spool_sync_begin(p->o.spool, l->lane, &job)) {
            spool_sync_run(&job);
            spool_sync_end(p->o.spool, &job);
        }
        pump(l);
    }
    spool_save(p->o.spool);
}

/* ---- what the centre says ---- */

static void begin_lane(struct lane *l, uint64_t next)
{
    l->next = next;
    l->in_flight = 0;
    l->credit = WINDOW_BATCHES;
    l->probing = false;
    l->rewound_to = 0;
}

/*
 * The centre's cursor says where it stands. Of a late lane it says nothing: the lane begins with
 * what was acknowledged last, and the answer tells whether the centre still has that.
 */
static void welcome_lane(struct lane *l, const struct welcome *w, uint64_t wall_s)
{
    struct publish *p = l->p;
    if (is_late(l)) {
        struct spool_place place = spool_place(p->o.spool, l->lane);
        l->sent_upto = place.tail; /* by an earlier run, perhaps: any of it may be acknowledged */
        begin_lane(l, place.acked > 0 ? place.acked : 1);
        return;
    }
    uint64_t epoch = spool_place(p->o.spool, l->lane).epoch;
    uint64_t next = spool_reconcile(p->o.spool, l->stream, w->cursors[l->stream].epoch,
                                    w->cursors[l->stream].upto, wall_s);
    bool aside = spool_set_aside(p->o.spool, l->stream, PUBLISH_ASIDE_RECORDS, wall_s);
    next = aside ? 1 : next;
    if (spool_place(p->o.spool, l->lane).epoch != epoch) {
        l->sent_upto = 0;
        sync_soon(l);
    }
    if (l->sent_upto < next - 1) {
        l->sent_upto = next - 1; /* by an earlier run of ours */
    }
    begin_lane(l, next);
}

/* Alerts first, then what is new of the other streams, then what waited. */
void publish_welcomed(struct publish *p, const struct welcome *w, uint64_t wall_s)
{
    p->open = true;
    for (size_t i = 0; i < LANES; i++) {
        welcome_lane(&p->lanes[i], w, wall_s);
        pump(&p->lanes[i]);
    }
}

void publish_away(struct publish *p)
{
    p->open = false;
    for (size_t i = 0; i < LANES; i++) {
        p->lanes[i].in_flight = 0;
    }
}

/* Takes the flights that lie wholly at or below upto off the window. */
static void land(struct lane *l, uint64_t upto)
{
    size_t landed = 0;
    while (landed < l->in_flight && l->flights[landed].last <= upto) {
        landed++;
    }
    l->in_flight -= landed;
    memmove(l->flights, l->flights + landed, l->in_flight * sizeof l->flights[0]);
}

void publish_acked(struct publish *p, const struct ack *a)
{
    struct lane *l = lane_of(p, a->stream, a->epoch);
    if (l == NULL || !p->open || a->epoch != spool_place(p->o.spool, l->lane).epoch ||
        a->upto > l->sent_upto) {
        return; /* of an earlier epoch, or for what was never sent */
    }
    spool_ack(p->o.spool, l->lane, a->epoch, a->upto);
    land(l, a->upto);
    if (l->next <= a->upto) {
        l->next = a->upto + 1; /* it came although we had given it up */
    }
    l->credit = a->credit;
    l->credit_ms = now_ms(p);
    l->probing = false;
    pump(l);
}

/*
 * The centre has forgotten what it had acknowledged: it was restored from before. A late lane that
 * is through would never hear of it, so each sends what was acknowledged last, as at a welcome.
 */
static void ask_late_lanes(struct publish *p)
{
    for (size_t i = 0; i < LANES; i++) {
        struct lane *l = &p->lanes[i];
        struct spool_place place = spool_place(p->o.spool, l->lane);
        if (is_late(l) && l->in_flight == 0 && place.acked > 0) {
            l->next = place.acked;
            pump(l);
        }
    }
}

bool publish_nacked(struct publish *p, const struct nack *n)
{
    struct lane *l = lane_of(p, n->stream, n->epoch);
    if (l == NULL || !p->open) {
        return true;
    }
    struct spool_place place = spool_place(p->o.spool, l->lane);
    if (n->epoch < place.epoch) {
        return true; /* about what we have left behind */
    }
    if (n->epoch > place.epoch || n->expect == 0 || n->expect > place.tail + 1) {
        return false;
    }
    bool told_before = l->rewound_to == n->expect && now_ms(p) < l->rewound_ms + REWIND_QUIET_MS;
    if (told_before) {
        return true; /* one for each batch in flight; the first was enough */
    }
    log_info(NULL, "the centre wants %s from %" PRIu64 ": %s", wire_stream_word(l->stream),
             n->expect, n->reason);
    rewind_to(l, n->expect);
    pump(l);
    if (!is_late(l) && n->expect <= place.acked) {
        ask_late_lanes(p);
    }
    return true;
}

static void tick_lane(struct lane *l)
{
    struct publish *p = l->p;
    if (l->in_flight > 0 && now_ms(p) >= l->flights[0].sent_ms + PUBLISH_ACK_WAIT_MS) {
        log_warn(NULL, "no acknowledgement of %s from %" PRIu64 " on: sending again",
                 wire_stream_word(l->stream), l->flights[0].first);
        rewind_to(l, l->flights[0].first);
        l->probing = true;
    }
    if (l->credit == 0 && now_ms(p) >= l->credit_ms + PUBLISH_NO_CREDIT_MS) {
        l->credit = 1; /* the answer that gave it back may be lost: ask with one batch */
    }
    pump(l);
}

void publish_tick(struct publish *p)
{
    for (size_t i = 0; p->open && i < LANES; i++) {
        tick_lane(&p->lanes[i]);
    }
}

/* ---- life ---- */

struct publish *publish_new(const struct publish_options *options, struct err *e)
{
    static const struct {
        uint16_t schema;
        unsigned sync_ms;
    } kinds[STREAM_COUNT + 1] = {
        [STREAM_ALERT] = {ALERT_SCHEMA, PUBLISH_ALERT_SYNC_MS},
        [STREAM_COUNTER] = {COUNTER_SCHEMA, PUBLISH_SYNC_MS},
        [STREAM_FLOW] = {FLOW_SCHEMA, PUBLISH_SYNC_MS},
        [STREAM_ASSET] = {ASSET_SCHEMA, PUBLISH_SYNC_MS},
        [STREAM_SNMP] = {DEVICE_SCHEMA, PUBLISH_SYNC_MS},
        [STREAM_PROBE] = {PROBE_SCHEMA, PUBLISH_SYNC_MS},
    };
    struct publish *p = calloc(1, sizeof *p);
    if (p == NULL) {
        (void)err_set(e, ERR_NOMEM, "publishing");
        return NULL;
    }
    p->o = *options;
    for (size_t i = 0; i < LANES; i++) {
        unsigned lane = (unsigned)i + 1;
        enum wire_stream stream = spool_stream_of(lane);
        p->lanes[i] = (struct lane){.p = p,
                                    .lane = lane,
                                    .stream = stream,
                                    .schema = kinds[stream].schema,
                                    .sync_ms = kinds[stream].sync_ms};
        p->lanes[i].timer.data = &p->lanes[i];
        (void)uv_timer_init(p->o.loop, &p->lanes[i].timer); /* never fails */
        p->busy++;
    }
    return p;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct lane *l = handle->data;
    struct publish *p = l->p;
    p->busy--;
    finish_if_idle(p);
}

void publish_close(struct publish *p, publish_closed_fn closed, void *arg)
{
    p->closing = true;
    p->open = false;
    p->closed = closed;
    p->closed_arg = arg;
    for (size_t i = 0; i < LANES; i++) {
        uv_close((uv_handle_t *)&p->lanes[i].timer, on_timer_closed);
    }
}
