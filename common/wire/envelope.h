/*
 * The 48-byte little-endian header in front of every batch, and the limits that hold before
 * anything inside is looked at. Layout: 0 magic "PKT1"; 4 version u8; 5 kind u8; 6 flags u16;
 * 8 epoch u64; 16 first_seq u64; 24 wall_ns u64; 32 raw_len u32; 36 count u16; 38 schema u16;
 * 40 crc32c u32 (header with crc 0, then the body as sent); 44 reserved, zero.
 */
#pragma once

#include "common/err.h"
#include "common/reader.h"
#include "common/wire/subjects.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ENVELOPE_SIZE = 48,
    ENVELOPE_VERSION = 1,
    ENVELOPE_FLAG_ZLIB = 1,
    ENVELOPE_FLAG_REPLAYED = 2,
    ENVELOPE_FLAG_LATE = 4,         /* back-fill: what waited while the sender was away */
    WIRE_MAX = 256 * 1024,          /* bytes as sent, header included */
    WIRE_MAX_RAW = 4 * 1024 * 1024, /* bytes once inflated */
    WIRE_MAX_RATIO = 20,
    WIRE_COMPRESS_FROM = 1024, /* bytes; smaller bodies travel as they are */
    BATCH_MAX_RECORDS = 500,
    BATCH_MAX_BYTES = 128 * 1024,
    JSON_MAX_DEPTH = 16,
};

/* True when the header of these bytes, which nobody has checked yet, says that it is back-fill. */
bool envelope_says_late(const void *bytes, size_t len);

struct envelope {
    uint8_t version;
    uint8_t kind; /* enum wire_stream */
    uint16_t flags;
    uint64_t epoch;     /* of the spool that numbered the records */
    uint64_t first_seq; /* of the first record; the others follow without a gap */
    uint64_t wall_ns;   /* sender's clock when packed */
    uint16_t count;     /* records */
    uint16_t schema;    /* of the records, per stream */
};

/*
 * Packs header and body (count records, each u32 length + bytes, as the spool holds them) into a
 * new buffer of *len bytes, compressed when that pays. The caller frees. NULL and e on failure.
 */
uint8_t *envelope_pack(const struct envelope *env, const void *body, size_t body_len, size_t *len,
                       struct err *e);

/*
 * Checks magic, version, limits, CRC and ratio before inflating; *body is a new buffer that the
 * caller frees. Returns 0, or -1 with a reason fit for the quarantine table.
 */
int envelope_unpack(const void *bytes, size_t len, struct envelope *env, uint8_t **body,
                    size_t *body_len, struct err *e);

/* The frame of a record inside a body: u32 length, then so many bytes. */
enum { RECORD_FRAME_SIZE = 4 };

/*
 * Walks a body of framed records: gives the next one, borrowed. Returns 1; 0 at the end; -1 and e
 * when a length passes the end of the body.
 */
int record_next(struct reader *body, const uint8_t **bytes, size_t *len, struct err *e);

/* CRC32C (Castagnoli), continuing from crc (0 to begin). */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
/* The form for processors without the instruction; here so that a test can hold both together. */
uint32_t crc32c_by_tables(uint32_t crc, const void *bytes, size_t len);
