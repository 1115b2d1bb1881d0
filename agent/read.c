/*
 * Runs workers without walls or control, and puts their records together again: what stands here
 * is what the engine would have sent. The same file always gives the same output, however many
 * workers read it. One works in turns with us; several are threads of their own.
 */
#define LOG_MODULE "read"
#include "agent/read.h"

#include "agent/read_print.h"
#include "agent/settings.h"
#include "agent/worker.h"
#include "common/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    FINISH_PIECE = 512, /* flows between two drains of the rings */
    PROGRESS_MS = 250,
    PAUSE_NS = 200000,                 /* of a thread that has to wait for the other side */
    DEPTH_MAX = ENGINE_FLOW_SLOTS / 8, /* records that may wait before a turn adds to them */
};

struct reading;

struct reader {
    struct reading *reading;
    struct worker *worker;
    struct engine_lane *lane;
    pthread_t thread;
    bool started;
    _Atomic bool done; /* set by the thread: nothing more comes into its rings */
};

struct reading {
    struct engine_link link;
    struct settings *settings;
    struct reader readers[ENGINE_MAX_WORKERS];
    unsigned workers;
    struct read_book *book;
    int fault;           /* -1: no memory for a flow */
    bool to_person;      /* standard error is a terminal */
    bool progress_shown; /* a line of it stands there */
    uint64_t began_ns;   /* monotonic, as the next */
    uint64_t shown_ns;
};

static void drain(struct reading *r, const struct engine_lane *lane)
{
    const struct record *record;
    while ((record = ring_peek(lane->flows)) != NULL) {
        r->fault |= read_book_add(r->book, &record->flow);
        ring_release(lane->flows);
    }
    while (ring_peek(lane->accounts) != NULL) {
        ring_release(lane->accounts);
    }
}

static void drain_alone(void *arg)
{
    struct reader *reader = arg;
    drain(reader->reading, reader->lane);
}

static struct read_sums sums_of(const struct reading *r)
{
    struct read_sums sums = {0};
    for (unsigned i = 0; i < r->workers; i++) {
        const struct worker_stats *stats = r->link.lanes[i].stats;
        sums.packets += atomic_load(&stats->packets);
        sums.bytes += atomic_load(&stats->bytes);
        sums.undecoded += atomic_load(&stats->undecoded);
        sums.fragments_shed += atomic_load(&stats->fragments_shed);
        sums.flows_refused += atomic_load(&stats->flows_refused);
        sums.shed_openings += atomic_load(&stats->shed_openings);
        sums.shed_flows += atomic_load(&stats->shed_flows);
        sums.dpi_refused += atomic_load(&stats->dpi_refused);
        sums.records_lost += ring_dropped(r->link.lanes[i].flows);
    }
    return sums;
}

/* "43 %, 12.3 million packets, 1.2 million a second"; nothing of a file that is read at once. */
static void show_progress(struct reading *r)
{
    uint64_t now_ns = clock_mono_ns();
    if (!r->to_person || now_ns - r->shown_ns < (uint64_t)PROGRESS_MS * NS_PER_MS) {
        return;
    }
    double millions = (double)sums_of(r).packets / 1e6;
    (void)fprintf(stderr, "\r%3u %%, %.1f million packets, %.2f million/s ",
                  atomic_load(&r->link.lanes[0].stats->sources[0].read_permille) / 10, millions,
                  millions * NS_PER_S / (double)(now_ns - r->began_ns));
    r->shown_ns = now_ns;
    r->progress_shown = true;
}

static void end_progress(struct reading *r)
{
    if (r->progress_shown) {
        (void)fprintf(stderr, "\r%60s\r", "");
        r->progress_shown = false;
    }
}

static int read_alone(struct reading *r)
{
    struct worker *worker = r->readers[0].worker;
    bool more = true;
    worker_lose_nothing(worker, drain_alone, &r->readers[0]);
    while (more && r->fault == 0) {
        more = worker_turn(worker);
        drain(r, &r->link.lanes[0]);
        show_progress(r);
    }
    for (more = true; more && r->fault == 0;) {
        more = worker_finish(worker, FINISH_PIECE);
        drain(r, &r->link.lanes[0]);
    }
    return r->fault;
}

static void pause_shortly(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    (void)nanosleep(&pause, NULL); /* woken early is as well */
}

static void await_room(void *arg)
{
    const struct reader *reader = arg;
    while (ring_depth(reader->lane->flows) > DEPTH_MAX ||
           ring_depth(reader->lane->accounts) > ENGINE_ACCOUNT_SLOTS / 2) {
        pause_shortly();
    }
}

static void *reader_thread(void *arg)
{
    struct reader *reader = arg;
    worker_lose_nothing(reader->worker, await_room, reader);
    while (worker_turn(reader->worker)) {
        await_room(reader);
    }
    while (worker_finish(reader->worker, FINISH_PIECE)) {
        await_room(reader);
    }
    /* Read by read_together: all that came before is in the rings. */
    atomic_store_explicit(&reader->done, true, memory_order_release);
    return NULL;
}

/* Empties the rings until all threads are done; also when memory is short, so that they end. */
static int read_together(struct reading *r)
{
    int result = 0;
    for (unsigned i = 0; i < r->workers; i++) {
        struct reader *reader = &r->readers[i];
        reader->started = pthread_create(&reader->thread, NULL, reader_thread, reader) == 0;
        if (!reader->started) {
            atomic_store(&reader->done, true);
            result = -1;
        }
    }
    for (bool all = false; !all;) {
        all = true;
        for (unsigned i = 0; i < r->workers; i++) {
            all = atomic_load_explicit(&r->readers[i].done, memory_order_acquire) && all;
            drain(r, &r->link.lanes[i]);
        }
        show_progress(r);
        if (!all) {
            pause_shortly();
        }
    }
    for (unsigned i = 0; i < r->workers; i++) {
        if (r->readers[i].started) {
            (void)pthread_join(r->readers[i].thread, NULL); /* ours and not joined before */
        }
    }
    return result | r->fault;
}

static int read_all(struct reading *r, struct err *e)
{
    const struct source_stats *source = &r->link.lanes[0].stats->sources[0];
    int result = r->workers == 1 ? read_alone(r) : read_together(r);
    end_progress(r);
    if (result != 0) {
        return err_set(e, ERR_NOMEM, "no memory for all flows of the file, or for threads");
    }
    if (atomic_load(&source->state) == SOURCE_FAILED) {
        return err_set(e, ERR_IO, "%s", source->error);
    }
    return 0;
}

static int open_reading(struct reading *r, const struct read_options *options, struct err *e)
{
    r->to_person = isatty(STDERR_FILENO) != 0;
    r->began_ns = clock_mono_ns();
    r->shown_ns = r->began_ns;
    r->book = read_book_new(options->json || options->top > 0);
    if (r->book == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for its flows");
    }
    r->settings = settings_for_file(options->path, e);
    if (r->settings == NULL) {
        return -1;
    }
    r->settings->dpi_enabled = !options->no_dpi;
    r->settings->dpi_strict = options->strict;
    if (engine_link_open(&r->link, options->workers, e) != 0) {
        return -1;
    }
    for (r->workers = 0; r->workers < options->workers; r->workers++) {
        struct reader *reader = &r->readers[r->workers];
        reader->reading = r;
        reader->lane = &r->link.lanes[r->workers];
        reader->worker = worker_new(r->settings, &r->link, r->workers, e);
        if (reader->worker == NULL) {
            return -1;
        }
    }
    const struct source_stats *source = &r->link.lanes[0].stats->sources[0];
    if (atomic_load(&source->state) == SOURCE_FAILED) {
        return err_set(e, ERR_IO, "%s", source->error);
    }
    return 0;
}

static void close_reading(struct reading *r)
{
    for (unsigned i = 0; i < r->workers; i++) {
        worker_free(r->readers[i].worker);
    }
    if (r->link.memory != NULL) {
        engine_link_close(&r->link);
    }
    settings_free(r->settings);
    read_book_free(r->book);
}

/* What was read; also before a fault of the file, but nothing is told of flows that do not fit. */
static int print(struct reading *r, const struct read_options *options, struct err *e)
{
    const char *slash = strrchr(options->path, '/');
    const struct read_sums sums = sums_of(r);
    int result = 0;
    read_book_sort(r->book, options->json ? READ_BY_TIME : READ_BY_BYTES);
    if (options->json) {
        read_print_json(r->book);
    } else {
        result = read_print_tables(slash == NULL ? options->path : slash + 1, r->book, &sums,
                                   options->top);
    }
    if (result != 0) {
        return err_set(e, ERR_NOMEM, "no memory for the tables");
    }
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return err_set_errno(e, "standard output cannot be written");
    }
    return 0;
}

int read_file(const struct read_options *options)
{
    struct err e = {0};
    struct reading r = {0};
    bool opened = open_reading(&r, options, &e) == 0;
    int result = opened ? read_all(&r, &e) : -1;
    bool fits = result == 0 || e.code != ERR_NOMEM;
    if (result != 0) {
        (void)fprintf(stderr, "picket-agent: %s cannot be read: %s%s\n", options->path, e.what,
                      fits ? "; a whole pcap or pcapng file is wanted, such as tcpdump -w writes"
                           : "");
    }
    if (opened && fits && print(&r, options, &e) != 0) {
        (void)fprintf(stderr, "picket-agent: %s\n", e.what);
        result = -1;
    }
    close_reading(&r);
    return result == 0 ? 0 : 1;
}
