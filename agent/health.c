#include "agent/health.h"

#include "agent/dpi/dpi.h"
#include "common/clock.h"
#include "common/wire/text.h"

#include <stdio.h>
#include <string.h>

enum {
    STARTING_S = 10,     /* a source that takes longer counts as stopped */
    SILENT_S = 300,      /* REASON_NO_PACKETS */
    RESTARTED_S = 60,    /* REASON_ENGINE_RESTARTED */
    DROPS_PERMILLE = 10, /* REASON_DROPS */
};

void health_init(struct health *h, const char *boot, uint64_t start_mono_ns, uint64_t beats)
{
    *h = (struct health){.start_mono_ns = start_mono_ns, .number = beats};
    (void)snprintf(h->boot, sizeof h->boot, "%s", boot);
}

/* Takes a counter's present value; a fall means that it began anew. */
static uint64_t sum_take(struct health_sum *s, uint64_t now)
{
    s->sum += now >= s->last ? now - s->last : now;
    s->last = now;
    return s->sum;
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Copies a text out of shared memory. */
static void text_copy(char *to, const char *from, size_t size)
{
    memcpy(to, from, size - 1);
    to[size - 1] = '\0';
    text_clean(to, strlen(to));
}

/* The state of a source read by several workers: the worst that needs a look, else the best. */
static enum sample_source_state state_join(enum sample_source_state known, uint32_t state)
{
    switch ((enum source_state)state) {
    case SOURCE_FAILED: return SAMPLE_SOURCE_FAILED;
    case SOURCE_RUNNING:
        return known == SAMPLE_SOURCE_FAILED ? SAMPLE_SOURCE_FAILED : SAMPLE_SOURCE_RUNNING;
    case SOURCE_ENDED: return known == SAMPLE_SOURCE_STARTING ? SAMPLE_SOURCE_ENDED : known;
    case SOURCE_STARTING: return known;
    }
    return known; /* no state that we know: the engine's memory is not to be trusted */
}

static void read_source(struct health *h, struct health_lane *lane, unsigned i,
                        const struct source_stats *stats)
{
    if (stats->name[0] == '\0') {
        return;
    }
    struct source_sample *source = &h->sample.sources[i];
    uint32_t state = atomic_load_explicit(&stats->state, memory_order_acquire);
    text_copy(source->name, stats->name, sizeof source->name);
    source->state = state_join(source->state, state);
    source->collects = stats->collects != 0;
    if (state == SOURCE_FAILED) {
        text_copy(source->error, stats->error, sizeof source->error);
    }
    source->packets += sum_take(&lane->source_packets[i], load(&stats->packets));
    source->dropped += sum_take(&lane->source_dropped[i], load(&stats->kernel_dropped));
    if (h->sample.source_count <= i) {
        h->sample.source_count = i + 1;
    }
}

static void read_lane(struct health *h, struct health_lane *sums, const struct engine_lane *lane)
{
    const struct worker_stats *stats = lane->stats;
    struct agent_sample *s = &h->sample;
    s->packets += sum_take(&sums->packets, load(&stats->packets));
    s->bytes += sum_take(&sums->bytes, load(&stats->bytes));
    s->undecoded += sum_take(&sums->undecoded, load(&stats->undecoded));
    s->fragments_shed += sum_take(&sums->fragments_shed, load(&stats->fragments_shed));
    s->table_dropped += sum_take(&sums->table_dropped, load(&stats->flows_refused));
    s->openings_dropped += sum_take(&sums->openings, load(&stats->shed_openings));
    s->flows_early += sum_take(&sums->early, load(&stats->shed_flows));
    s->dpi_refused += sum_take(&sums->dpi_refused, load(&stats->dpi_refused));
    s->ring_dropped += sum_take(&sums->ring_flows, ring_dropped(lane->flows));
    s->ring_dropped += sum_take(&sums->ring_accounts, ring_dropped(lane->accounts));
    sums->flows = load(&stats->flows);
    s->flows += sums->flows;
    s->flows_max += load(&stats->flows_max);
    s->dpi_states += load(&stats->dpi_states);
    for (unsigned i = 0; i < ENGINE_MAX_SOURCES; i++) {
        read_source(h, sums, i, &stats->sources[i]);
    }
}

/* How the last engine ended, for the alert; only once a new one was started. */
static void read_restart(struct health *h, const struct engine_health *health, uint64_t mono_ns)
{
    uint32_t generation = atomic_load(&health->generation);
    if (generation == h->generation) {
        return;
    }
    uint32_t hung = atomic_load(&health->hung);
    uint32_t breadcrumb = atomic_load(&health->last_breadcrumb);
    if (h->generation != 0) {
        h->restarted_mono_ns = mono_ns;
    }
    h->sample.engine_exit = atomic_load(&health->last_exit);
    h->sample.engine_hung = hung != h->hung;
    h->sample.engine_switched_off = atomic_load(&health->switched_off) != 0;
    h->sample.engine_in_hand[0] = '\0';
    if (breadcrumb != 0) {
        dpi_protocol_name(breadcrumb - 1, h->sample.engine_in_hand,
                          sizeof h->sample.engine_in_hand);
    }
    h->hung = hung;
    h->generation = generation;
    h->sample.engine_generation = generation;
}

/* Gauges and sums of lanes are built anew each time; what lasts is kept. */
static void sample_begin(struct health *h, uint64_t wall_ns)
{
    struct agent_sample old = h->sample;
    h->sample = (struct agent_sample){
        .now_ns = wall_ns,
        .engine_generation = old.engine_generation,
        .engine_exit = old.engine_exit,
        .engine_hung = old.engine_hung,
        .engine_switched_off = old.engine_switched_off,
    };
    memcpy(h->sample.engine_in_hand, old.engine_in_hand, sizeof old.engine_in_hand);
}

static struct health_mark mark_of(const struct health *h, uint64_t mono_ns)
{
    return (struct health_mark){.mono_ns = mono_ns,
                                .packets = h->sample.packets,
                                .bytes = h->sample.bytes,
                                .cpu_ms = h->cpu_ms};
}

void health_read(struct health *h, const struct engine_link *link, uint64_t wall_ns,
                 uint64_t mono_ns)
{
    uint64_t packets = h->sample.packets;
    sample_begin(h, wall_ns);
    read_restart(h, link->health, mono_ns);
    h->sample.control_generation = atomic_load(&link->health->control_generation);
    for (unsigned i = 0; i < link->workers; i++) {
        read_lane(h, &h->lanes[i], &link->lanes[i]);
    }
    if (h->sample.packets != packets) {
        h->moved_mono_ns = mono_ns;
    }
    h->pss_bytes = load(&link->health->pss_bytes);
    h->cpu_ms = load(&link->health->cpu_ms);
    if (h->beat.mono_ns == 0) {
        h->beat = h->live = mark_of(h, mono_ns); /* rates begin here, also under an old engine */
    }
}

static unsigned reason_capture(const struct health *h, uint64_t mono_ns)
{
    bool young = mono_ns < h->start_mono_ns + (uint64_t)STARTING_S * NS_PER_S;
    bool running = false;
    bool failed = false;
    for (size_t i = 0; i < h->sample.source_count; i++) {
        enum sample_source_state state = h->sample.sources[i].state;
        failed = failed || state == SAMPLE_SOURCE_FAILED;
        running = running || state == SAMPLE_SOURCE_RUNNING;
    }
    return failed || (!running && !young) ? REASON_CAPTURE_STOPPED : 0;
}

static bool is_above(uint64_t lost, uint64_t kept, unsigned permille)
{
    return lost > 0 && lost * 1000 > (lost + kept) * permille;
}

static unsigned reason_drops(struct health *h, const struct health_outside *outside)
{
    uint64_t kernel = 0;
    for (size_t i = 0; i < h->sample.source_count; i++) {
        kernel += h->sample.sources[i].dropped;
    }
    memmove(&h->minute[1], &h->minute[0], HEALTH_MINUTE * sizeof h->minute[0]);
    h->minute[0] = (struct health_loss){
        .packets = h->sample.packets,
        .packets_lost = kernel + h->sample.table_dropped,
        .records = outside->records,
        .records_lost = h->sample.ring_dropped,
    };
    const struct health_loss *now = &h->minute[0];
    const struct health_loss *then = &h->minute[HEALTH_MINUTE];
    bool lossy = is_above(now->packets_lost - then->packets_lost, now->packets - then->packets,
                          DROPS_PERMILLE) ||
                 is_above(now->records_lost - then->records_lost, now->records - then->records,
                          DROPS_PERMILLE);
    return lossy ? REASON_DROPS : 0;
}

static unsigned reasons(struct health *h, const struct health_outside *outside, uint64_t mono_ns)
{
    unsigned bits = reason_capture(h, mono_ns) | reason_drops(h, outside);
    if (h->sample.spool_cap_bytes > 0 && h->sample.spool_bytes > h->sample.spool_cap_bytes / 2) {
        bits |= REASON_SPOOL;
    }
    if (h->moved_mono_ns != 0 && mono_ns > h->moved_mono_ns + (uint64_t)SILENT_S * NS_PER_S) {
        bits |= REASON_NO_PACKETS;
    }
    if (outside->config_refused) {
        bits |= REASON_CONFIG;
    }
    if (h->restarted_mono_ns != 0 &&
        mono_ns < h->restarted_mono_ns + (uint64_t)RESTARTED_S * NS_PER_S) {
        bits |= REASON_ENGINE_RESTARTED;
    }
    return bits;
}

/* Per second, since the mark. */
static uint64_t per_second(uint64_t now, uint64_t then, uint64_t mono_ns, uint64_t since_ns)
{
    if (mono_ns <= since_ns || now < then) {
        return 0;
    }
    return (uint64_t)((double)(now - then) * NS_PER_S / (double)(mono_ns - since_ns));
}

static struct drops drops_of(const struct health *h, const struct health_outside *outside)
{
    struct drops drops = {
        .ring = h->sample.ring_dropped,
        .table = h->sample.table_dropped,
        .queue = outside->queue_dropped,
        .spool = h->sample.spool_dropped,
        .client = outside->client_dropped,
        .half_open = h->sample.openings_dropped,
        .early = h->sample.flows_early,
    };
    for (size_t i = 0; i < h->sample.source_count; i++) {
        drops.kernel += h->sample.sources[i].dropped;
    }
    return drops;
}

uint64_t health_dropped(const struct health *h, const struct health_outside *outside)
{
    struct drops d = drops_of(h, outside);
    return d.kernel + d.ring + d.table + d.queue + d.spool + d.client + d.half_open;
}

struct heartbeat health_beat(struct health *h, const struct health_outside *outside,
                             uint64_t wall_ns, uint64_t mono_ns)
{
    const struct health_mark *since = &h->beat;
    struct heartbeat beat = {
        .number = ++h->number,
        .wall_ns = wall_ns,
        .uptime_s = (mono_ns - h->start_mono_ns) / NS_PER_S,
        .reasons = reasons(h, outside, mono_ns),
        .bps = per_second(h->sample.bytes, since->bytes, mono_ns, since->mono_ns) * 8,
        .pps = per_second(h->sample.packets, since->packets, mono_ns, since->mono_ns),
        .hosts = outside->hosts,
        .flows = h->sample.flows,
        .engaged = outside->engaged,
        .flow_alerts = outside->flow_alerts,
        .config_revision = outside->config_revision,
        .denied = outside->denied,
        .drops = drops_of(h, outside),
        .spool_bytes = h->sample.spool_bytes,
        .spool_age_s = h->sample.spool_age_s,
        .rss_bytes = h->pss_bytes,
        /* ms of processor time a second of clock time is permille of one core */
        .cpu_permille = (uint32_t)per_second(h->cpu_ms, since->cpu_ms, mono_ns, since->mono_ns),
    };
    memcpy(beat.boot, h->boot, sizeof beat.boot);
    h->beat = mark_of(h, mono_ns);
    return beat;
}

struct live_sample health_live(struct health *h, const struct health_outside *outside,
                               uint64_t wall_ns, uint64_t mono_ns)
{
    const struct health_mark *since = &h->live;
    struct live_sample live = {
        .wall_ns = wall_ns,
        .bps = per_second(h->sample.bytes, since->bytes, mono_ns, since->mono_ns) * 8,
        .pps = per_second(h->sample.packets, since->packets, mono_ns, since->mono_ns),
        .flows = h->sample.flows,
        .hosts = outside->hosts,
        .drops = health_dropped(h, outside),
    };
    h->live = mark_of(h, mono_ns);
    return live;
}
