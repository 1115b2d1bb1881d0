/*
 * Watches the certificates that the centre itself lives by, and raises an alert before one ends:
 * until somebody renews it, nothing stops working, and then everything does. main.c's thread.
 */
#pragma once

#include "aggregator/fleet/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EXPIRY_WARN_DAYS = 30,
    EXPIRY_GRAVE_DAYS = 7,
    EXPIRY_FILES_MAX = KEEP_KEYS_MAX,
    EXPIRY_PATH_SIZE = 512,
};

enum expiry_level { EXPIRY_UNKNOWN, EXPIRY_GOOD, EXPIRY_SOON, EXPIRY_GRAVE };

struct expiry {
    /* Takes over a job, or leaves it and returns false: then it is tried again. */
    bool (*submit)(void *arg, struct job *job);
    void *arg;
    struct expiry_file {
        char path[EXPIRY_PATH_SIZE];
        enum expiry_level told;
        uint64_t told_days; /* that were left when it was last told */
    } files[EXPIRY_FILES_MAX];
    size_t count;
    uint64_t looked_ns; /* monotonic; 0: never */
    bool tidied;        /* alerts of files that are not watched any more are released */
};

/* Watches one more file of PEM, of which the first certificate counts; NULL, "" and twins: no. */
void expiry_add(struct expiry *x, const char *path);
/*
 * Looks at all of them once an hour and submits what has changed: the level, or the days that are
 * left of one that ends soon. First of all it releases what an earlier run engaged of files that
 * are not watched now, or are not there.
 */
void expiry_tick(struct expiry *x, uint64_t now_s, uint64_t mono_ns);
