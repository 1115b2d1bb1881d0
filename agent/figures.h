/* What the agent's processes take of the machine, as /proc tells it. Called by the parent. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct figures {
    uint64_t pss_bytes; /* proportional set size, shared pages counted once in all */
    uint64_t cpu_ms;    /* user and system, children that have ended included */
};

/* Sums over the processes; 0 stands for one that does not run. What cannot be read counts 0. */
struct figures figures_read(const pid_t *pids, size_t count);
