/* Two queues, and the one place in which a batch is stored, answered and told of. */
#include "aggregator/store/intake.h"

#include "aggregator/store/batch.h"
#include "aggregator/store/commit.h"
#include "aggregator/store/inner.h"
#include "aggregator/store/quarantine.h"
#include "common/clock.h"
#include "common/wire/delivery.h"
#include "common/wire/text.h"

#define LOG_MODULE "store"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRIES_MAX = 3,        /* of a batch that the database refuses */
    MALFORMED_PER_S = 10, /* rows in quarantine for what is no batch at all */
};

struct item {
    char name[NAME_MAX_LEN + 1];
    enum wire_stream stream;
    uint8_t *bytes; /* owned */
    size_t len;
};

/* ---- the queues ---- */

/* Another one while the pace holds is no reason to wake up. */
static void wake_unless_paced(void *arg)
{
    struct intake *in = arg;
    if (!atomic_load_explicit(&in->paced, memory_order_acquire)) {
        in->wake(in->arg);
    }
}

int intake_open(struct intake *in, queue_wake_fn wake, void *arg, struct err *e)
{
    *in = (struct intake){.wake = wake, .arg = arg};
    in->items = calloc(INTAKE_GROUP, sizeof *in->items);
    in->batches = calloc(INTAKE_GROUP, sizeof *in->batches);
    in->commits = calloc(INTAKE_GROUP, sizeof *in->commits);
    if (in->items == NULL || in->batches == NULL || in->commits == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for groups of batches");
    }
    in->alerts = queue_new(sizeof(struct item), INTAKE_SLOTS, wake, arg, e);
    in->others = queue_new(sizeof(struct item), INTAKE_SLOTS, wake_unless_paced, in, e);
    in->late = queue_new(sizeof(struct item), INTAKE_SLOTS, wake_unless_paced, in, e);
    return in->alerts != NULL && in->others != NULL && in->late != NULL ? 0 : -1;
}

void intake_shut(struct intake *in)
{
    queue_close(in->alerts);
    queue_close(in->others);
    queue_close(in->late);
}

static void drop_all(struct queue *q)
{
    struct item item;
    while (q != NULL && queue_pop(q, &item)) {
        free(item.bytes);
    }
    queue_free(q);
}

void intake_close(struct intake *in)
{
    drop_all(in->alerts);
    drop_all(in->others);
    drop_all(in->late);
    free(in->items);
    free(in->batches);
    free(in->commits);
    *in = (struct intake){0};
}

static struct queue *queue_for(struct intake *in, enum wire_stream stream, const void *bytes,
                               size_t len)
{
    if (stream == STREAM_ALERT) {
        return in->alerts;
    }
    return envelope_says_late(bytes, len) ? in->late : in->others;
}

bool intake_put(struct intake *in, const char *name, enum wire_stream stream, const void *bytes,
                size_t len)
{
    struct item item = {.stream = stream, .len = len};
    (void)snprintf(item.name, sizeof item.name, "%s", name); /* a checked name: fits */
    size_t held = atomic_fetch_add_explicit(&in->held, len, memory_order_relaxed);
    item.bytes = held + len <= INTAKE_BYTES ? malloc(len) : NULL;
    if (item.bytes != NULL) {
        memcpy(item.bytes, bytes, len);
        if (queue_push(queue_for(in, stream, bytes, len), &item)) {
            return true;
        }
        free(item.bytes);
    }
    atomic_fetch_sub_explicit(&in->held, len, memory_order_relaxed);
    return false;
}

static void item_done(struct intake *in, struct item *item)
{
    atomic_fetch_sub_explicit(&in->held, item->len, memory_order_relaxed);
    free(item->bytes);
    item->bytes = NULL;
}

/* ---- what the sender is told ---- */

/* Batches an agent may have under way: fewer as the queue fills, flows first, alerts never. */
static uint32_t credit_for(struct intake *in, const struct envelope *env)
{
    enum wire_stream stream = (enum wire_stream)env->kind;
    size_t depth = queue_depth((env->flags & ENVELOPE_FLAG_LATE) != 0 ? in->late : in->others);
    if (stream == STREAM_ALERT || depth < INTAKE_SLOTS / 4) {
        return WINDOW_BATCHES;
    }
    if (stream != STREAM_FLOW || depth < INTAKE_SLOTS / 2) {
        return WINDOW_BATCHES / 2;
    }
    return 1;
}

static void publish(struct store *s, const char *name, const char *word, const void *bytes,
                    size_t len)
{
    char subject[SUBJECT_SIZE];
    struct err e = {0};
    subject_down(subject, sizeof subject, name, word);
    if (s->options.publish(s->options.arg, subject, bytes, len, &e) != 0) {
        metric_add(&s->options.metrics->acks_failed, 1);
    }
}

static void send_ack(struct store *s, const struct commit *c)
{
    char bytes[DELIVERY_MAX];
    const struct envelope *env = &c->batch->env;
    struct ack ack = {
        .stream = env->kind,
        .epoch = env->epoch,
        .upto = c->upto,
        .credit = credit_for(&s->intake, env),
    };
    publish(s, c->name, "ack", bytes, ack_pack(&ack, bytes, sizeof bytes));
}

static void send_nack(struct store *s, const struct commit *c)
{
    char bytes[DELIVERY_MAX];
    struct nack nack = {
        .stream = c->batch->env.kind,
        .epoch = c->batch->env.epoch,
        .expect = c->upto + 1,
        .reason = "records before these are missing",
    };
    publish(s, c->name, "nack", bytes, nack_pack(&nack, bytes, sizeof bytes));
}

static void count(struct store *s, const struct commit *c)
{
    struct metrics *m = s->options.metrics;
    metric_add(&m->batches_stored, c->stored + c->gaps + c->bad > 0);
    metric_add(&m->records_stored, c->stored);
    metric_add(&m->records_trimmed, c->trimmed);
    metric_add(&m->records_quarantined, c->bad);
    metric_add(&m->gaps_reported, c->gaps);
    metric_add(&m->records_lost, c->lost);
}

/* The batch is judged: tells the agent, the web and the counters. */
static void conclude(struct store *s, struct commit *c)
{
    switch (c->result) {
    case COMMIT_STORED:
        send_ack(s, c);
        count(s, c);
        for (unsigned i = 0; i < c->alert_count; i++) {
            tell_alert(&s->tell, &c->alerts[i]);
        }
        break;
    case COMMIT_HOLE:
        metric_add(&s->options.metrics->batches_refused, 1);
        send_nack(s, c);
        break;
    case COMMIT_STRANGER:
        metric_add(&s->options.metrics->messages_unknown, 1);
        log_warn(NULL, "batch of %s, which is no instance or was revoked", c->name);
        break;
    }
    commit_done(c);
}

/* ---- storing ---- */

/* Until it is stored, put aside, or given up because the store stops. */
static void store_alone(struct store *s, struct commit *c)
{
    struct err refusal = {0};
    for (unsigned refused = 0; s->pg != NULL;) {
        struct err e = {0};
        bool unsure = false;
        int result = refused < TRIES_MAX ? commit_group(s->pg, c, 1, &unsure, &e)
                                         : commit_refused(s->pg, c, refusal.what, &unsure, &e);
        if (result == 0) {
            metric_add(&s->options.metrics->batches_quarantined, refused >= TRIES_MAX);
            conclude(s, c);
            return;
        }
        s->tell.missed = s->tell.missed || unsure;
        if (store_recover(s, &e)) {
            continue;
        }
        if (s->pg == NULL) {
            break;
        }
        log_error(&e, "a batch of %s is refused", c->name);
        if (refused >= TRIES_MAX) {
            break; /* not even put aside: the agent sends it again */
        }
        refusal = e;
        text_clean(refusal.what, strlen(refusal.what)); /* the server's words may be cut */
        refused++;
    }
}

/* All in one transaction; when the database refuses that, each in one of its own. */
static void store_group(struct store *s, unsigned count)
{
    struct commit *all = s->intake.commits;
    while (count > 1 && s->pg != NULL) {
        struct err e = {0};
        bool unsure = false;
        if (commit_group(s->pg, all, count, &unsure, &e) == 0) {
            for (unsigned i = 0; i < count; i++) {
                conclude(s, &all[i]);
            }
            return;
        }
        s->tell.missed = s->tell.missed || unsure;
        if (!store_recover(s, &e)) {
            break;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        store_alone(s, &all[i]);
    }
}

/* What is no batch cannot be acknowledged; it is counted, and some of it kept to look at. */
static void store_malformed(struct store *s, const struct item *item, const struct err *why)
{
    struct intake *in = &s->intake;
    uint64_t second = clock_mono_ns() / NS_PER_S;
    metric_add(&s->options.metrics->batches_quarantined, 1);
    metric_add(&s->options.metrics->messages_malformed, 1);
    if (second != in->malformed_second) {
        in->malformed_second = second;
        in->malformed_count = 0;
    }
    if (in->malformed_count++ >= MALFORMED_PER_S || s->pg == NULL) {
        return;
    }
    struct err e = {0};
    struct quarantined q = {
        .name = item->name,
        .reason = why->what,
        .bytes = item->bytes,
        .len = item->len,
        .stream = item->stream,
    };
    log_warn(why, "a message of %s is no batch", item->name);
    if (quarantine_add(s->pg, &q, &e) != 0) {
        (void)store_recover(s, &e); /* it is counted all the same */
    }
}

/* Takes what waits into the group, up to its bounds. Returns how many batches. */
static unsigned gather(struct store *s, struct queue *from, size_t most)
{
    struct intake *in = &s->intake;
    unsigned count = 0;
    size_t bytes = 0;
    struct item item;
    while (count < INTAKE_GROUP && bytes < most && queue_pop(from, &item)) {
        struct batch *batch = &in->batches[count];
        struct err e = {0};
        if (batch_open(batch, item.stream, item.bytes, item.len, &e) == 0) {
            in->items[count] = item;
            in->commits[count] = (struct commit){.name = in->items[count].name, .batch = batch};
            bytes += batch->body_len;
            count++;
            continue;
        }
        if (e.code != ERR_NOMEM) { /* short of memory: the agent sends it again */
            store_malformed(s, &item, &e);
        }
        batch_close(batch);
        item_done(in, &item);
    }
    return count;
}

static bool do_group(struct store *s, struct queue *from, size_t most)
{
    unsigned count = gather(s, from, most);
    store_group(s, count);
    for (unsigned i = 0; i < count; i++) {
        batch_close(&s->intake.batches[i]);
        item_done(&s->intake, &s->intake.items[i]);
    }
    return count > 0;
}

bool intake_turn(struct store *s, unsigned *wait_ms)
{
    struct intake *in = &s->intake;
    uint64_t now_ns = clock_mono_ns();
    uint64_t since_ms = (now_ns - in->begun_ns) / NS_PER_MS;
    bool due = since_ms >= INTAKE_PACE_MS || queue_depth(in->others) >= INTAKE_GROUP ||
               queue_depth(in->late) >= INTAKE_GROUP;
    atomic_store_explicit(&in->paced, !due, memory_order_release);
    metric_set(&s->options.metrics->writer_depth,
               queue_depth(in->alerts) + queue_depth(in->others) + queue_depth(in->late));
    bool stored = do_group(s, in->alerts, INTAKE_GROUP_BYTES);
    if (!due) {
        *wait_ms = (unsigned)(INTAKE_PACE_MS - since_ms);
    } else {
        bool fresh = do_group(s, in->others, INTAKE_GROUP_BYTES);
        bool late = do_group(s, in->late, INTAKE_LATE_BYTES);
        /* While more of back-fill waits there is no pause, and what is new comes first again. */
        in->begun_ns = fresh && queue_depth(in->late) == 0 ? now_ns : in->begun_ns;
        stored = stored || fresh || late;
    }
    return stored;
}
