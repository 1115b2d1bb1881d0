/* A handle is the size's number in the upper three bits and the place in its slab below. */
#include "common/slabs.h"

#include <stdbool.h>

enum { PLACE_BITS = 29 };
#define PLACE_MASK ((1u << PLACE_BITS) - 1)

/* Multiples of a slab's own alignment, so that nothing is lost to it. */
static const uint16_t sizes[SLABS_SIZES] = {64, 128, 192, 256, 320, 448, 640, SLABS_LARGEST};

int slabs_init(struct slabs *s, size_t max, struct err *e)
{
    *s = (struct slabs){.max = max};
    for (unsigned i = 0; i < SLABS_SIZES; i++) {
        size_t places = max / sizes[i];
        places = places == 0 ? 1 : places > PLACE_MASK ? PLACE_MASK : places;
        if (slab_init(&s->of[i], sizes[i], (uint32_t)places, e) != 0) {
            slabs_done(s);
            return -1;
        }
    }
    return 0;
}

void slabs_done(struct slabs *s)
{
    for (unsigned i = 0; i < SLABS_SIZES; i++) {
        slab_done(&s->of[i]);
    }
    *s = (struct slabs){0};
}

static uint32_t take_of(struct slabs *s, unsigned size)
{
    struct slab *slab = &s->of[size];
    bool grows = slab->first_free == 0;
    if (grows && s->bytes + sizes[size] > s->max) {
        return 0;
    }
    uint32_t place = slab_take(slab);
    if (place == 0) {
        return 0;
    }
    s->bytes += grows ? sizes[size] : 0;
    return (uint32_t)size << PLACE_BITS | place;
}

uint32_t slabs_take(struct slabs *s, size_t len)
{
    for (unsigned i = 0; i < SLABS_SIZES; i++) {
        uint32_t handle = len <= sizes[i] ? take_of(s, i) : 0;
        if (handle != 0) {
            return handle;
        }
    }
    return 0;
}

void slabs_put(struct slabs *s, uint32_t handle)
{
    slab_put(&s->of[handle >> PLACE_BITS], handle & PLACE_MASK);
}

void *slabs_at(const struct slabs *s, uint32_t handle)
{
    return slab_at(&s->of[handle >> PLACE_BITS], handle & PLACE_MASK);
}

size_t slabs_room(const struct slabs *s, uint32_t handle)
{
    return s->of[handle >> PLACE_BITS].size;
}
