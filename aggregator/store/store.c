/*
 * The thread: connect, then in turn jobs, batches and the housekeeping of every hour. A lost
 * connection brings it back to connecting with what it had in hand still in hand.
 */
#include "aggregator/store/inner.h"
#include "aggregator/store/jobs.h"
#include "aggregator/store/migrate.h"
#include "aggregator/store/registry.h"
#include "common/clock.h"

#define LOG_MODULE "store"
#include "common/log.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    JOB_SLOTS = 32768,
    IDLE_MS = 500, /* between looks at notifications */
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 3000,
    PAUSE_PIECE_MS = 50,
    HOUSEKEEPING_S = 3600,
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

bool store_recover(struct store *s, const struct err *e)
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

/* A job that the database refuses comes back failed; one that cannot be done now waits. */
static void do_job(struct store *s, struct job *job)
{
    while (s->pg != NULL) {
        job->e = (struct err){0};
        if (jobs_run(s->pg, job, &s->options, &s->tell) == 0) {
            break;
        }
        struct err why = job->e;
        if (store_recover(s, &why)) {
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
        (void)store_recover(s, &e); /* the default partitions take the rows meanwhile */
    }
}

/* All in one transaction; false with nothing done. */
static bool share(struct store *s, struct job **jobs, unsigned count)
{
    struct err e = {0};
    if (s->pg == NULL || pg_script(s->pg, "BEGIN", &e) != 0) {
        return false;
    }
    if (jobs_run_shared(s->pg, jobs, count, &s->options, &s->tell) != 0) {
        if (pg_is_usable(s->pg)) {
            (void)pg_script(s->pg, "ROLLBACK", NULL); /* each is tried alone */
        }
        return false;
    }
    return pg_script(s->pg, "COMMIT", &e) == 0;
}

static void do_jobs(struct store *s, struct job **jobs, unsigned count)
{
    bool done = count > 1 && share(s, jobs, count);
    for (unsigned i = 0; i < count; i++) {
        if (done) {
            s->options.job_done(s->options.arg, jobs[i]);
        } else {
            do_job(s, jobs[i]);
        }
    }
}

/* In their order; those that may share a transaction and come one after the other do. */
static void drain_jobs(struct store *s)
{
    struct job *group[JOBS_SHARED_MAX];
    unsigned count = 0;
    struct job *job = NULL;
    while (queue_pop(s->jobs, &job)) {
        bool shares = jobs_may_share(job->kind);
        if (!shares || count == JOBS_SHARED_MAX) {
            do_jobs(s, group, count);
            count = 0;
        }
        if (shares) {
            group[count++] = job;
        } else {
            do_job(s, job);
        }
    }
    do_jobs(s, group, count);
}

static void ring(void *arg)
{
    struct store *s = arg;
    (void)eventfd_write(s->bell, 1); /* would wait only at 2^64 - 1 unheard rings */
}

static void wait_for_bell(struct store *s, unsigned wait_ms)
{
    eventfd_t rings = 0;
    struct pollfd bell = {.fd = s->bell, .events = POLLIN};
    (void)poll(&bell, 1, (int)wait_ms);  /* woken early: the caller looks again anyway */
    (void)eventfd_read(s->bell, &rings); /* not rung: nothing to take off */
}

/* All jobs, then the batches that are due; waits when there were none. */
static void turn(struct store *s)
{
    unsigned wait_ms = IDLE_MS;
    drain_jobs(s);
    if (s->pg == NULL || !intake_turn(s, &wait_ms)) {
        wait_for_bell(s, wait_ms < IDLE_MS ? wait_ms : IDLE_MS);
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
    if (s == NULL) {
        return;
    }
    intake_close(&s->intake);
    if (s->jobs != NULL) {
        drain_jobs(s); /* the thread never ran: each is told that it failed */
    }
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
    s->jobs = queue_new(sizeof(struct job *), JOB_SLOTS, ring, s, e);
    if (s->jobs == NULL || intake_open(&s->intake, ring, s, e) != 0) {
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
    intake_shut(&store->intake);
    queue_close(store->jobs);
    ring(store);
    return !store->started || pthread_clockjoin_np(store->thread, NULL, CLOCK_MONOTONIC, &end) == 0;
}

bool store_batch(struct store *store, const char *name, enum wire_stream stream, const void *bytes,
                 size_t len)
{
    return intake_put(&store->intake, name, stream, bytes, len);
}

bool store_job(struct store *store, struct job *job)
{
    return queue_push(store->jobs, &job);
}
