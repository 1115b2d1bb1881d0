/*
 * A connection to nats-server for a simulator of thousands: the client protocol itself, so that one
 * thread with one epoll holds them all. Plain TCP, log-in by JWT. Nothing of ours but the tests
 * uses it; agents and aggregator go through common/bus.
 * Source: NATS client protocol, docs.nats.io.
 */
#pragma once

#include "common/creds.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line;

struct line_calls {
    void (*ready)(struct line *l, void *arg); /* logged in */
    void (*message)(struct line *l, unsigned sid, const char *subject, const uint8_t *bytes,
                    size_t len, void *arg);                     /* borrowed */
    void (*closed)(struct line *l, const char *why, void *arg); /* lost or refused */
};

enum line_state { LINE_CLOSED, LINE_CONNECTING, LINE_GREETED, LINE_READY };

struct line {
    const struct line_calls *calls; /* borrowed, as are arg, name and jwt */
    void *arg;
    const char *name;
    const char *jwt;
    struct nkey key;
    int epoll;
    int fd; /* -1 when closed */
    enum line_state state;
    bool wants_write;
    uint8_t *in, *out; /* owned */
    size_t in_len, in_size, out_at, out_len, out_size;
};

/* Begins to connect to 127.0.0.1:port; ready or closed follows. */
void line_open(struct line *l, uint16_t port);
/* Closes without a word, as a killed process does. */
void line_cut(struct line *l);
/* What epoll says of its descriptor. */
void line_event(struct line *l, uint32_t events);
void line_subscribe(struct line *l, const char *subject, unsigned sid);
/* Only when ready; false when too much waits already. */
bool line_publish(struct line *l, const char *subject, const void *bytes, size_t len);
/* Sends what has gathered; call once after a round of work. */
void line_flush(struct line *l);
void line_done(struct line *l);
