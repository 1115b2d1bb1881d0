/*
 * Packets on their way through the engine, some at a time: decoded, with the hash of their flow,
 * and with a copy of their bytes, since a source lends them for one call only. Worker thread only.
 */
#pragma once

#include "agent/capture/source.h"
#include "agent/decode/packet.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { BATCH_PACKETS = 32, BATCH_BYTES = 1 << 19 }; /* twice the greatest capture.snaplen */

struct batch_item {
    struct packet packet; /* its pointers are into the batch */
    uint32_t tag;         /* see flow_table_tag */
    bool owned;           /* this worker sees to it; else only its time counts… */
    bool overheard;       /* …and what it tells of calls */
};

struct batch {
    unsigned count;
    size_t used; /* of bytes */
    struct batch_item items[BATCH_PACKETS];
    uint8_t bytes[BATCH_BYTES];
};

struct batch *batch_new(struct err *e);
void batch_free(struct batch *b);

static inline bool batch_has_room(const struct batch *b, const struct packet_view *view)
{
    return b->count < BATCH_PACKETS && view->caplen <= BATCH_BYTES - b->used;
}

/* The same packet with its bytes in the batch; there is room. */
struct packet_view batch_keep(struct batch *b, const struct packet_view *view);

/* The item to be filled for it, and then to be added. */
static inline struct batch_item *batch_next(struct batch *b)
{
    return &b->items[b->count];
}

static inline void batch_add(struct batch *b, const struct packet_view *kept)
{
    const struct batch_item *item = &b->items[b->count++];
    b->used += item->owned || item->overheard ? kept->caplen : 0;
}

static inline void batch_clear(struct batch *b)
{
    b->count = 0;
    b->used = 0;
}
