#define XXH_INLINE_ALL
#include "agent/share.h"

#include <xxhash.h>

bool share_has(const struct share *share, const struct endpoints *ends)
{
    if (share->count == 1) {
        return true;
    }
    bool src_low = addr_compare(&ends->src, &ends->dst) < 0;
    const struct addr pair[2] = {src_low ? ends->src : ends->dst, src_low ? ends->dst : ends->src};
    /* The upper half alone, scaled to 0..count - 1. */
    uint64_t hash = XXH3_64bits_withSeed(pair, sizeof pair, share->key) >> 32;
    return hash * share->count >> 32 == share->index;
}
