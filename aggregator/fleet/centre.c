/* The order of reasons in centre_see is that of cause and effect: a lost bus hides the rest. */
#include "aggregator/fleet/centre.h"

#include "common/clock.h"

static void grace(struct centre *c, uint64_t now_ns, uint64_t ms)
{
    uint64_t until = now_ns + ms * NS_PER_MS;
    c->grace_from_ns = now_ns;
    if (until > c->grace_until_ns) {
        c->grace_until_ns = until;
    }
}

void centre_bus(struct centre *c, bool up, uint64_t now_ns)
{
    if (up && !c->bus_up) {
        grace(c, now_ns, CENTRE_GRACE_MS);
        c->many_since_ns = 0;
    }
    c->bus_up = up;
}

void centre_database(struct centre *c, bool up)
{
    c->database_up = up;
}

void centre_loaded(struct centre *c, uint64_t now_ns)
{
    grace(c, now_ns, CENTRE_GRACE_MS);
}

void centre_stalled(struct centre *c, uint64_t now_ns)
{
    grace(c, now_ns, CENTRE_STALL_GRACE_MS);
}

void centre_count(struct centre *c, const struct centre_census *census, uint64_t now_ns)
{
    bool enough = census->expected >= CENTRE_MANY_FROM;
    if (enough && c->many_since_ns == 0 && census->newly_silent * 2 > census->expected) {
        c->many_since_ns = now_ns;
    } else if (c->many_since_ns != 0 && (!enough || census->silent * 2 <= census->expected)) {
        c->many_since_ns = 0;
    }
}

static bool many_down(const struct centre *c, uint64_t now_ns)
{
    return c->many_since_ns != 0 && (now_ns - c->many_since_ns) / NS_PER_MS < CENTRE_MANY_MAX_MS;
}

struct centre_view centre_see(const struct centre *c, uint64_t now_ns)
{
    struct centre_view view = {.bus_up = c->bus_up, .database_up = c->database_up};
    if (!c->bus_up) {
        view.state = CENTRE_BLIND;
        view.reason = CENTRE_BUS_DOWN;
    } else if (!c->database_up) {
        view.state = CENTRE_BLIND;
        view.reason = CENTRE_DATABASE_DOWN;
    } else if (many_down(c, now_ns)) {
        view.state = CENTRE_BLIND;
        view.reason = CENTRE_MANY_DOWN;
    } else if (now_ns < c->grace_until_ns) {
        view.state = CENTRE_GRACE;
        view.reason = CENTRE_START;
    }
    return view;
}

bool centre_judges(const struct centre *c, uint64_t heard_ns, uint64_t now_ns)
{
    switch (centre_see(c, now_ns).state) {
    case CENTRE_OK: return true;
    case CENTRE_GRACE: return heard_ns > c->grace_from_ns;
    case CENTRE_BLIND: return false;
    }
    return false;
}
