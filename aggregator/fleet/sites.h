/*
 * Whether a whole site has gone: then that is one alert, and those of its instances wait behind it.
 * Pure; the fleet thread counts and asks (DESIGN §7).
 */
#pragma once

#include "common/wire/subjects.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SITE_FROM = 2,           /* instances; a smaller site is its instance */
    SITE_MOST_FROM = 3,      /* of these so many percent suffice */
    SITE_MOST_PERCENT = 80,  /* else all */
    SITE_WINDOW_MS = 30000,  /* in which they must have gone to count as "at once" */
    SITE_PATIENCE_MS = 6500, /* an instance's own alert waits so long for the others' silence:
                                heartbeats of one site are at most 5.5 s apart */
    FLAP_CHANGES = 5,        /* of being there, within… */
    FLAP_WINDOW_MS = 600000, /* …and it is stable again after as long without one */
};

/* What was counted of one site. */
struct site_count {
    unsigned members;  /* expected to be there */
    unsigned gone;     /* unreachable, or silent by now */
    unsigned together; /* of them, within the window before the last went */
    uint64_t last_ns;  /* monotonic, when the last went; 0: unknown */
};

/* One that is expected; gone_ns: since when it is silent, 0: it is there, 1: for ever. */
void site_count_add(struct site_count *c, uint64_t gone_ns);
/* The second way through, once all were added: counts those that went together. */
void site_count_together(struct site_count *c, uint64_t gone_ns);
/* All at once, or nearly all: the site has gone. */
bool site_has_gone(const struct site_count *c);
/* It goes on: still so many are away, whenever they went. */
bool site_is_away(const struct site_count *c);

/* When an instance came and went, lately. */
struct flaps {
    uint64_t at_ns[FLAP_CHANGES]; /* monotonic; the oldest at next */
    unsigned next;
    bool flapping;
};
/* It came or went. True when it is flapping from now on. */
bool flaps_note(struct flaps *f, uint64_t now_ns);
/* It was flapping when an earlier run of the centre ended. */
void flaps_resume(struct flaps *f, uint64_t now_ns);
/* True when it has been stable for long enough from now on. */
bool flaps_calm(struct flaps *f, uint64_t now_ns);
