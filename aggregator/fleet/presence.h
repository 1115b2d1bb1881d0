/*
 * Whether an instance is there: a pure function of state, event and time (DESIGN §7). Silence is
 * judged by this machine's monotonic clock alone; wall time only stamps. The fleet thread feeds
 * it and writes a row for every change of state.
 *
 * Judged now: invited, up, catching up, degraded, suspect, unreachable, stopped, duplicate,
 * revoked. Pending and maintenance are names without a way in as yet.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PRESENCE_SUSPECT_MS = 7500,      /* 1.5 heartbeats of silence */
    PRESENCE_UNREACHABLE_MS = 12500, /* 2.5 heartbeats of silence */
    PRESENCE_PARTED_MS = 3000,       /* after a disconnect event without a return */
    PRESENCE_GOOD_BEATS = 3,         /* that end "degraded" */
    PRESENCE_TWIN_MS = 12000,        /* in which two starts of one identity speak in turn */
    PRESENCE_ALONE_BEATS = 4,        /* in a row of one start, that end "duplicate" */
    PRESENCE_BEHIND_S = 60,          /* of what waits at an agent that came back: it catches up */
    PRESENCE_CAUGHT_UP_S = 10,       /* and then no more */
    PRESENCE_RETURN_BEATS = 2,       /* in a row, that end an outage when no hello was heard */
};

/* How a connection ended, by the NATS server's reason. */
enum parting {
    PARTING_NONE,
    PARTING_CLOSED, /* closed or failed: the process ended, or its socket did */
    PARTING_STALE,  /* no answer to the server's pings */
    PARTING_BY_US,  /* revoked, expired, replaced: says nothing about the process */
};

struct presence {
    enum presence_state state;
    enum presence_cause cause;
    unsigned reasons;   /* bits of enum agent_reason, of the last heartbeat that had any */
    uint64_t heard_ns;  /* monotonic, of the last hello or heartbeat; 0: never */
    uint64_t heard_ms;  /* wall, likewise */
    uint64_t parted_ns; /* monotonic, of a disconnect without a return; 0: none */
    enum parting parting;
    bool address_answers;    /* a probe of the last address was answered since the silence began */
    unsigned good_beats;     /* in a row, while degraded; of one start, while duplicate */
    unsigned return_beats;   /* in a row, while unreachable or stopped */
    uint64_t since_ms;       /* wall, of the last change of state */
    bool came_back;          /* from an outage or a stop, and has not caught up since */
    uint64_t outage_from_ms; /* wall; 0: no outage is under way */
    bool has_outage;
    uint64_t outage_ms; /* length of the last outage that is over, when has_outage */
};

enum presence_event_kind {
    PRESENCE_EVENT_HELLO = 1, /* twin */
    PRESENCE_EVENT_BEAT,      /* reasons, behind_s, twin */
    PRESENCE_EVENT_BYE,       /* signed, and the signature is good */
    PRESENCE_EVENT_CONNECTED, /* the NATS server accepted its log-in */
    PRESENCE_EVENT_PARTED,    /* parting */
    PRESENCE_EVENT_PROBED,    /* address_answers */
    PRESENCE_EVENT_REVOKE,
    PRESENCE_EVENT_ENROL,
    PRESENCE_EVENT_TICK, /* a few times a second */
};

struct presence_event {
    enum presence_event_kind kind;
    uint64_t now_ns; /* monotonic */
    uint64_t now_ms; /* wall */
    bool judging;    /* false while the centre is blind or in its start grace */
    unsigned reasons;
    bool twin;         /* of a start before the one that spoke last: there are two */
    uint64_t behind_s; /* age of the oldest record that the agent still holds */
    enum parting parting;
    bool address_answers;
};

/* The state after an event. A change is told by comparing state; outages by outage_from_ms. */
struct presence presence_step(const struct presence *p, const struct presence_event *event);

/* True when it has been silent for longer than a healthy agent is. */
bool presence_is_silent(const struct presence *p, uint64_t now_ns);
/* True in the states in which a question would reach the agent. */
bool presence_answers(enum presence_state state);
