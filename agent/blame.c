#include "agent/blame.h"

#include "common/clock.h"

#include <signal.h>
#include <sys/wait.h>

#define WITHIN_NS (600ull * NS_PER_S)

uint32_t blame_crumb(const uint32_t *crumbs, const bool *marked, size_t count)
{
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (crumbs[i] == 0 || (marked != NULL && !marked[i])) {
            continue;
        }
        if (found != 0) {
            return 0;
        }
        found = crumbs[i];
    }
    return found;
}

bool blame_is_crash(int status)
{
    if (!WIFSIGNALED(status)) {
        return false;
    }
    switch (WTERMSIG(status)) {
    case SIGSEGV:
    case SIGBUS:
    case SIGABRT:
    case SIGFPE:
    case SIGILL: return true;
    default: return false;
    }
}

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
