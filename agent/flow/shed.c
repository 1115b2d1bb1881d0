/*
 * A hand goes round the table and looks at sixteen flows at a time: with a flood in the table all
 * but surely one of them is the flood's, and a walk over all is never needed.
 */
#include "agent/flow/shed.h"

#include <stddef.h>

enum { LOOK_AT = 16, FEW_PACKETS = 4, MANY_PACKETS = 64 };
#define SILENT_NS 30000000000ull

enum flow_worth flow_worth_of(const struct flow *f, uint64_t now_ns)
{
    uint64_t packets = f->sum.packets[DIR_C2S] + f->sum.packets[DIR_S2C];
    bool one_sided = f->sum.packets[DIR_C2S] == 0 || f->sum.packets[DIR_S2C] == 0;
    if (f->final_sent) {
        return WORTH_TOLD;
    }
    if (one_sided && packets < MANY_PACKETS) {
        return WORTH_UNANSWERED;
    }
    if (now_ns > f->last_ns + SILENT_NS) {
        return WORTH_SILENT;
    }
    return packets <= FEW_PACKETS ? WORTH_SHORT : WORTH_KEPT;
}

struct flow *flow_shed_pick(const struct flow_table *t, uint32_t *at, uint64_t now_ns)
{
    struct flow *pick = NULL;
    enum flow_worth least = WORTH_KEPT;
    uint32_t span = flow_table_span(t);
    for (unsigned i = 0; i < LOOK_AT && i < span; i++) {
        *at = *at % span + 1;
        struct flow *f = flow_table_at(t, *at);
        enum flow_worth worth = f == NULL ? WORTH_KEPT : flow_worth_of(f, now_ns);
        if (worth == WORTH_KEPT || worth > least) {
            continue;
        }
        if (pick == NULL || worth < least || f->last_ns < pick->last_ns) {
            pick = f;
            least = worth;
        }
    }
    return pick;
}
