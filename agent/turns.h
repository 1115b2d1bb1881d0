/* Whether a loop that counts its turns still turns, as the parent sees it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct turns {
    uint64_t count;    /* as last seen */
    uint64_t moved_ns; /* when it was last seen to differ, or was excused; monotonic */
};

/*
 * Notes the present count and returns for how long it has stood still, in ns. excused: it need not
 * turn now, because it does not run or because we did not look for a while.
 */
uint64_t turns_look(struct turns *t, uint64_t count, bool excused, uint64_t now_ns);
