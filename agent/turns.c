#include "agent/turns.h"

uint64_t turns_look(struct turns *t, uint64_t count, bool excused, uint64_t now_ns)
{
    if (excused || count != t->count || t->moved_ns == 0) {
        t->count = count;
        t->moved_ns = now_ns;
    }
    return now_ns - t->moved_ns;
}
