/*
 * A removed slot is closed by moving later ones back, so that nothing dead is left behind (Knuth,
 * The Art of Computer Programming, volume 3, section 6.4, algorithm R).
 */
#include "agent/flow/slots.h"

#include <stdbool.h>
#include <stdlib.h>

static uint32_t slots_for(uint32_t max)
{
    uint32_t slots = 64;
    while (slots / 2 < max - max / 4) {
        slots *= 2;
    }
    return slots;
}

size_t slots_bytes(uint32_t max)
{
    return (size_t)slots_for(max) * sizeof(struct slot);
}

int slots_init(struct slots *s, uint32_t max, struct err *e)
{
    uint32_t slots = slots_for(max);
    s->at = calloc(slots, sizeof *s->at);
    if (s->at == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for an index of %u flows", max);
    }
    s->mask = slots - 1;
    return 0;
}

void slots_done(struct slots *s)
{
    free(s->at);
    *s = (struct slots){0};
}

void slots_add(struct slots *s, uint32_t tag, uint32_t handle)
{
    uint32_t at = tag & s->mask;
    while (s->at[at].handle != 0) {
        at = (at + 1) & s->mask;
    }
    s->at[at] = (struct slot){.tag = tag, .handle = handle};
}

/* Empties slot `hole` and moves back what would no longer be found past it. */
static void close_slot(struct slots *s, uint32_t hole)
{
    uint32_t at = hole;
    for (;;) {
        at = (at + 1) & s->mask;
        if (s->at[at].handle == 0) {
            break;
        }
        uint32_t home = s->at[at].tag & s->mask;
        bool stays = ((at - home) & s->mask) < ((at - hole) & s->mask);
        if (!stays) {
            s->at[hole] = s->at[at];
            hole = at;
        }
    }
    s->at[hole] = (struct slot){0};
}

void slots_remove(struct slots *s, uint32_t tag, uint32_t handle)
{
    uint32_t at = tag & s->mask;
    while (s->at[at].handle != handle) {
        at = (at + 1) & s->mask;
    }
    close_slot(s, at);
}
