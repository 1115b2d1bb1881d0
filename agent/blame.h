/*
 * Which of nDPI's dissectors kills engines. The dead leave behind what they had in hand; one that
 * was at work in two deaths within ten minutes is switched off for the engines to come.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLAME_SUSPECTS = 8 };

struct blame {
    struct {
        uint32_t breadcrumb; /* as worker_stats leaves it; 0: free */
        uint64_t died_ns;    /* monotonic */
    } suspects[BLAME_SUSPECTS];
};

/*
 * What surely was in hand of the worker that is at fault: the one breadcrumb there is among those
 * of the workers marked. 0: none, or several, of which nobody knows who it was. `marked` NULL: all.
 */
uint32_t blame_crumb(const uint32_t *crumbs, const bool *marked, size_t count);
/*
 * Whether an engine that ended with this wait status died of its own doing, as far as the status
 * tells: a fault or an abort. Killed from outside, by the kernel short of memory or by people, it
 * was not, whatever it had in hand.
 */
bool blame_is_crash(int status);
/*
 * Notes that an engine died at now_ns with this in hand. True when its dissector is to be switched
 * off; false also for deaths outside of any, and for what was not known yet to be any protocol's.
 */
bool blame_note(struct blame *b, uint32_t breadcrumb, uint64_t now_ns);
