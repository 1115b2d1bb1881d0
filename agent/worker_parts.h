/*
 * What a worker consists of, and the small works around its packet path: making and ending it,
 * counters, verdicts. For worker.c and worker_parts.c only; everybody else has worker.h.
 */
#pragma once

#include "agent/batch.h"
#include "agent/collect/collect.h"
#include "agent/decode/fragment.h"
#include "agent/dpi/bursts.h"
#include "agent/dpi/repeats.h"
#include "agent/emit.h"
#include "agent/flow/expire.h"
#include "agent/flow/half_open.h"
#include "agent/flow/shed.h"
#include "agent/questions.h"
#include "agent/share.h"
#include "agent/sight.h"
#include "agent/worker.h"

#include <stdatomic.h>

/* What went from full tables. */
struct worker_shed {
    uint32_t hand;              /* where the table is looked at next */
    uint64_t openings;          /* unanswered SYNs without a record */
    uint64_t flows[WORTH_KEPT]; /* told to their end before their time, by enum flow_worth */
};

/* One source and its sums; the lane's source_stats get them once a turn. */
struct worker_source {
    struct source *source; /* NULL: not opened, ended or failed */
    bool live;             /* an interface, of which this worker gets its share */
    uint64_t packets;
    uint64_t bytes[2];
    uint64_t dropped;
};

struct worker {
    struct engine_lane *lane;
    int wake_fd;
    _Atomic bool stop; /* set by worker_stop, read by worker_run */
    /* The stages. */
    unsigned tunnels; /* TUNNEL_BIT of those that are opened */
    struct batch *batch;
    struct fragments *fragments;
    struct flow_table *table;
    struct flow_expiry *expiry;
    struct half_open_cache *openings;
    uint64_t unanswered_ns; /* an opening is given up after it */
    struct dpi *dpi;
    struct sight *sight;
    struct prints *prints;
    struct collector *collector; /* NULL: no source of ours collects */
    struct emitter emitter;
    struct questions questions;
    void (*make_room)(void *arg); /* NULL: what has no room waits */
    void *make_room_arg;
    /* Packet time. */
    uint64_t clock_ns;
    uint64_t timers_ns; /* when the timers were last all seen to */
    uint64_t wall_ns;   /* of the turn in hand */
    bool keeps_time;    /* every source is a file that keeps its own times */
    bool collects;      /* a source gives datagrams of flow exporters */
    struct share share;
    /* Sums. */
    uint64_t last_id; /* of a flow; those of all workers differ */
    uint64_t packets;
    uint64_t bytes;
    uint64_t undecoded;
    uint64_t fragments_shed;
    uint64_t refused;
    struct bursts bursts;
    struct repeats random; /* flows without a name and with random payloads */
    struct worker_shed shed;
    uint64_t progress;
    uint64_t stats_ns; /* when the kernel was last asked for its drops */
    uint32_t finish_at;
    unsigned reading; /* index of the source in hand */
    unsigned source_count;
    unsigned open_sources;
    char labels[ENGINE_MAX_SOURCES][SOURCE_LABEL_SIZE];
    struct worker_source sources[ENGINE_MAX_SOURCES];
};

static inline void worker_count(struct worker *w, uint32_t packets, uint32_t len)
{
    w->packets += packets;
    w->bytes += len;
    w->sources[w->reading].packets += packets;
}

static inline void worker_count_direction(struct worker *w, enum flow_dir dir, uint32_t len)
{
    w->sources[w->reading].bytes[dir] += len;
}

/* Packets of a file that nobody can take for a flow are the first worker's. */
static inline void worker_count_undecoded(struct worker *w, uint32_t packets, uint32_t len)
{
    if (w->sources[w->reading].live || w->share.index == 0) {
        worker_count(w, packets, len);
        worker_count_direction(w, DIR_C2S, len);
        w->undecoded += packets;
    }
}

/* Every worker reads a file as a whole, for the times in it, and takes what is its own. */
static inline bool worker_owns(const struct worker *w, const struct endpoints *ends)
{
    return w->sources[w->reading].live || share_has(&w->share, ends);
}

static inline uint64_t worker_next_id(struct worker *w)
{
    return w->last_id += w->share.count;
}

/* What a captured packet gave; bits. */
enum worker_decoded {
    DECODED_NOTHING = 0,
    DECODED_PACKET = 1,   /* one to be taken in */
    DECODED_FRAGMENT = 2, /* others may have been given up for it */
};

/* From captured bytes to the packet that counts: the one inside tunnels and fragments. */
enum worker_decoded worker_decode(struct worker *w, const struct packet_view *view,
                                  struct packet *p);

/* Takes in the fragments that no datagram was made of by now_ns: they count all the same. */
void worker_take_shed(struct worker *w, uint64_t now_ns);

static inline void worker_look_for_names(struct worker *w, const struct packet *p)
{
    if (p->ends.protocol == PROTO_UDP && !p->later_fragment) {
        sight_packet(w->sight, &w->emitter, p);
    }
}

/* Takes in a packet of a flow; true when the flow must be planned anew (worker.c). */
bool worker_note(struct worker *w, struct flow *f, const struct packet *p, enum flow_dir dir);

/* worker_due.c. Tells and ends what is due by packet time, as far as the rings have room. */
void worker_see_to_due(struct worker *w);

/* worker_end.c. What DPI knows becomes the flow's own. */
void worker_take_verdict(struct worker *w, struct flow *f);
/* Sends what is left to tell of an ended flow; false when the ring had no room. */
bool worker_send_last(struct worker *w, struct flow *f);
/* Segments that trickled in after the last record, such as late ACKs, get one of their own. */
void worker_remove_flow(struct worker *w, struct flow *f);
/* Tells the flow to its end and removes it. */
void worker_retire(struct worker *w, struct flow *f, enum flow_status status);
/* A new flow, in the place of a less valuable one when the table is full; NULL: no room. */
struct flow *worker_add_flow(struct worker *w, const struct flow_key *key);

/* worker_opening.c: connections that wait for their first answer. */
enum worker_opening {
    OPENING_NONE,     /* the packet is none of theirs */
    OPENING_WAITS,    /* it is a SYN, and was kept */
    OPENING_ANSWERED, /* its flow stands in the table now */
};

/* A TCP packet without a flow. */
enum worker_opening worker_opening(struct worker *w, uint32_t tag, const struct packet *p);
/* Makes it a flow; NULL when there is no room. */
struct flow *worker_promote(struct worker *w, uint32_t tag, struct half_open *h);
/* Sees to those that are due, at most budget of them; returns how many. */
unsigned worker_openings_due(struct worker *w, unsigned budget);
/* Gives one up; false when none is left. */
bool worker_openings_finish(struct worker *w);

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
/* Sleeps until a packet, a question, a paced file or a timer. */
void worker_wait(struct worker *w, uint64_t wall_ns);
/* Writes all sums where control reads them; asks the kernel for its drops once a second. */
void worker_publish(struct worker *w, uint64_t wall_ns);
/*
 * At the end: gives control a moment while a ring is more than half full. False when it used up
 * its time: it is dead or dying, and not to be waited for again.
 */
bool worker_await_room(const struct worker *w);
