/*
 * The thread: connect, then in turn jobs, batches and the housekeeping of every hour. A lost
 * connection brings it back to connecting with what it had in hand still in hand.
 */
#include "aggregator/store/store.h"

#include "aggregator/store/batch.h"
#include "aggregator/store/commit.h"
#include "aggregator/store/jobs.h"
#include "aggregator/store/migrate.h"
#include "aggregator/store/pg.h"
#include "aggregator/store/registry.h"
#include "aggregator/store/tell.h"
#include "common/clock.h"
#include "common/queue.h"
#include "common/wire/delivery.h"
#include "common/wire/text.h"

#define LOG_MODULE "store"
#include "common/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH_SLOTS = 1024,     /* of at most 256 KiB each; what does not fit is sent again */
    BATCH_BYTES = 64 << 20, /* in all of them together */
    JOB_SLOTS = 8192,
    IDLE_MS = 500, /* between looks at notifications */
    TRIES_MAX = 3, /* of a batch that the database refuses */
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 3000,
    PAUSE_PIECE_MS = 50,
    HOUSEKEEPING_S = 3600,
    MALFORMED_PER_S = 10, /* rows in quarantine for what is no batch at all */
};

struct item {
    char name[NAME_MAX_LEN + 1];
    enum wire_stream stream;
    uint8_t *bytes; /* owned */
    size_t len;
};

struct store {
    struct store_options options;
    struct queue *batches; /* of struct item */
    struct queue *jobs;    /* of struct job * */
    int bell;              /* eventfd: something was put into either */
    pthread_t thread;
    bool started;
    _Atomic bool stopping;     /* set by store_stop, read by the thread */
    _Atomic size_t bytes_held; /* added by store_batch, taken off by the thread */
    struct pg *pg;             /* below: the thread's own */
    bool told_up;
    struct tell tell;
    uint64_t housekeeping_ns; /* monotonic, of the last */
    uint64_t malformed_second;
    unsigned malformed_count;
};

static bool is_stopping(struct store *s)
{
    return atomic_load_explicit(&s->stopping, memory_order_acquire);
}

/* Sleeps in short pieces, so that stopping is not kept waiting. */
static void pause_ms(struct store *s, unsigned ms)
{
    for (unsigned piece; ms > 0 && !is_stopping(s); ms -= piece) {
        piece = ms < PAUSE_PIECE_MS ? ms : PAUSE_PIECE_MS;
        struct timespec t = {.tv_nsec = (long)piece * NS_PER_MS};
        (void)nanosleep(&t, NULL); /* woken early: the caller looks again anyway */
    }
}

static void tell_up(struct store *s, bool up)
{
    if (s->told_up != up) {
        s->told_up = up;
        metric_set(&s->options.metrics->database_up, up);
        s->options.database(s->options.arg, up);
    }
}

/* Opens, migrates and listens. */
static int try_connect(struct store *s, struct err *e)
{
    s->pg = pg_open(s->options.conninfo, "picket-aggregator", e);
    if (s->pg == NULL) {
        return -1;
    }
    int applied = migrate_run(s->pg, migrate_embedded(), e);
    if (applied < 0) {
        return -1;
    }
    if (applied > 0) {
        log_info(NULL, "database brought up to date by %d migrations", applied);
    }
    return pg_listen(s->pg, REGISTRY_CHANNEL, e);
}

static void disconnect(struct store *s)
{
    pg_close(s->pg);
    s->pg = NULL;
    tell_up(s, false);
}

/* Returns when connected, or when stopping. */
static void connect_at_last(struct store *s)
{
    unsigned wait_ms = BACKOFF_MIN_MS;
    for (unsigned tries = 0; s->pg == NULL && !is_stopping(s); tries++) {
        struct err e = {0};
        if (try_connect(s, &e) == 0) {
            log_info(NULL, "connected to PostgreSQL");
            s->housekeeping_ns = 0;
            tell_up(s, true);
            return;
        }
        metric_add(&s->options.metrics->database_errors, 1);
        disconnect(s);
        if (e.code == ERR_CONFIG) {
            s->options.refused(s->options.arg, &e); /* waiting does not mend it */
        } else if (tries % 10 == 0) {
            log_warn(&e, "waiting for PostgreSQL; agents hold what they have");
        }
        pause_ms(s, wait_ms);
        wait_ms = wait_ms * 2 < BACKOFF_MAX_MS ? wait_ms * 2 : BACKOFF_MAX_MS;
    }
}

/* After a failure: true when trying again makes sense, once this returns. */
static bool recover(struct store *s, const struct err *e)
{
    metric_add(&s->options.metrics->database_errors, 1);
    if (!pg_is_usable(s->pg)) {
        log_warn(e, "lost PostgreSQL");
        disconnect(s);
        connect_at_last(s);
        return s->pg != NULL;
    }
    if (e->code == ERR_BUSY || e->code == ERR_NOMEM) {
        log_warn(e, "PostgreSQL cannot store at present");
        pause_ms(s, BACKOFF_MIN_MS);
        return !is_stopping(s);
    }
    return false;
}

/* Batches an agent may have under way: fewer as the queue fills, flows first, alerts never. */
static uint32_t credit_for(struct store *s, enum wire_stream stream)
{
    size_t depth = queue_depth(s->batches);
    if (stream == STREAM_ALERT || depth < BATCH_SLOTS / 4) {
        return WINDOW_BATCHES;
    }
    if (stream != STREAM_FLOW || depth < BATCH_SLOTS / 2) {
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

static void send_ack(struct store *s, const struct item *item, const struct batch *batch,
                     uint64_t upto)
{
    char bytes[DELIVERY_MAX];
    struct ack ack = {
        .stream = (uint8_t)item->stream,
        .epoch = batch->env.epoch,
        .upto = upto,
        .credit = credit_for(s, item->stream),
    };
    publish(s, item->name, "ack", bytes, ack_pack(&ack, bytes, sizeof bytes));
}

static void send_nack(struct store *s, const struct item *item, const struct batch *batch,
                      uint64_t expect)
{
    char bytes[DELIVERY_MAX];
    struct nack nack = {
        .stream = (uint8_t)item->stream,
        .epoch = batch->env.epoch,
        .expect = expect,
        .reason = "records before these are missing",
    };
    publish(s, item->name, "nack", bytes, nack_pack(&nack, bytes, sizeof bytes));
}

static void tell_alerts(struct store *s, const struct commit *commit)
{
    for (unsigned i = 0; i < commit->alert_count; i++) {
        tell_alert(&s->tell, &commit->alerts[i]);
    }
}

static void count(struct store *s, const struct commit *commit)
{
    struct metrics *m = s->options.metrics;
    metric_add(&m->batches_stored, commit->stored + commit->gaps + commit->bad > 0);
    metric_add(&m->records_stored, commit->stored);
    metric_add(&m->records_trimmed, commit->trimmed);
    metric_add(&m->records_quarantined, commit->bad);
    metric_add(&m->gaps_reported, commit->gaps);
    metric_add(&m->records_lost, commit->lost);
}

/* The batch is judged: tells the agent, the web and the counters. */
static void conclude(struct store *s, const struct item *item, const struct batch *batch,
                     const struct commit *commit)
{
    switch (commit->result) {
    case COMMIT_STORED:
        send_ack(s, item, batch, commit->upto);
        count(s, commit);
        tell_alerts(s, commit);
        break;
    case COMMIT_HOLE:
        metric_add(&s->options.metrics->batches_refused, 1);
        send_nack(s, item, batch, commit->upto + 1);
        break;
    case COMMIT_STRANGER:
        metric_add(&s->options.metrics->messages_unknown, 1);
        log_warn(NULL, "batch of %s, which is no instance", item->name);
        break;
    }
}

/* Stores the batch, however long the database is away; only stopping gives it up. */
static void store_opened(struct store *s, const struct item *item, struct batch *batch)
{
    struct err refusal = {0};
    for (unsigned refused = 0; s->pg != NULL;) {
        struct commit commit;
        struct err e = {0};
        int result = refused < TRIES_MAX
                         ? commit_batch(s->pg, item->name, batch, &commit, &e)
                         : commit_refused(s->pg, item->name, batch, refusal.what, &commit, &e);
        if (result == 0) {
            metric_add(&s->options.metrics->batches_quarantined, refused >= TRIES_MAX);
            conclude(s, item, batch, &commit);
            commit_done(&commit);
            return;
        }
        s->tell.missed = s->tell.missed || commit.unsure;
        if (recover(s, &e)) {
            continue;
        }
        if (s->pg == NULL) {
            break;
        }
        log_error(&e, "a batch of %s is refused", item->name);
        if (refused >= TRIES_MAX) {
            break; /* not even put aside: the agent sends it again */
        }
        refusal = e;
        text_clean(refusal.what, strlen(refusal.what)); /* the server's words may be cut */
        refused++;
    }
}

/* What is no batch cannot be acknowledged; it is counted, and some of it kept to look at. */
static void store_malformed(struct store *s, const struct item *item, const struct err *why)
{
    uint64_t second = clock_mono_ns() / NS_PER_S;
    metric_add(&s->options.metrics->batches_quarantined, 1);
    metric_add(&s->options.metrics->messages_malformed, 1);
    if (second != s->malformed_second) {
        s->malformed_second = second;
        s->malformed_count = 0;
    }
    if (s->malformed_count++ >= MALFORMED_PER_S) {
        return;
    }
    struct err e = {0};
    log_warn(why, "a message of %s is no batch", item->name);
    if (commit_quarantine(s->pg, item->name, item->stream, item->bytes, item->len, why->what, &e) !=
        0) {
        (void)recover(s, &e); /* it is counted all the same */
    }
}

static void do_batch(struct store *s, struct item *item)
{
    struct batch batch;
    struct err e = {0};
    if (batch_open(&batch, item->stream, item->bytes, item->len, &e) == 0) {
        store_opened(s, item, &batch);
    } else if (e.code != ERR_NOMEM) { /* short of memory: the agent sends it again */
        store_malformed(s, item, &e);
    }
    batch_close(&batch);
}

static void item_done(struct store *s, struct item *item)
{
    atomic_fetch_sub_explicit(&s->bytes_held, item->len, memory_order_relaxed);
    free(item->bytes);
    item->bytes = NULL;
}

/* A job that the database refuses comes back failed; one that cannot be done now waits. */
static void do_job(struct store *s, struct job *job)
{
    while (s->pg != NULL) {
        job->e = (struct err){0};
        if (jobs_run(s->pg, job, &s->options, &s->tell) == 0) {
            break;
        }
        struct err why = job->e;
        if (recover(s, &why)) {
            continue;
        }
        job->failed = true;
        break;
    }
    if (s->pg == NULL) {
        job->failed = true;
        (void)err_set(&job->e, ERR_CLOSED, "the database is away and the program ends");
    }
    s->options.job_done(s->options.arg, job);
}

static void do_housekeeping(struct store *s, uint64_t now_ns)
{
    struct err e = {0};
    if (s->housekeeping_ns != 0 &&
        now_ns - s->housekeeping_ns < HOUSEKEEPING_S * (uint64_t)NS_PER_S) {
        return;
    }
    s->housekeeping_ns = now_ns;
    if (pg_run(s->pg, "SELECT make_partitions(2)", NULL, &e) != 0) {
        log_error(&e, "partitions ahead of time could not be made");
        (void)recover(s, &e); /* the default partitions take the rows meanwhile */
    }
}

static void drain_jobs(struct store *s)
{
    struct job *job = NULL;
    while (queue_pop(s->jobs, &job)) {
        do_job(s, job);
    }
}

static void ring(void *arg)
{
    struct store *s = arg;
    (void)eventfd_write(s->bell, 1); /* would wait only at 2^64 - 1 unheard rings */
}

static void wait_for_bell(struct store *s)
{
    eventfd_t rings = 0;
    struct pollfd bell = {.fd = s->bell, .events = POLLIN};
    (void)poll(&bell, 1, IDLE_MS);       /* woken early: the caller looks again anyway */
    (void)eventfd_read(s->bell, &rings); /* not rung: nothing to take off */
}

/* All jobs, then one batch; waits when there was none. */
static void turn(struct store *s)
{
    struct item item = {0};
    drain_jobs(s);
    metric_set(&s->options.metrics->writer_depth, queue_depth(s->batches));
    if (s->pg == NULL || !queue_pop(s->batches, &item)) {
        wait_for_bell(s);
    } else {
        do_batch(s, &item);
        item_done(s, &item);
    }
    tell_missed(&s->tell);
    if (s->pg != NULL && pg_notified(s->pg)) {
        s->options.registry_changed(s->options.arg);
    }
    if (s->pg != NULL) {
        do_housekeeping(s, clock_mono_ns());
    }
}

static void *store_main(void *arg)
{
    struct store *s = arg;
    (void)pthread_setname_np(pthread_self(), "store"); /* only for the log */
    while (!is_stopping(s)) {
        connect_at_last(s);
        if (s->pg != NULL) {
            turn(s);
        }
        if (s->pg != NULL && !pg_is_usable(s->pg)) {
            disconnect(s);
        }
    }
    drain_jobs(s); /* the queue is closed: none is left behind */
    pg_close(s->pg);
    s->pg = NULL;
    return NULL;
}

void store_close(struct store *s)
{
    struct item item;
    if (s == NULL) {
        return;
    }
    while (s->batches != NULL && queue_pop(s->batches, &item)) {
        free(item.bytes);
    }
    if (s->jobs != NULL) {
        drain_jobs(s); /* the thread never ran: each is told that it failed */
    }
    queue_free(s->batches);
    queue_free(s->jobs);
    (void)close(s->bell); /* nothing is written that could be lost */
    free(s);
}

struct store *store_open(const struct store_options *options, struct err *e)
{
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the store");
        return NULL;
    }
    s->options = *options;
    s->tell =
        (struct tell){.web = options->tell_web, .arg = options->arg, .metrics = options->metrics};
    s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->bell < 0) {
        (void)err_set_errno(e, "no wake-up for the store");
        free(s);
        return NULL;
    }
    s->batches = queue_new(sizeof(struct item), BATCH_SLOTS, ring, s, e);
    s->jobs = queue_new(sizeof(struct job *), JOB_SLOTS, ring, s, e);
    if (s->batches == NULL || s->jobs == NULL) {
        store_close(s);
        return NULL;
    }
    return s;
}

int store_start(struct store *store, struct err *e)
{
    if (pthread_create(&store->thread, NULL, store_main, store) != 0) {
        return err_set(e, ERR_NOMEM, "no thread for the store");
    }
    store->started = true;
    return 0;
}

bool store_stop(struct store *store, unsigned wait_ms)
{
    if (store == NULL) {
        return true;
    }
    const struct timespec end = clock_mono_in(wait_ms);
    atomic_store_explicit(&store->stopping, true, memory_order_release);
    queue_close(store->batches);
    queue_close(store->jobs);
    ring(store);
    return !store->started || pthread_clockjoin_np(store->thread, NULL, CLOCK_MONOTONIC, &end) == 0;
}

bool store_batch(struct store *store, const char *name, enum wire_stream stream, const void *bytes,
                 size_t len)
{
    struct item item = {.stream = stream, .len = len};
    (void)snprintf(item.name, sizeof item.name, "%s", name); /* a checked name: fits */
    size_t held = atomic_fetch_add_explicit(&store->bytes_held, len, memory_order_relaxed);
    item.bytes = held + len <= BATCH_BYTES ? malloc(len) : NULL;
    if (item.bytes != NULL) {
        memcpy(item.bytes, bytes, len);
        if (queue_push(store->batches, &item)) {
            return true;
        }
        free(item.bytes);
    }
    atomic_fetch_sub_explicit(&store->bytes_held, len, memory_order_relaxed);
    return false;
}

bool store_job(struct store *store, struct job *job)
{
    return queue_push(store->jobs, &job);
}
