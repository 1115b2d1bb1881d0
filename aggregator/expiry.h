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
    EXPIRY_FILES_MAX = 8,
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
    } files[EXPIRY_FILES_MAX];
    size_t count;
    uint64_t looked_ns; /* monotonic; 0: never */
};

/* Watches one more file of PEM, of which the first certificate counts; NULL, "" and twins: no. */
void expiry_add(struct expiry *x, const char *path);
/* Looks at all of them once an hour and submits what has changed. */
void expiry_tick(struct expiry *x, uint64_t now_s, uint64_t mono_ns);
