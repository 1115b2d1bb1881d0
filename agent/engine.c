#define LOG_MODULE "engine"
#include "agent/engine.h"

#include "agent/sandbox.h"
#include "agent/worker.h"
#include "common/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_NO_START = 3 };

struct engine {
    struct engine_link *link;
    struct worker *workers[ENGINE_MAX_WORKERS];
    pthread_t threads[ENGINE_MAX_WORKERS];
    unsigned count;
    unsigned started;
    pthread_barrier_t walled; /* nobody reads a packet before the walls are up */
};

struct thread_start {
    struct engine *engine;
    struct worker *worker;
};

static void *worker_thread(void *arg)
{
    struct thread_start *start = arg;
    struct worker *worker = start->worker;
    (void)pthread_barrier_wait(&start->engine->walled); /* one of them is told it was the last */
    worker_run(worker);
    return NULL;
}

static int make_workers(struct engine *engine, const struct settings *settings, struct err *e)
{
    for (unsigned i = 0; i < engine->link->workers; i++) {
        engine->workers[i] = worker_new(settings, engine->link, i, e);
        if (engine->workers[i] == NULL) {
            return err_wrap(e, "worker %u", i);
        }
        engine->count++;
    }
    return 0;
}

static void tell_failed_sources(const struct engine *engine, const struct settings *settings)
{
    for (unsigned w = 0; w < engine->count; w++) {
        for (size_t i = 0; i < settings->capture_sources.count; i++) {
            const struct source_stats *stats = &engine->link->lanes[w].stats->sources[i];
            if (atomic_load_explicit(&stats->state, memory_order_acquire) == SOURCE_FAILED) {
                log_error(NULL, "source does not open: %s", stats->error);
            }
        }
    }
}

static int start_thread(struct engine *engine, struct thread_start *start, unsigned index,
                        struct err *e)
{
    char name[16];
    int result = pthread_create(&engine->threads[index], NULL, worker_thread, start);
    if (result != 0) {
        return err_set(e, ERR_NOMEM, "cannot start a thread (error %d)", result);
    }
    engine->started++;
    (void)snprintf(name, sizeof name, "worker-%u", index % ENGINE_MAX_WORKERS);
    (void)pthread_setname_np(engine->threads[index], name); /* only for people */
    return 0;
}

static void tell_walls(struct engine *engine, const struct sandbox_state *state)
{
    char text[128];
    uint32_t walls = (state->capabilities ? WALL_CAPABILITIES : 0u) |
                     (state->landlock ? WALL_LANDLOCK : 0u) | (state->seccomp ? WALL_SECCOMP : 0u);
    atomic_store_explicit(&engine->link->health->walls, walls, memory_order_relaxed);
    log_info(NULL, "engine runs with %u worker%s; walls: %s", engine->count,
             engine->count == 1 ? "" : "s", sandbox_describe(state, text, sizeof text));
}

/* Files and rights go before the threads, which inherit that; the system calls go after them. */
static int start(struct engine *engine, struct thread_start *starts, struct err *e)
{
    struct sandbox_state state;
    if (sandbox_engine(&state, e) != 0) {
        return -1;
    }
    (void)pthread_barrier_init(&engine->walled, NULL, engine->count + 1); /* count is small */
    for (unsigned i = 0; i < engine->count; i++) {
        starts[i] = (struct thread_start){.engine = engine, .worker = engine->workers[i]};
        if (start_thread(engine, &starts[i], i, e) != 0) {
            return -1;
        }
    }
    if (sandbox_engine_calls(&state, e) != 0) {
        return -1;
    }
    tell_walls(engine, &state);
    (void)pthread_barrier_wait(&engine->walled);
    return 0;
}

/* SIGTERM is blocked in all threads, as child_start left it; SIGHUP, which is not for us, too. */
static void wait_for_term(void)
{
    sigset_t term;
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    while (sigwaitinfo(&term, NULL) != SIGTERM) {
        /* interrupted: wait again */
    }
}

int engine_run(const struct settings *settings, struct engine_link *link)
{
    struct err e = {0};
    struct engine engine = {.link = link};
    struct thread_start starts[ENGINE_MAX_WORKERS];
    int status = EXIT_NO_START;
    if (make_workers(&engine, settings, &e) != 0) {
        log_error(&e, "engine does not start");
        goto out;
    }
    tell_failed_sources(&engine, settings);
    if (start(&engine, starts, &e) != 0) {
        log_error(&e, "engine does not start");
        return status; /* threads may wait at the barrier: the process goes at once */
    }
    wait_for_term();
    for (unsigned i = 0; i < engine.count; i++) {
        worker_stop(engine.workers[i]);
    }
    for (unsigned i = 0; i < engine.count; i++) {
        (void)pthread_join(engine.threads[i], NULL); /* ours and not joined before */
    }
    status = 0;
out:
    for (unsigned i = 0; i < engine.count; i++) {
        worker_free(engine.workers[i]);
    }
    return status;
}
