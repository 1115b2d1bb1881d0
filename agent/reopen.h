/*
 * When the parent starts the engine anew because a capture source failed: only a new engine can
 * open an interface, but it costs all others their live flows. An interface that came back is
 * worth it at once; one that is there and fails all the same (no right, a filter that does not
 * fit) is tried more and more seldom. One that is gone or down is only waited for.
 */
#pragma once

#include "agent/engine_link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A source as the parent sees it. */
struct reopen_view {
    bool failed;
    bool usable; /* an interface that is there and up */
};

/* All zero at first. */
struct reopen {
    bool missing[ENGINE_MAX_SOURCES]; /* not usable when last looked at */
    uint64_t pause_ns;                /* before the next try; 0: no source has failed */
    uint64_t due_ns;
};

/* True when the engine should be started anew. Ask every few seconds; now_ns is monotonic. */
bool reopen_is_wanted(struct reopen *r, const struct reopen_view *sources, size_t count,
                      uint64_t now_ns);
/* True when there is an interface of this name and it is up. */
bool reopen_is_usable(const char *interface);
