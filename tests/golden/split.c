/*
 * split CAPTURE: what 1, 2 and 3 workers tell of a capture file must be the same records and
 * accounts with the same times, each flow from one worker, and no flow's number twice. Only the
 * order and the numbers of the flows may differ.
 */
#include "agent/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS_MAX = 3, FINISH_PIECE = 256, LINE_SIZE = 1280 };

/* One record or account as bytes that can be compared; shorter ones end in zeroes. */
struct line {
    uint8_t bytes[LINE_SIZE];
};

struct told {
    struct line *lines;
    size_t count, room;
    uint64_t packets, bytes, undecoded;
    uint64_t lost; /* records and accounts without room */
    unsigned busy; /* workers that had packets */
};

static struct line *add_line(struct told *t)
{
    if (t->count == t->room) {
        t->room = t->room == 0 ? 1024 : t->room * 2;
        t->lines = realloc(t->lines, t->room * sizeof *t->lines);
        if (t->lines == NULL) {
            abort();
        }
    }
    struct line *line = &t->lines[t->count++];
    memset(line, 0, sizeof *line);
    return line;
}

static void add_record(struct told *t, const struct record *r)
{
    struct flow_record flow = r->flow;
    struct line *line = add_line(t);
    flow.flow_id = 0;
    (void)snprintf((char *)line->bytes, 64, "record %" PRIu64 " %" PRIx64 " %u %u %u", r->at_ns,
                   r->new_risks, r->kind, r->known, r->news);
    if (flow_record_pack(&flow, line->bytes + 64, sizeof line->bytes - 64) == 0) {
        abort();
    }
}

static void add_account(struct told *t, const struct account *a)
{
    struct line *line = add_line(t);
    (void)snprintf((char *)line->bytes, 160, "account %" PRIu64 " %u %u %u %u %u %u %u %s",
                   a->at_ns, a->bytes[0], a->bytes[1], a->packets[0], a->packets[1], a->source,
                   a->begins, a->ends, a->app);
    memcpy(line->bytes + 160, &a->key, sizeof a->key);
    memcpy(line->bytes + 320, &a->client_mac, sizeof a->client_mac);
    memcpy(line->bytes + 330, &a->server_mac, sizeof a->server_mac);
}

static void drain(struct told *t, const struct engine_lane *lane, unsigned index, unsigned workers)
{
    const struct record *r;
    const struct account *a;
    while ((r = ring_peek(lane->flows)) != NULL) {
        if ((r->flow.flow_id - 1) % workers != index) {
            (void)printf("flow %" PRIu64 " is told by worker %u of %u\n", r->flow.flow_id, index,
                         workers);
            exit(EXIT_FAILURE);
        }
        add_record(t, r);
        ring_release(lane->flows);
    }
    while ((a = ring_peek(lane->accounts)) != NULL) {
        add_account(t, a);
        ring_release(lane->accounts);
    }
}

struct taking {
    struct told *told;
    const struct engine_lane *lane;
    unsigned index;
    unsigned workers;
};

static void make_room(void *arg)
{
    const struct taking *t = arg;
    drain(t->told, t->lane, t->index, t->workers);
}

static void run_worker(struct told *t, const struct settings *settings, struct engine_link *link,
                       unsigned index)
{
    struct err e = {0};
    struct worker *w = worker_new(settings, link, index, &e);
    const struct engine_lane *lane = &link->lanes[index];
    if (w == NULL || atomic_load(&lane->stats->sources[0].state) != SOURCE_RUNNING) {
        (void)printf("cannot read: %s\n", e.what);
        exit(EXIT_FAILURE);
    }
    struct taking taking = {t, lane, index, link->workers};
    worker_lose_nothing(w, make_room, &taking);
    while (worker_turn(w)) {
        drain(t, lane, index, link->workers);
    }
    bool more = true;
    while (more) {
        more = worker_finish(w, FINISH_PIECE);
        drain(t, lane, index, link->workers);
    }
    worker_free(w);
    t->lost += ring_dropped(lane->flows) + ring_dropped(lane->accounts);
    t->packets += atomic_load(&lane->stats->packets);
    t->bytes += atomic_load(&lane->stats->bytes);
    t->undecoded += atomic_load(&lane->stats->undecoded);
    t->busy += atomic_load(&lane->stats->packets) > 0;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct line));
}

static struct told tell(const char *path, unsigned workers)
{
    struct told told = {0};
    struct err e = {0};
    struct engine_link link = {0};
    struct settings *settings = settings_for_file(path, &e);
    if (settings == NULL || engine_link_open(&link, workers, &e) != 0) {
        (void)printf("%s\n", e.what);
        exit(EXIT_FAILURE);
    }
    atomic_store(&link.health->rules, 1); /* so that records for rules are among them */
    for (unsigned i = 0; i < workers; i++) {
        run_worker(&told, settings, &link, i);
    }
    engine_link_close(&link);
    settings_free(settings);
    qsort(told.lines, told.count, sizeof *told.lines, compare);
    return told;
}

static bool same(const struct told *one, const struct told *more, unsigned workers)
{
    if (one->packets != more->packets || one->bytes != more->bytes ||
        one->undecoded != more->undecoded) {
        (void)printf("%u workers: %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64
                     " undecoded; one: %" PRIu64 ", %" PRIu64 ", %" PRIu64 "\n",
                     workers, more->packets, more->bytes, more->undecoded, one->packets, one->bytes,
                     one->undecoded);
        return false;
    }
    if (one->lost + more->lost > 0) {
        (void)printf("one: %" PRIu64 " lost, %u workers: %" PRIu64 "\n", one->lost, workers,
                     more->lost);
        return false;
    }
    for (size_t i = 0; i < one->count || i < more->count; i++) {
        const char *wanted = i < one->count ? (const char *)one->lines[i].bytes : "nothing";
        const char *found = i < more->count ? (const char *)more->lines[i].bytes : "nothing";
        if (i >= one->count || i >= more->count || compare(wanted, found) != 0) {
            (void)printf("%u workers, line %zu of %zu and %zu: \"%s\", one: \"%s\"\n", workers, i,
                         more->count, one->count, found, wanted);
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return EXIT_FAILURE;
    }
    struct told one = tell(argv[1], 1);
    bool good = true;
    for (unsigned workers = 2; workers <= WORKERS_MAX; workers++) {
        struct told more = tell(argv[1], workers);
        good = same(&one, &more, workers) && good;
        (void)printf("%zu lines of %" PRIu64 " packets, %u of %u workers had some\n", more.count,
                     more.packets, more.busy, workers);
        free(more.lines);
    }
    free(one.lines);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
