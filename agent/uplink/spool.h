/*
 * The spool: what an agent has accepted and the centre has not yet committed, on disk, one stream
 * a kind (stream.h). It holds the whole to its cap, writes the ledger, and hands out what must be
 * synced so that the disk never stops the loop. It knows no network; publish.c drives it.
 * One thread, except spool_sync_run.
 */
#pragma once

#include "agent/uplink/stream.h"
#include "common/err.h"
#include "common/wire/subjects.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

/*
 * The lanes of the spool: one a stream, by its number; and for those whose backlog can be long, a
 * second one that holds what waited when the agent came back, under the epoch it was written in.
 * So what is new does not queue behind it.
 */
enum spool_lane {
    SPOOL_COUNTER_LATE = STREAM_COUNT + 1,
    SPOOL_FLOW_LATE,
    SPOOL_LANES_END, /* lanes are 1 to below this */
};
/* The stream that a lane belongs to. */
enum wire_stream spool_stream_of(unsigned lane);

struct spool_options {
    const char *dir;    /* made when missing; the streams are folders in it */
    uint64_t cap_bytes; /* of all streams; 1 MiB or more */
    int ledger_fd;      /* "WORD EPOCH SEQ" a line for each accepted record; -1: none */
    uint64_t now_s;     /* unix seconds, for new epochs */
};

/* NULL and e when the folder cannot be used. */
struct spool *spool_open(const struct spool_options *options, struct err *e);
/* Syncs, saves what was acknowledged, closes. NULL is fine. */
void spool_close(struct spool *s);

/*
 * Accepts a record: 0 and *sequence (may be NULL). When the cap is reached the oldest goes:
 * acknowledged ones first, then flows, counters, and alerts last. -1 and e when the record itself
 * is refused (no room, disk): then it counts as dropped and the centre is told of the gap.
 */
int spool_append(struct spool *s, enum wire_stream stream, const void *bytes, size_t len,
                 uint64_t *sequence, struct err *e);

/* Writes what was accepted: before its owner's loop waits, so that it outlives the process. */
void spool_flush(struct spool *s);

/* fdatasync away from the loop: begin on the loop, run on any thread, end on the loop. */
struct spool_sync {
    unsigned lane;
    int fd; /* a duplicate; -1 when there is nothing to do */
    uint64_t epoch;
    uint64_t upto;
    int failed; /* errno of fdatasync, 0 when well */
};
/* False when everything of the lane is durable already. */
bool spool_sync_begin(struct spool *s, unsigned lane, struct spool_sync *job);
void spool_sync_run(struct spool_sync *job);
void spool_sync_end(struct spool *s, const struct spool_sync *job);

/* A batch from `from` on, as stream_read; only durable records. */
int spool_read(struct spool *s, unsigned lane, uint64_t from, uint32_t max, struct stream_batch *b,
               struct err *e);
/* The centre has committed up to `upto` of that epoch; another epoch is ignored. */
void spool_ack(struct spool *s, unsigned lane, uint64_t epoch, uint64_t upto);
/*
 * What the centre says it has (0, 0 when it knows nothing). When it knows more of our epoch than
 * we ever wrote, or a later epoch, the stream begins a new one with what the centre cannot know:
 * what a folder put back from an older copy held of that epoch is stored. Returns the sequence to
 * send next.
 */
uint64_t spool_reconcile(struct spool *s, enum wire_stream stream, uint64_t epoch, uint64_t upto,
                         uint64_t now_s);
/*
 * Sets what waits of a stream aside as its late lane, if there is one for it, if the lane of an
 * earlier absence is through, and if at least `least` records wait. The stream begins a new epoch.
 * True when it was done.
 */
bool spool_set_aside(struct spool *s, enum wire_stream stream, uint64_t least, uint64_t now_s);
/* Saves what was acknowledged: call every few seconds. */
void spool_save(struct spool *s);

struct spool_place {
    uint64_t epoch, acked, durable, tail; /* sequences; 0 when nothing was written yet */
};
/* All 0 for a late lane that is not there. */
struct spool_place spool_place(const struct spool *s, unsigned lane);

struct spool_stats {
    uint64_t bytes; /* in segments that hold unacknowledged records */
    uint64_t cap_bytes;
    uint64_t records;        /* not yet acknowledged */
    uint64_t oldest_wall_ns; /* when the oldest of them was accepted, 0 when none or not known */
    uint64_t dropped;        /* records refused or dropped for room, since open */
    bool failed;             /* the disk refused the last write */
};
void spool_stats(const struct spool *s, struct spool_stats *stats);
