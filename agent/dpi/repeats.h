/*
 * Who talks again to the same port of the same server in a way that says nothing when seen once.
 * The flows of two hosts are all one worker's, so each has its own. One thread; time is packet
 * time.
 */
#pragma once

#include "common/flow_key.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    REPEAT_PLACES = 1024, /* pairs remembered; the newer takes the older's place */
    REPEAT_WINDOW_S = 24 * 3600,
};

struct repeat {
    struct addr client, server;
    uint64_t at_ns; /* 0: free */
    uint32_t origin;
    uint16_t port;
    uint8_t family, protocol;
};

/* Zeroed at first. */
struct repeats {
    struct repeat places[REPEAT_PLACES];
};

/* Notes a flow; true when the last of its kind was within the window. */
bool repeats_note(struct repeats *r, const struct flow_key *key, uint64_t time_ns);
