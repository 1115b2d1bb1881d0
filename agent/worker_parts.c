#include "agent/worker_parts.h"

#include "agent/decode/decode.h"
#include "agent/dpi/risks.h"
#include "agent/flow/parts.h"
#include "common/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    QUIET_WAIT_MS = 250,
    FILE_WAIT_MS = 10, /* a paced file is read in gulps of this length */
    AWAIT_STEP_MS = 2,
    AWAIT_STEPS = 100, /* so often, then control counts as dead or dying */
};

static uint64_t ns_of_ms(int64_t ms)
{
    return (uint64_t)ms * NS_PER_MS;
}

static struct flow_limits limits_of(const struct settings *s)
{
    const int64_t settle_ms = 300; /* the last ACKs of a connection come within this */
    return (struct flow_limits){
        .idle_tcp = ns_of_ms(s->flow_idle_tcp),
        .idle_udp = ns_of_ms(s->flow_idle_udp),
        .idle_other = ns_of_ms(s->flow_idle_other),
        .unanswered = ns_of_ms(s->flow_unanswered),
        .linger = ns_of_ms(s->flow_linger),
        .report = ns_of_ms(s->flow_report),
        .account = ns_of_ms(ACCOUNT_PERIOD_MS),
        .settle = ns_of_ms(settle_ms),
    };
}

static void set_state(struct source_stats *stats, enum source_state state)
{
    /* Read by control with acquire, so that name and error stand before the state. */
    atomic_store_explicit(&stats->state, state, memory_order_release);
}

static void note_failure(struct worker *w, unsigned index, const char *why)
{
    struct source_stats *stats = &w->lane->stats->sources[index];
    (void)snprintf(stats->error, sizeof stats->error, "%.*s", (int)sizeof stats->error - 1, why);
    set_state(stats, SOURCE_FAILED);
}

/* Of a link type that nobody decodes no packet would count: that is told before the first. */
static struct source *open_known(const char *word, const struct source_options *options,
                                 struct err *e)
{
    char number[16];
    struct source *s = source_open(word, options, e);
    if (s == NULL || s->collects || decode_knows_link(s->link_type)) {
        return s;
    }
    (void)err_set(e, ERR_PARSE, "%s: link type %s is none of " DECODE_LINK_NAMES, s->label,
                  source_link_name(s->link_type, number, sizeof number)); /* NULL says it here */
    source_close(s);
    return NULL;
}

static void open_one(struct worker *w, const struct settings *s, unsigned index)
{
    const char *word = s->capture_sources.items[index];
    struct source_options options = {
        .filter = s->capture_filter,
        .ring = s->capture_ring,
        .snaplen = s->capture_snaplen,
        .fanout = w->share.count,
        /* Unique among the processes of this machine as far as 16 bits go. */
        .fanout_group = (uint16_t)((unsigned)getpid() * ENGINE_MAX_SOURCES + index),
        .fanout_key = w->share.key,
    };
    struct err e = {0};
    struct source *source = open_known(word, &options, &e);
    w->sources[index].source = source;
    w->sources[index].live = source != NULL && source->live;
    if (source == NULL) {
        note_failure(w, index, e.what);
        return;
    }
    w->open_sources++;
    w->collects = w->collects || source->collects;
    w->keeps_time = w->keeps_time && source->keeps_time;
    set_state(&w->lane->stats->sources[index], SOURCE_RUNNING);
}

static void open_sources(struct worker *w, const struct settings *s)
{
    w->source_count = (unsigned)s->capture_sources.count;
    w->keeps_time = true;
    for (unsigned i = 0; i < w->source_count; i++) {
        const char *word = s->capture_sources.items[i];
        (void)source_label(word, w->labels[i]);
        w->emitter.labels[i] = w->labels[i];
        if (source_is_collector(word) && w->share.index != 0) {
            continue; /* an exporter's port is the first worker's alone */
        }
        struct source_stats *stats = &w->lane->stats->sources[i];
        memcpy(stats->name, w->labels[i], sizeof stats->name);
        stats->collects = source_is_collector(word);
        open_one(w, s, i);
    }
    w->keeps_time = w->keeps_time && w->open_sources > 0;
}

_Static_assert((int)SOURCE_LABEL_SIZE == (int)SOURCE_NAME_SIZE, "labels are copied whole");

struct worker *worker_new(const struct settings *settings, struct engine_link *link, unsigned index,
                          struct err *e)
{
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for a worker");
        return NULL;
    }
    w->lane = &link->lanes[index];
    w->wake_fd = link->to_worker[index];
    w->finish_at = 1;
    w->share = (struct share){.key = link->share_key, .index = index, .count = link->workers};
    w->last_id = index + 1 - (uint64_t)link->workers; /* so that the first is index + 1 */
    w->tunnels = settings->tunnels;
    const struct flow_limits limits = limits_of(settings);
    const struct half_open_limits opening = {.unanswered = limits.unanswered,
                                             .account = limits.account};
    w->unanswered_ns = limits.unanswered;
    const struct dpi_options options = {
        .enabled = settings->dpi_enabled,
        .strict = settings->dpi_strict,
        .disabled = (const char *const *)settings->dpi_disabled.items,
        .disabled_count = settings->dpi_disabled.count,
        .max_states = (uint32_t)settings->dpi_max_states,
        .breadcrumb = &w->lane->stats->breadcrumb,
    };
    if ((w->batch = batch_new(e)) == NULL ||
        (w->fragments = fragments_new((size_t)settings->capture_fragments, e)) == NULL ||
        (w->table = flow_table_new((uint32_t)settings->flow_max, e)) == NULL ||
        (w->expiry = flow_expiry_new(&limits, w->table, e)) == NULL ||
        (w->openings = half_open_new((uint32_t)settings->flow_half_open, &opening, e)) == NULL ||
        (w->sight = sight_new(e)) == NULL ||
        (w->prints = prints_new((uint32_t)settings->flow_max, e)) == NULL ||
        (w->dpi = dpi_new(&options, e)) == NULL) {
        worker_free(w);
        return NULL;
    }
    w->emitter = (struct emitter){.lane = w->lane,
                                  .to_control = link->to_control,
                                  .table = w->table,
                                  .prints = w->prints,
                                  .rules = &link->health->rules};
    open_sources(w, settings);
    if (w->collects && (w->collector = collector_new(e)) == NULL) {
        worker_free(w);
        return NULL;
    }
    worker_publish(w, 0);
    return w;
}

static void drop_states(struct worker *w)
{
    for (uint32_t i = 1; i <= flow_table_span(w->table); i++) {
        struct flow *f = flow_table_at(w->table, i);
        if (f != NULL) {
            dpi_drop(w->dpi, &f->dpi);
        }
    }
}

void worker_free(struct worker *w)
{
    if (w == NULL) {
        return;
    }
    if (w->dpi != NULL) {
        drop_states(w);
    }
    for (unsigned i = 0; i < w->source_count; i++) {
        source_close(w->sources[i].source);
    }
    collector_free(w->collector);
    dpi_free(w->dpi);
    sight_free(w->sight);
    half_open_free(w->openings);
    prints_free(w->prints);
    flow_expiry_free(w->expiry);
    flow_table_free(w->table);
    fragments_free(w->fragments);
    batch_free(w->batch);
    free(w);
}

void worker_stop(struct worker *w)
{
    const uint64_t one = 1;
    atomic_store_explicit(&w->stop, true, memory_order_relaxed); /* read by worker_run */
    (void)!write(w->wake_fd, &one, sizeof one);                  /* a full counter wakes as well */
}

struct flow_key worker_key_of(const struct endpoints *ends, enum flow_dir dir)
{
    bool from_client = dir == DIR_C2S;
    return (struct flow_key){
        .client = from_client ? ends->src : ends->dst,
        .server = from_client ? ends->dst : ends->src,
        .client_port = from_client ? ends->src_port : ends->dst_port,
        .server_port = from_client ? ends->dst_port : ends->src_port,
        .vlan = ends->vlan,
        .family = ends->family,
        .protocol = ends->protocol,
        .origin = ends->origin,
    };
}

void worker_note_verdict(struct flow_table *t, struct flow *f, const struct dpi_result *result)
{
    flow_set_names(t, f, result->protocol, result->app, result->category);
    f->confidence = result->confidence;
    if (f->key.protocol == PROTO_TCP || f->holds == PART_QUIC) {
        f->quality_class = (uint8_t)qoe_class_of(result->category, result->protocol);
    }
    f->risks |= result->risks | risks_of_name(result->host);
    if (result->host[0] != '\0' || result->info[0] != '\0') {
        flow_set_text(t, f, TEXT_HOST, result->host);
        flow_set_text(t, f, TEXT_INFO, result->info);
    }
}

_Static_assert((int)DPI_HOST_SIZE == (int)HOST_NAME_SIZE &&
                   (int)DPI_INFO_SIZE == (int)HOST_NAME_SIZE,
               "texts are copied whole");

void worker_source_over(struct worker *w, unsigned index, enum source_state state)
{
    struct source *source = w->sources[index].source;
    if (state == SOURCE_FAILED) {
        note_failure(w, index, source->error);
    } else {
        set_state(&w->lane->stats->sources[index], state);
    }
    source_close(source);
    w->sources[index].source = NULL;
    w->open_sources--;
    if (w->open_sources == 0) {
        w->keeps_time = false; /* nothing more comes: what is open may run out by the clock */
    }
}

static void follow_clock(struct worker *w, uint64_t wall_ns)
{
    uint64_t back_ns = w->wall_ns > wall_ns ? w->wall_ns - wall_ns : 0;
    w->wall_ns = wall_ns;
    if (back_ns < SOURCE_STEP_NS || w->keeps_time) {
        return; /* timers catch up with less by themselves */
    }
    flow_expiry_shift_back(w->expiry, back_ns);
    half_open_shift_back(w->openings, back_ns);
    fragments_shift_back(w->fragments, back_ns);
    w->clock_ns = w->clock_ns > back_ns ? w->clock_ns - back_ns : 0;
    w->timers_ns = w->clock_ns;
}

uint64_t worker_begin_turn(struct worker *w)
{
    uint64_t wall_ns = clock_wall_ns();
    follow_clock(w, wall_ns);
    return wall_ns;
}

static void set64(_Atomic uint64_t *to, uint64_t value)
{
    atomic_store_explicit(to, value, memory_order_relaxed); /* read by control, each by itself */
}

static void publish_sources(struct worker *w, bool ask_kernel)
{
    for (unsigned i = 0; i < w->source_count; i++) {
        struct worker_source *ws = &w->sources[i];
        struct source_stats *stats = &w->lane->stats->sources[i];
        if (ask_kernel && ws->source != NULL) {
            ws->source->ops->stats(ws->source, &ws->dropped);
        }
        set64(&stats->packets, ws->packets);
        set64(&stats->bytes[0], ws->bytes[0]);
        set64(&stats->bytes[1], ws->bytes[1]);
        set64(&stats->kernel_dropped, ws->dropped);
        if (ws->source != NULL) {
            atomic_store_explicit(&stats->read_permille, ws->source->permille,
                                  memory_order_relaxed);
        }
    }
}

void worker_publish(struct worker *w, uint64_t wall_ns)
{
    struct worker_stats *stats = w->lane->stats;
    bool ask_kernel = wall_ns - w->stats_ns >= NS_PER_S;
    if (ask_kernel) {
        w->stats_ns = wall_ns;
        worker_tell_exporters(w);
    }
    set64(&stats->progress, ++w->progress);
    set64(&stats->packets, w->packets);
    set64(&stats->bytes, w->bytes);
    set64(&stats->undecoded, w->undecoded);
    set64(&stats->fragments_shed, w->fragments_shed);
    set64(&stats->flows, flow_table_count(w->table) + half_open_count(w->openings));
    set64(&stats->flows_max, flow_table_max(w->table));
    set64(&stats->flows_refused, w->refused);
    set64(&stats->shed_openings, w->shed.openings);
    set64(&stats->shed_flows, w->shed.flows[WORTH_UNANSWERED] + w->shed.flows[WORTH_SILENT] +
                                  w->shed.flows[WORTH_SHORT]); /* the other kind was told already */
    set64(&stats->dpi_states, dpi_states(w->dpi));
    set64(&stats->dpi_refused, dpi_refused(w->dpi));
    set64(&stats->clock_ns, w->clock_ns);
    publish_sources(w, ask_kernel);
}

void worker_wait(struct worker *w, uint64_t wall_ns)
{
    struct pollfd fds[ENGINE_MAX_SOURCES + 1] = {{.fd = w->wake_fd, .events = POLLIN}};
    unsigned count = 1;
    int wait_ms = QUIET_WAIT_MS;
    for (unsigned i = 0; i < w->source_count; i++) {
        const struct source *s = w->sources[i].source;
        if (s != NULL && s->fd >= 0) {
            fds[count++] = (struct pollfd){.fd = s->fd, .events = POLLIN};
        } else if (s != NULL) {
            uint64_t ms = s->due_ns > wall_ns ? (s->due_ns - wall_ns) / NS_PER_MS + 1 : 0;
            ms = ms < FILE_WAIT_MS ? FILE_WAIT_MS : ms;
            wait_ms = ms < (uint64_t)wait_ms ? (int)ms : wait_ms;
        }
    }
    if (poll(fds, count, wait_ms) > 0 && fds[0].revents != 0) {
        uint64_t value;
        (void)!read(w->wake_fd, &value, sizeof value); /* only empties it */
    }
}

bool worker_await_room(const struct worker *w)
{
    const struct timespec step = {.tv_nsec = AWAIT_STEP_MS * NS_PER_MS};
    for (unsigned i = 0; i < AWAIT_STEPS; i++) {
        if (ring_depth(w->lane->flows) < ENGINE_FLOW_SLOTS / 2 &&
            ring_depth(w->lane->accounts) < ENGINE_ACCOUNT_SLOTS / 2) {
            return true;
        }
        (void)nanosleep(&step, NULL); /* woken early is as well */
    }
    return false;
}
