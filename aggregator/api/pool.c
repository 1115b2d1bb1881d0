/* Threads that wait for tasks; a connection that failed is tried again no more than once a second.
 */
#include "aggregator/api/pool.h"

#include "common/clock.h"
#include "common/queue.h"

#define LOG_MODULE "query"
#include "common/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { WAIT_MS = 1000, RETRY_MS = 1000 };

struct task {
    task_fn fn;
    void *arg;
};

struct worker {
    struct pool *pool;
    pthread_t thread;
    bool started;
    struct pg *pg;
    uint64_t failed_ns; /* when connecting last failed; 0: it did not */
};

struct pool {
    const char *conninfo;
    struct queue *tasks;
    atomic_bool closing; /* set by pool_stop, read by the threads */
    unsigned threads;
    struct worker workers[POOL_THREADS_MAX];
};

/* A page must not hang on one slow statement. */
static const char session_sql[] = "SET statement_timeout = '5s'";

static void connect_again(struct worker *w)
{
    struct err e = {0};
    uint64_t now = clock_mono_ns();
    if (w->failed_ns != 0 && now - w->failed_ns < (uint64_t)RETRY_MS * NS_PER_MS) {
        return;
    }
    w->pg = pg_open(w->pool->conninfo, "picket-aggregator query", &e);
    if (w->pg != NULL && pg_run(w->pg, session_sql, NULL, &e) != 0) {
        pg_close(w->pg);
        w->pg = NULL;
    }
    if (w->pg == NULL) {
        log_warn(&e, "pages do without the database");
    }
    w->failed_ns = w->pg == NULL ? now : 0;
}

static struct pg *connection(struct worker *w)
{
    if (w->pg != NULL && !pg_is_usable(w->pg)) {
        pg_close(w->pg);
        w->pg = NULL;
    }
    if (w->pg == NULL && !atomic_load(&w->pool->closing)) {
        connect_again(w);
    }
    return atomic_load(&w->pool->closing) ? NULL : w->pg;
}

static void run_task(struct worker *w, const struct task *task)
{
    if (!task->fn(task->arg, connection(w)) && !task->fn(task->arg, connection(w))) {
        (void)task->fn(task->arg, NULL); /* lost twice: it tells that the database is away */
    }
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct task task;
    (void)pthread_setname_np(pthread_self(), "query"); /* only a name */
    for (;;) {
        if (queue_pop_wait(w->pool->tasks, &task, WAIT_MS)) {
            run_task(w, &task);
        } else if (atomic_load(&w->pool->closing)) {
            break;
        }
    }
    pg_close(w->pg);
    w->pg = NULL;
    return NULL;
}

/* Signals belong to the main thread: the new ones begin with all of them blocked. */
static int start(struct pool *pool, struct err *e)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all); /* cannot fail */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = 0;
    for (unsigned i = 0; i < pool->threads && failed == 0; i++) {
        struct worker *w = &pool->workers[i];
        w->pool = pool;
        failed = pthread_create(&w->thread, NULL, run, w);
        w->started = failed == 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed != 0 ? err_set(e, ERR_IO, "cannot start a query thread") : 0;
}

struct pool *pool_open(const char *conninfo, unsigned threads, struct err *e)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the query threads");
        return NULL;
    }
    pool->conninfo = conninfo;
    pool->threads = threads < 1 ? 1 : threads > POOL_THREADS_MAX ? POOL_THREADS_MAX : threads;
    pool->tasks = queue_new(sizeof(struct task), POOL_TASKS_MAX, NULL, NULL, e);
    if (pool->tasks == NULL) {
        free(pool);
        return NULL;
    }
    if (start(pool, e) != 0) {
        (void)pool_stop(pool, WAIT_MS); /* nothing has been asked yet, so none is stuck */
        pool_free(pool);
        return NULL;
    }
    return pool;
}

bool pool_stop(struct pool *pool, unsigned wait_ms)
{
    const struct timespec until = clock_mono_in(wait_ms);
    atomic_store(&pool->closing, true);
    queue_close(pool->tasks);
    for (unsigned i = 0; i < pool->threads; i++) {
        struct worker *w = &pool->workers[i];
        if (w->started && pthread_clockjoin_np(w->thread, NULL, CLOCK_MONOTONIC, &until) != 0) {
            return false;
        }
        w->started = false;
    }
    return true;
}

void pool_free(struct pool *pool)
{
    if (pool != NULL) {
        queue_free(pool->tasks);
        free(pool);
    }
}

bool pool_submit(struct pool *pool, task_fn fn, void *arg)
{
    struct task task = {.fn = fn, .arg = arg};
    return queue_push(pool->tasks, &task);
}

uint64_t pool_depth(struct pool *pool)
{
    return queue_depth(pool->tasks);
}
