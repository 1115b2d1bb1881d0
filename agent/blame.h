/*
 * Which of nDPI's dissectors kills engines. The dead leave behind what they had in hand; one that
 * was at work in two deaths within ten minutes is switched off for the engines to come.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { BLAME_SUSPECTS = 8 };

struct blame {
    struct {
        uint32_t breadcrumb; /* as worker_stats leaves it; 0: free */
        uint64_t died_ns;    /* monotonic */
    } suspects[BLAME_SUSPECTS];
};

/*
 * Notes that an engine died at now_ns with this in hand. True when its dissector is to be switched
 * off; false also for deaths outside of any, and for what was not known yet to be any protocol's.
 */
bool blame_note(struct blame *b, uint32_t breadcrumb, uint64_t now_ns);
