/*
 * Error answers between one client and one server, counted over a minute: a scanner guessing at
 * paths or names, or a program that asks in vain. A pair is watched from its first error on, so
 * many at once; one that finds its place taken waits until that minute is over. One thread; time is
 * packet time.
 */
#pragma once

#include "common/flow_key.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    BURST_WINDOW_S = 60,
    BURST_ERRORS = 20,  /* and at least half of the answers */
    BURST_PAIRS = 1024, /* watched at once */
};

struct burst {
    struct addr client, server;
    uint64_t since_ns; /* 0: free */
    uint32_t answers, errors;
    uint32_t origin; /* whose addresses they are */
    uint8_t family;
};

/* Zeroed at first. */
struct bursts {
    struct burst pairs[BURST_PAIRS];
};

/* Notes an answer; true when it is part of a burst of errors. */
bool bursts_note(struct bursts *b, const struct flow_key *key, bool error, uint64_t time_ns);
