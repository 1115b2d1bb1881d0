#include "agent/batch.h"

#include <stdlib.h>
#include <string.h>

struct batch *batch_new(struct err *e)
{
    struct batch *b = calloc(1, sizeof *b);
    if (b == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for a batch of packets");
    }
    return b;
}

void batch_free(struct batch *b)
{
    free(b);
}

struct packet_view batch_keep(struct batch *b, const struct packet_view *view)
{
    struct packet_view kept = *view;
    uint8_t *bytes = b->bytes + b->used;
    memcpy(bytes, view->bytes, view->caplen);
    kept.bytes = bytes;
    return kept;
}
