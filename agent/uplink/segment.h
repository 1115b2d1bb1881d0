/*
 * One file of a spool: a head, then records, each with length, CRC32C and sequence. Written only
 * at its end. Sequences grow from record to record; where one is left out, the records in between
 * never reached the disk. Called by stream.c alone, on one thread.
 * File: "PKS1", u32 zero, u64 epoch, u64 first; record: u32 length, u32 CRC32C of the sequence and
 * the bytes, u64 sequence, bytes. All little-endian.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SEGMENT_HEAD_SIZE = 24,
    SEGMENT_RECORD_HEAD_SIZE = 16,
    SEGMENT_RECORD_MAX = 64 * 1024, /* bytes of one record: a length above is damage */
    SEGMENT_PATH_SIZE = 1024
};

/* Epochs and sequences are signed 64-bit numbers at the centre. */
#define SEGMENT_SEQUENCE_MAX ((uint64_t)INT64_MAX - 1)

struct segment {
    uint64_t epoch;
    uint64_t first; /* the sequence that gave the file its name */
    uint64_t next;  /* one past the last record's sequence */
    uint64_t size;  /* bytes of good records and head */
};

/* DIR/SEQUENCE.seg, the sequence in 20 digits so that names sort. 0, or -1 when too long. */
int segment_path(const char *dir, uint64_t first, char path[SEGMENT_PATH_SIZE], struct err *e);

/* Makes the file and its head; returns a descriptor for segment_append, or -1 and e. */
int segment_create(const char *dir, uint64_t epoch, uint64_t first, struct segment *s,
                   struct err *e);

/*
 * Puts one record, as it is to stand at the segment's end, into a buffer with room for it and its
 * head. The segment counts it from now on; sequence ≥ s->next. Returns its bytes, 0 and e when it
 * is refused.
 */
size_t segment_frame(struct segment *s, uint64_t sequence, const void *bytes, size_t len,
                     uint8_t *buf, struct err *e);
/* Writes the last len bytes that were framed. On failure the file is as it was before. */
int segment_write(const struct segment *s, int fd, const uint8_t *bytes, size_t len, struct err *e);

/*
 * Reads the head alone: s->size is the file's, s->next is s->first until the caller knows better.
 * Returns -1 and e when the head is not good.
 */
int segment_head(int fd, struct segment *s, struct err *e);
/*
 * Walks the whole file and fills *s up to the last good record with a sequence of at most `upto`.
 * cut tells that bytes follow it. Returns -1 and e when not even the head is good.
 */
int segment_scan(int fd, uint64_t upto, struct segment *s, bool *cut, struct err *e);

/* A place in a segment, between two records. */
struct segment_cursor {
    uint64_t offset;
};
/* Reads the record at the cursor into buf (SEGMENT_RECORD_MAX) and moves on. 1; 0 at s->size; -1
 * and e on damage. */
int segment_read(int fd, const struct segment *s, struct segment_cursor *at, uint64_t *sequence,
                 void *buf, size_t *len, struct err *e);
