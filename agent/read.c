/*
 * Runs a worker without walls, threads or control, and puts its records together again: what
 * stands here is what the engine would have sent. The same file always gives the same output.
 */
#define LOG_MODULE "read"
#include "agent/read.h"

#include "agent/read_print.h"
#include "agent/settings.h"
#include "agent/worker.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FINISH_PIECE = 1024, /* flows between two drains of the rings */
    PROGRESS_MS = 250,
};

struct reading {
    struct engine_link link;
    struct settings *settings;
    struct worker *worker;
    struct read_book *book;
    bool to_person;      /* standard error is a terminal */
    bool progress_shown; /* a line of it stands there */
    uint64_t began_ns;   /* monotonic, as the next */
    uint64_t shown_ns;
};

static int drain(struct reading *r)
{
    const struct engine_lane *lane = &r->link.lanes[0];
    const struct record *record;
    int result = 0;
    while ((record = ring_peek(lane->flows)) != NULL) {
        result |= read_book_add(r->book, &record->flow);
        ring_release(lane->flows);
    }
    while (ring_peek(lane->accounts) != NULL) {
        ring_release(lane->accounts);
    }
    return result;
}

/* "43 %, 12.3 million packets, 1.2 million a second"; nothing of a file that is read at once. */
static void show_progress(struct reading *r)
{
    const struct worker_stats *stats = r->link.lanes[0].stats;
    uint64_t now_ns = clock_mono_ns();
    if (!r->to_person || now_ns - r->shown_ns < (uint64_t)PROGRESS_MS * NS_PER_MS) {
        return;
    }
    double millions = (double)atomic_load(&stats->packets) / 1e6;
    (void)fprintf(stderr, "\r%3u %%, %.1f million packets, %.2f million/s ",
                  atomic_load(&stats->sources[0].read_permille) / 10, millions,
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

static int read_all(struct reading *r, struct err *e)
{
    const struct source_stats *source = &r->link.lanes[0].stats->sources[0];
    bool more = true;
    int result = 0;
    while (more && result == 0) {
        more = worker_turn(r->worker);
        result = drain(r);
        show_progress(r);
    }
    for (more = true; more && result == 0;) {
        more = worker_finish(r->worker, FINISH_PIECE);
        result = drain(r);
    }
    end_progress(r);
    if (result != 0) {
        return err_set(e, ERR_NOMEM, "no memory for all flows of the file");
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
    r->book = read_book_new();
    if (r->book == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for its flows");
    }
    r->settings = settings_for_file(options->path, e);
    if (r->settings == NULL) {
        return -1;
    }
    r->settings->dpi_enabled = !options->no_dpi;
    if (engine_link_open(&r->link, 1, e) != 0) {
        return -1;
    }
    r->worker = worker_new(r->settings, &r->link, 0, e);
    if (r->worker == NULL) {
        return -1;
    }
    const struct source_stats *source = &r->link.lanes[0].stats->sources[0];
    if (atomic_load(&source->state) == SOURCE_FAILED) {
        return err_set(e, ERR_IO, "%s", source->error);
    }
    return 0;
}

static void close_reading(struct reading *r)
{
    worker_free(r->worker);
    if (r->link.memory != NULL) {
        engine_link_close(&r->link);
    }
    settings_free(r->settings);
    read_book_free(r->book);
}

/* What was read; also before a fault of the file. */
static int print(struct reading *r, const struct read_options *options, struct err *e)
{
    const char *slash = strrchr(options->path, '/');
    int result = 0;
    read_book_sort(r->book, options->json ? READ_BY_TIME : READ_BY_BYTES);
    if (options->json) {
        read_print_json(r->book);
    } else {
        result = read_print_tables(slash == NULL ? options->path : slash + 1, r->book,
                                   r->link.lanes[0].stats, options->top);
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
    if (result != 0) {
        (void)fprintf(stderr,
                      "picket-agent: %s cannot be read: %s; a whole pcap or pcapng file is wanted, "
                      "such as tcpdump -w writes\n",
                      options->path, e.what);
    }
    if (opened && print(&r, options, &e) != 0) {
        (void)fprintf(stderr, "picket-agent: %s\n", e.what);
        result = -1;
    }
    close_reading(&r);
    return result == 0 ? 0 : 1;
}
