/*
 * Connections that have asked for nothing yet, or whose request is still coming. There is room for
 * CROWD_MAX: when one more comes, the one that has waited longest is hung up on. So neither idle
 * sockets nor requests that trickle in keep anybody out. The server's thread only.
 */
#pragma once

#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

enum { CROWD_MAX = 768 };

struct guest;

/* The longest there first. Zeroed: empty. */
struct guests {
    struct guest *first, *last;
    unsigned count;
};

struct crowd {
    struct guests waiting;
    struct guests doomed; /* hung up on, and about to be gone */
    uint64_t hung_up;     /* since the start */
};

/* The connection waits from now on. May be called again: it then waits anew. */
void crowd_enter(struct crowd *crowd, struct lws *wsi, uint64_t now_ms);
/* Its request is whole, or it is a WebSocket now. */
void crowd_leave(struct crowd *crowd, struct lws *wsi);
/* libwebsockets is about to free it. */
void crowd_forget(struct lws *wsi);
/* Whether it was hung up on: what still comes from it is not to be looked at. */
bool crowd_is_doomed(const struct crowd *crowd, struct lws *wsi);
/* Hangs up on those that came earlier than that: a request has its time to come. */
void crowd_hang_up(struct crowd *crowd, uint64_t since_ms);
