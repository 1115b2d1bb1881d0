/*
 * One batch of a spooled stream, unpacked into its records with their sequences, and its place
 * relative to what is stored already. Pure; the store writer is the only caller.
 */
#pragma once

#include "common/err.h"
#include "common/wire/delivery.h"
#include "common/wire/envelope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch_record {
    uint64_t seq; /* of the record; of a gap: its first missing sequence */
    bool is_gap;
    struct gap gap;       /* when is_gap */
    const uint8_t *bytes; /* inside the batch's body */
    size_t len;
};

struct batch {
    struct envelope env;
    uint8_t *body; /* owned */
    size_t body_len;
    struct batch_record *records; /* owned; count of them, in order, without holes */
    unsigned count;
    uint64_t last_seq;
};

/*
 * Unpacks what came on the subject of `stream`. -1 with a reason for the quarantine when the
 * envelope, a frame or a gap is not sound, or the kind is another stream's.
 */
int batch_open(struct batch *b, enum wire_stream stream, const void *bytes, size_t len,
               struct err *e);
void batch_close(struct batch *b);

enum batch_place {
    BATCH_FITS, /* begins right after what is stored, once trimmed */
    BATCH_OLD,  /* all of it is stored already: acknowledge, store nothing */
    BATCH_HOLE, /* records before it are missing: ask for them */
};

/*
 * Where the batch stands when everything up to `stored` is (0: nothing of this epoch). An overlap
 * is trimmed off the front; *trimmed says how many records went.
 */
enum batch_place batch_place(struct batch *b, uint64_t stored, unsigned *trimmed);
