/*
 * What a worker consists of, and the small works around its packet path: making and ending it,
 * counters, verdicts. For worker.c and worker_parts.c only; everybody else has worker.h.
 */
#pragma once

#include "agent/collect/collect.h"
#include "agent/decode/fragment.h"
#include "agent/emit.h"
#include "agent/flow/expire.h"
#include "agent/questions.h"
#include "agent/sight.h"
#include "agent/worker.h"

#include <stdatomic.h>

/* One source and its sums; the lane's source_stats get them once a turn. */
struct worker_source {
    struct source *source; /* NULL: not opened, ended or failed */
    uint64_t packets;
    uint64_t bytes[2];
    uint64_t dropped;
};

struct worker {
    struct engine_lane *lane;
    int wake_fd;
    _Atomic bool stop; /* set by worker_stop, read by worker_run */
    /* The stages. */
    struct fragments *fragments;
    struct flow_table *table;
    struct flow_expiry *expiry;
    struct dpi *dpi;
    struct sight *sight;
    struct collector *collector; /* NULL: no source of ours collects */
    struct emitter emitter;
    struct questions questions;
    /* Packet time. */
    uint64_t clock_ns;
    uint64_t timers_ns; /* when the timers were last all seen to */
    uint64_t wall_ns;   /* of the turn in hand */
    bool keeps_time;    /* every source is a file that keeps its own times */
    bool collects;      /* a source gives datagrams of flow exporters */
    /* Sums. */
    uint64_t last_id;
    uint64_t packets;
    uint64_t bytes;
    uint64_t undecoded;
    uint64_t refused;
    uint64_t progress;
    uint64_t stats_ns; /* when the kernel was last asked for its drops */
    uint32_t finish_at;
    unsigned reading; /* index of the source in hand */
    unsigned source_count;
    unsigned open_sources;
    char labels[ENGINE_MAX_SOURCES][SOURCE_LABEL_SIZE];
    struct worker_source sources[ENGINE_MAX_SOURCES];
};

static inline void worker_count(struct worker *w, uint32_t len)
{
    w->packets++;
    w->bytes += len;
    w->sources[w->reading].packets++;
}

static inline void worker_count_direction(struct worker *w, enum flow_dir dir, uint32_t len)
{
    w->sources[w->reading].bytes[dir] += len;
}

static inline void worker_look_for_names(struct worker *w, const struct packet *p)
{
    if (p->ends.protocol == PROTO_UDP && !p->later_fragment) {
        sight_packet(w->sight, &w->emitter, p);
    }
}

/* Takes in a datagram of a flow exporter; arg is the worker (worker_collect.c). */
void worker_collect(const struct packet_view *view, void *arg);
/* Sends control how the exporters fare. */
void worker_tell_exporters(struct worker *w);
/* The key of a flow whose first packet goes from these ends in this direction. */
struct flow_key worker_key_of(const struct endpoints *ends, enum flow_dir dir);
/* Copies what DPI knows into the flow. */
void worker_note_verdict(struct flow_table *t, struct flow *f, const struct dpi_result *result);
/* Closes a source that ended or failed, and tells. */
void worker_source_over(struct worker *w, unsigned index, enum source_state state);
/*
 * The wall clock for the turn that begins. When it was set back, all that the worker knows of
 * times goes back with it.
 */
uint64_t worker_begin_turn(struct worker *w);
/* Writes all sums where control reads them; asks the kernel for its drops once a second. */
void worker_publish(struct worker *w, uint64_t wall_ns);
/*
 * At the end: gives control a moment while a ring is more than half full. False when it used up
 * its time: it is dead or dying, and not to be waited for again.
 */
bool worker_await_room(const struct worker *w);
