#include "agent/decode/fragment.h"

#include <stdlib.h>
#include <string.h>

enum {
    FRAGMENT_SLOTS = 1024, /* a power of two */
};
#define FRAGMENT_AGE_NS 10000000000ull /* reassembly gives up after tens of seconds */

struct fragment {
    struct endpoints ends; /* of the first fragment */
    uint32_t id;
    uint64_t at_ns; /* 0: empty */
};

struct fragments {
    struct fragment slots[FRAGMENT_SLOTS];
};

struct fragments *fragments_new(struct err *e)
{
    struct fragments *f = calloc(1, sizeof *f);
    if (f == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for fragments");
    }
    return f;
}

void fragments_free(struct fragments *f)
{
    free(f);
}

/* Spreads ids over the slots; collisions only cost ports. FNV-1a. */
static struct fragment *slot_of(struct fragments *f, const struct packet *p)
{
    uint32_t h = 2166136261u ^ p->fragment_id;
    for (size_t i = 0; i < sizeof p->ends.src.bytes; i++) {
        h = (h ^ p->ends.src.bytes[i]) * 16777619u;
        h = (h ^ p->ends.dst.bytes[i]) * 16777619u;
    }
    return &f->slots[h & (FRAGMENT_SLOTS - 1)];
}

static bool same_datagram(const struct fragment *known, const struct packet *p)
{
    return known->at_ns != 0 && known->id == p->fragment_id &&
           known->ends.protocol == p->ends.protocol && known->ends.vlan == p->ends.vlan &&
           addr_equal(&known->ends.src, &p->ends.src) &&
           addr_equal(&known->ends.dst, &p->ends.dst) &&
           p->time_ns - known->at_ns < FRAGMENT_AGE_NS;
}

void fragments_note(struct fragments *f, struct packet *p)
{
    struct fragment *slot = slot_of(f, p);
    if (!p->later_fragment) {
        *slot = (struct fragment){.ends = p->ends, .id = p->fragment_id, .at_ns = p->time_ns};
        return;
    }
    if (same_datagram(slot, p)) {
        p->ends.src_port = slot->ends.src_port;
        p->ends.dst_port = slot->ends.dst_port;
    }
}
