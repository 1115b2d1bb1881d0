#include "agent/exporters.h"

#include <stdbool.h>

#define FORGET_NS 86400000000000ull

/* Refused senders of one source share a row, whatever address the last one had. */
static bool same_row(const struct exporter_view *a, const struct exporter_view *b)
{
    if (a->source != b->source || (a->number == 0) != (b->number == 0)) {
        return false;
    }
    return a->number == 0 || (a->family == b->family && addr_equal(&a->addr, &b->addr));
}

void exporters_take(struct exporters *x, const struct exporter_view *view)
{
    for (size_t i = 0; i < x->count; i++) {
        if (same_row(&x->rows[i], view)) {
            x->rows[i] = *view;
            return;
        }
    }
    if (x->count < EXPORTERS_MAX) {
        x->rows[x->count++] = *view;
    }
}

void exporters_sweep(struct exporters *x, uint64_t now_ns)
{
    for (size_t i = 0; i < x->count;) {
        if (now_ns > x->rows[i].last_ns + FORGET_NS) {
            x->rows[i] = x->rows[--x->count];
        } else {
            i++;
        }
    }
}
