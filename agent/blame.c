#include "agent/blame.h"

#include "common/clock.h"

#define WITHIN_NS (600ull * NS_PER_S)

bool blame_note(struct blame *b, uint32_t breadcrumb, uint64_t now_ns)
{
    if (breadcrumb <= 1) { /* outside the library, or protocol 0: unknown to it as yet */
        return false;
    }
    unsigned oldest = 0;
    for (unsigned i = 0; i < BLAME_SUSPECTS; i++) {
        if (b->suspects[i].breadcrumb == breadcrumb) {
            bool again = now_ns - b->suspects[i].died_ns < WITHIN_NS;
            b->suspects[i].died_ns = now_ns;
            return again;
        }
        if (b->suspects[i].died_ns < b->suspects[oldest].died_ns) {
            oldest = i;
        }
    }
    b->suspects[oldest].breadcrumb = breadcrumb;
    b->suspects[oldest].died_ns = now_ns;
    return false;
}
