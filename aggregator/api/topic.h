/*
 * A topic of the live channel: its number, and the newest deltas as frames that every subscriber
 * shares. A subscriber is only a number into them, so a slow one costs nothing: when it has
 * fallen behind what is kept, it gets a new snapshot. The web thread only.
 */
#pragma once

#include "aggregator/http/frame.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    TOPIC_NAME_SIZE = 81,
    TOPIC_DELTAS = 64,                 /* kept, so many at most */
    TOPIC_BYTES_MAX = 4 * 1024 * 1024, /* and so much */
};

struct topic {
    char name[TOPIC_NAME_SIZE];
    uint64_t n;     /* of the newest delta; begins at the time, so that it never goes back */
    unsigned count; /* deltas kept: n - count + 1 … n */
    struct http_frame *deltas[TOPIC_DELTAS]; /* of number i at i mod TOPIC_DELTAS */
    size_t bytes;
    struct http_frame *snap; /* the state at snap_n, or NULL */
    uint64_t snap_n;
    uint64_t sent_ns; /* monotonic, of the newest delta */
    unsigned subscribers;
};

void topic_init(struct topic *topic, const char *name, uint64_t now_ms);
void topic_done(struct topic *topic);

/* Makes the next delta; takes over data. */
void topic_delta(struct topic *topic, json_t *data, uint64_t now_ms);
/* Counts on without a delta: who is behind needs a snapshot. */
void topic_skip(struct topic *topic);

/* The delta of this number, borrowed; NULL when it is not kept. */
struct http_frame *topic_at(const struct topic *topic, uint64_t n);
/* True when all deltas behind n are kept (or n is the newest). */
bool topic_can_follow(const struct topic *topic, uint64_t n);

/* Keeps the state as a snapshot at the present number; takes over data. */
void topic_set_snap(struct topic *topic, json_t *data, uint64_t now_ms);

/* A frame of any type ("snap", "delta", "gap", "error"); takes over data, which may be NULL. */
struct http_frame *topic_frame(const char *type, const char *name, uint64_t n, json_t *data,
                               uint64_t now_ms);
