#define XXH_INLINE_ALL
#include "agent/print/syns.h"

#include <stddef.h>
#include <string.h>
#include <xxhash.h>

enum { PROBES = 8, KEY_SIZE = offsetof(struct print_syn, hops) };

uint16_t syns_take(struct syns *s, struct digest *d, const struct print_syn *syn)
{
    uint64_t hash = XXH3_64bits_withSeed(syn, KEY_SIZE, s->seed);
    struct syns_slot *free_slot = NULL;
    for (unsigned i = 0; i < PROBES; i++) {
        struct syns_slot *slot = &s->slots[(hash + i) % SYNS_MAX];
        if (memcmp(&slot->syn, syn, KEY_SIZE) == 0) {
            slot->flows++;
            return (uint16_t)(slot - s->slots + 1);
        }
        if (free_slot == NULL && slot->flows == 0) {
            free_slot = slot;
        }
    }
    if (free_slot == NULL) {
        return 0;
    }
    free_slot->syn = *syn;
    if (!syn_hash(d, &free_slot->syn)) {
        memset(free_slot, 0, sizeof *free_slot);
        return 0;
    }
    free_slot->flows = 1;
    return (uint16_t)(free_slot - s->slots + 1);
}

void syns_put(struct syns *s, uint16_t handle)
{
    s->slots[handle - 1].flows--;
}
