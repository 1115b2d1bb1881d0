/*
 * How far the centre can judge the fleet: blind while the bus or the database is away or when most
 * of the fleet goes at once, in grace for 30 s after a start or the bus's return (DESIGN §7). Pure;
 * the fleet thread feeds it and asks before it judges anybody.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CENTRE_GRACE_MS = 30000,
    CENTRE_STALL_GRACE_MS = 10000, /* after this process itself stood still for seconds */
    CENTRE_MANY_FROM = 5,          /* instances; a smaller fleet is judged one by one */
    CENTRE_MANY_WINDOW_MS = 45000, /* in which they must have gone to count as "at once" */
    CENTRE_MANY_MAX_MS = 300000,   /* then it is the truth and no longer a doubt */
};

struct centre {
    bool bus_up;
    bool database_up;
    uint64_t grace_from_ns; /* monotonic; who was heard after it is judged during the grace too */
    uint64_t grace_until_ns;
    uint64_t many_since_ns; /* monotonic; 0: most of the fleet is there */
};

/* What the fleet counted at a tick, of instances that were heard and are expected. */
struct centre_census {
    unsigned expected;
    unsigned silent;
    unsigned newly_silent; /* within CENTRE_MANY_WINDOW_MS */
};

/* The bus came or went. Its return begins a grace. */
void centre_bus(struct centre *c, bool up, uint64_t now_ns);
void centre_database(struct centre *c, bool up);
/* The instances are known now: whoever is there has to be heard first. */
void centre_loaded(struct centre *c, uint64_t now_ns);
/* This process stood still: what it missed is no evidence. */
void centre_stalled(struct centre *c, uint64_t now_ns);
void centre_count(struct centre *c, const struct centre_census *census, uint64_t now_ns);

/*
 * Whether an instance that was last heard at heard_ns (0: not since the start) may be missed. A
 * grace holds for those who have not been heard since it began: a connection that came back and
 * then breaks is evidence again.
 */
bool centre_judges(const struct centre *c, uint64_t heard_ns, uint64_t now_ns);

struct centre_view centre_see(const struct centre *c, uint64_t now_ns);
