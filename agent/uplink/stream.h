/*
 * One stream of the spool: numbered records in a folder of segments, appended at the tail and read
 * from any sequence that is still kept. Nothing is lost without a word: where sequences are
 * missing (dropped for room, refused by the disk, torn by a crash), reading gives a gap record in
 * their place. One thread, except that the caller may fdatasync a descriptor elsewhere.
 *
 * The epoch belongs to the folder, not to the boot: it is made anew only when the folder is, or
 * when the centre knows sequences that the folder does not.
 */
#pragma once

#include "agent/uplink/segment.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
    char dir[SEGMENT_PATH_SIZE];
    uint64_t epoch;
    uint64_t next;            /* the sequence that the next record gets; the first is 1 */
    uint64_t durable;         /* up to and with this one, fdatasync has returned */
    uint64_t acked;           /* up to and with this one, the centre has committed */
    uint64_t dropped_upto;    /* gaps up to here are for want of room */
    uint64_t saved_acked;     /* what the state file says */
    uint64_t segment_max;     /* bytes after which a new segment begins */
    struct segment *segments; /* oldest first; the last one is written */
    size_t count, room;
    int write_fd;
    uint8_t *pending;       /* records at its end that are not written yet; NULL until the first */
    size_t pending_len;     /* bytes of them */
    uint64_t pending_first; /* their first sequence, when there are any */
    unsigned pending_count;
    int read_fd; /* of the segment that was read last; -1 */
    uint64_t read_first;
    uint64_t read_next; /* sequence that the read cursor has reached */
    struct segment_cursor read_at;
};

/* Opens or makes the folder. now_s: unix seconds, for a new epoch. */
int stream_open(struct stream *s, const char *dir, uint64_t segment_max, uint64_t now_s,
                struct err *e);
/* Saves what was acknowledged and closes the files; safe on a stream that failed to open. */
void stream_close(struct stream *s);

/* 0 and *sequence once the record is taken (to be written by stream_flush); -1 and e otherwise. */
int stream_append(struct stream *s, const void *bytes, size_t len, uint64_t *sequence,
                  struct err *e);
/*
 * Writes what was taken: many records at once, since each writing costs more than a record does.
 * The owner calls it before it waits for anything; it survives the process then. -1 and e: still
 * pending.
 */
int stream_flush(struct stream *s, struct err *e);
/* Gives up what is pending, which becomes a gap. Returns how many records. */
unsigned stream_forget_pending(struct stream *s);
/* Gives up the next sequence: its record was refused, and the centre will be told of a gap. */
void stream_skip(struct stream *s, bool for_room);

/* Everything written so far is durable up to `upto` (the caller has called fdatasync). */
void stream_set_durable(struct stream *s, uint64_t upto);
/*
 * fdatasync has failed, and what the kernel still shows may be gone tomorrow: everything that is
 * not yet durable becomes a gap, and a new segment begins.
 */
int stream_distrust(struct stream *s, struct err *e);
/* The centre has committed up to `upto`; more than was ever written is ignored. */
void stream_ack(struct stream *s, uint64_t upto);
/* Writes what was acknowledged to the state file if it changed: once in a while, and at the end. */
int stream_save(struct stream *s, struct err *e);

/* A batch of framed records, as an envelope's body. */
struct stream_batch {
    uint8_t *body; /* caller's buffer of `size` bytes */
    size_t size;
    size_t len;
    uint32_t count;
    uint64_t first; /* sequence of the first record */
    uint64_t last;  /* last sequence covered, by a record or a gap */
};
/* Fills b with at most max durable records from `from` on. count is 0 when there is none. */
int stream_read(struct stream *s, uint64_t from, uint32_t max, struct stream_batch *b,
                struct err *e);

/* Unlinks the oldest segment; acknowledged_only: not when it still holds unsent records. Returns
 * the bytes freed, 0 when nothing may go. */
uint64_t stream_drop_oldest(struct stream *s, bool acknowledged_only);
/* Records not yet acknowledged begin anew under a higher epoch, from sequence 1. */
int stream_new_epoch(struct stream *s, uint64_t now_s, struct err *e);

/* Closes it and unlinks its files and its folder. */
int stream_remove(struct stream *s, struct err *e);

uint64_t stream_bytes(const struct stream *s);
/* Bytes of segments that hold records not yet acknowledged. */
uint64_t stream_waiting_bytes(const struct stream *s);
