#include "common/slab.h"

#include <string.h>
#include <sys/mman.h>

enum { SLOT_ALIGN = 64 };

size_t slab_slot(size_t size)
{
    return (size + SLOT_ALIGN - 1) / SLOT_ALIGN * SLOT_ALIGN;
}

int slab_init(struct slab *s, size_t slot_size, uint32_t max, struct err *e)
{
    size_t size = slab_slot(slot_size);
    *s = (struct slab){.size = size, .mapped = size * max, .max = max};
    void *memory = mmap(NULL, s->mapped, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return err_set_errno(e, "cannot map a slab of %zu bytes", s->mapped);
    }
    s->memory = memory;
    return 0;
}

void slab_done(struct slab *s)
{
    if (s->memory != NULL) {
        (void)munmap(s->memory, s->mapped); /* fails only for a wrong address */
    }
    *s = (struct slab){0};
}

uint32_t slab_take(struct slab *s)
{
    uint32_t handle = s->first_free;
    if (handle != 0) {
        memcpy(&s->first_free, slab_at(s, handle), sizeof s->first_free);
    } else if (s->span < s->max) {
        handle = ++s->span;
    } else {
        return 0;
    }
    s->used++;
    return handle;
}

void slab_put(struct slab *s, uint32_t handle)
{
    memcpy(slab_at(s, handle), &s->first_free, sizeof s->first_free);
    s->first_free = handle;
    s->used--;
}
