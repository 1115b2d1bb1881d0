/* One function for each kind of event; all take the state by value and give the next one. */
#include "aggregator/fleet/presence.h"

#include "common/clock.h"

static uint64_t silence_ms(const struct presence *p, uint64_t now_ns)
{
    return now_ns > p->heard_ns ? (now_ns - p->heard_ns) / NS_PER_MS : 0;
}

bool presence_is_silent(const struct presence *p, uint64_t now_ns)
{
    return p->parted_ns != 0 || silence_ms(p, now_ns) > PRESENCE_SUSPECT_MS;
}

bool presence_answers(enum presence_state state)
{
    return state == PRESENCE_UP || state == PRESENCE_DEGRADED || state == PRESENCE_CATCHING_UP;
}

static struct presence enter(struct presence p, enum presence_state state,
                             const struct presence_event *event)
{
    if (p.state != state) {
        p.state = state;
        p.since_ms = event->now_ms;
        p.good_beats = 0;
        p.return_beats = 0;
    }
    return p;
}

static struct presence heard(struct presence p, const struct presence_event *event)
{
    p.heard_ns = event->now_ns;
    p.heard_ms = event->now_ms;
    p.parted_ns = 0;
    p.parting = PARTING_NONE;
    p.address_answers = false;
    return p;
}

/* Up, unless it came back with more than a minute of records that it had kept. */
static enum presence_state well(const struct presence *p, const struct presence_event *event)
{
    bool beat = event->kind == PRESENCE_EVENT_BEAT;
    uint64_t least = p->state == PRESENCE_CATCHING_UP ? PRESENCE_CAUGHT_UP_S : PRESENCE_BEHIND_S;
    bool behind = beat ? event->behind_s >= least : p->state == PRESENCE_CATCHING_UP;
    return p->came_back && behind ? PRESENCE_CATCHING_UP : PRESENCE_UP;
}

/* Back from wherever it was: well, or degraded when it says so. Ends an outage. */
static struct presence come_back(struct presence p, const struct presence_event *event)
{
    if (p.outage_from_ms != 0) {
        p.has_outage = true;
        p.outage_ms = event->now_ms > p.outage_from_ms ? event->now_ms - p.outage_from_ms : 0;
        p.outage_from_ms = 0;
    }
    p.cause = CAUSE_NONE;
    p.came_back = p.came_back || p.state != PRESENCE_SUSPECT;
    return enter(p, p.reasons != 0 ? PRESENCE_DEGRADED : well(&p, event), event);
}

/* Two agents under one identity: which of them is right, only a person knows. */
static struct presence on_twin(struct presence p, const struct presence_event *event)
{
    p.good_beats = 0;
    p.reasons = 0;
    if (p.state == PRESENCE_DUPLICATE) {
        return p;
    }
    p = come_back(p, event); /* ends an outage */
    return enter(p, PRESENCE_DUPLICATE, event);
}

static struct presence on_hello(struct presence p, const struct presence_event *event)
{
    if (p.state == PRESENCE_REVOKED) {
        return p;
    }
    p = heard(p, event);
    if (event->twin) {
        return on_twin(p, event);
    }
    if (p.state == PRESENCE_DUPLICATE) {
        return p; /* heartbeats tell whether it is alone */
    }
    if (p.state != PRESENCE_DEGRADED && p.state != PRESENCE_SUSPECT) {
        p.reasons = 0; /* what it said before the outage is no longer known */
    }
    return come_back(p, event);
}

/* While unreachable or stopped one heartbeat may be a late one: two in a row count. */
static struct presence on_return_beat(struct presence p, const struct presence_event *event)
{
    bool in_row = silence_ms(&p, event->now_ns) <= PRESENCE_UNREACHABLE_MS;
    unsigned beats = in_row ? p.return_beats + 1 : 1;
    p = heard(p, event);
    p.return_beats = beats;
    if (beats < PRESENCE_RETURN_BEATS) {
        return p;
    }
    p.reasons = event->reasons;
    return come_back(p, event);
}

static struct presence on_degraded_beat(struct presence p, const struct presence_event *event)
{
    if (event->reasons != 0) {
        p.reasons = event->reasons;
        p.good_beats = 0;
        return p;
    }
    p.good_beats++;
    if (p.good_beats < PRESENCE_GOOD_BEATS) {
        return p;
    }
    p.reasons = 0;
    return enter(p, well(&p, event), event);
}

/* Up or catching up. */
static struct presence on_good_beat(struct presence p, const struct presence_event *event)
{
    p.reasons = event->reasons;
    if (p.reasons != 0) {
        return enter(p, PRESENCE_DEGRADED, event);
    }
    enum presence_state next = well(&p, event);
    p.came_back = next == PRESENCE_CATCHING_UP; /* it is asked once: a slow link is no return */
    return enter(p, next, event);
}

static struct presence on_duplicate_beat(struct presence p, const struct presence_event *event)
{
    p.good_beats++;
    if (p.good_beats < PRESENCE_ALONE_BEATS) {
        return p;
    }
    p.reasons = event->reasons;
    return come_back(p, event);
}

static struct presence on_beat(struct presence p, const struct presence_event *event)
{
    if (event->twin && p.state != PRESENCE_REVOKED) {
        return on_twin(heard(p, event), event);
    }
    switch (p.state) {
    case PRESENCE_REVOKED: return p;
    case PRESENCE_UNREACHABLE:
    case PRESENCE_STOPPED: return on_return_beat(p, event);
    case PRESENCE_DEGRADED: return on_degraded_beat(heard(p, event), event);
    case PRESENCE_UP:
    case PRESENCE_CATCHING_UP: return on_good_beat(heard(p, event), event);
    case PRESENCE_SUSPECT:
        p.reasons |= event->reasons; /* a degraded one stays so until it has been good thrice */
        return come_back(heard(p, event), event);
    case PRESENCE_INVITED:
    case PRESENCE_PENDING:
    case PRESENCE_MAINTENANCE: p.reasons = event->reasons; return come_back(heard(p, event), event);
    case PRESENCE_DUPLICATE: return on_duplicate_beat(heard(p, event), event);
    }
    return p;
}

static struct presence on_bye(struct presence p, const struct presence_event *event)
{
    if (p.state == PRESENCE_REVOKED || p.state == PRESENCE_DUPLICATE) {
        return p; /* of two, the other is left */
    }
    p = heard(p, event);
    p.cause = CAUSE_NONE;
    p.reasons = 0;
    p.outage_from_ms = 0;
    return enter(p, PRESENCE_STOPPED, event);
}

static bool is_judged(const struct presence *p)
{
    return presence_answers(p->state) || p->state == PRESENCE_SUSPECT ||
           p->state == PRESENCE_DUPLICATE;
}

static struct presence on_parted(struct presence p, const struct presence_event *event)
{
    if (!is_judged(&p) || p.state == PRESENCE_DUPLICATE) {
        return p; /* of two, one that goes leaves the other */
    }
    p.parted_ns = event->now_ns;
    p.parting = event->parting;
    return event->judging ? enter(p, PRESENCE_SUSPECT, event) : p;
}

static enum presence_cause cause_of(const struct presence *p)
{
    if (p->parted_ns != 0 && p->parting == PARTING_CLOSED) {
        return CAUSE_PROCESS_DEAD;
    }
    return p->address_answers ? CAUSE_HUNG : CAUSE_NO_ANSWER;
}

static bool is_lost(const struct presence *p, uint64_t now_ns)
{
    bool parted = p->parted_ns != 0 && now_ns >= p->parted_ns &&
                  (now_ns - p->parted_ns) / NS_PER_MS >= PRESENCE_PARTED_MS &&
                  p->parting != PARTING_BY_US;
    return parted || silence_ms(p, now_ns) > PRESENCE_UNREACHABLE_MS;
}

/* When it went: at the disconnect event, else when it was last heard. */
static uint64_t outage_begin(const struct presence *p, const struct presence_event *event)
{
    if (p->parted_ns != 0) {
        return event->now_ms - (event->now_ns - p->parted_ns) / NS_PER_MS;
    }
    return p->heard_ms != 0 ? p->heard_ms : event->now_ms;
}

static struct presence on_tick(struct presence p, const struct presence_event *event)
{
    if (!event->judging || !is_judged(&p)) {
        return p;
    }
    if (p.state != PRESENCE_SUSPECT) {
        return presence_is_silent(&p, event->now_ns) ? enter(p, PRESENCE_SUSPECT, event) : p;
    }
    if (!is_lost(&p, event->now_ns)) {
        return p;
    }
    p.cause = cause_of(&p);
    p.outage_from_ms = outage_begin(&p, event);
    return enter(p, PRESENCE_UNREACHABLE, event);
}

static struct presence on_revoke(struct presence p, const struct presence_event *event)
{
    p.cause = CAUSE_REVOKED;
    p.reasons = 0;
    p.outage_from_ms = 0;
    return enter(p, PRESENCE_REVOKED, event);
}

static struct presence on_enrol(struct presence p, const struct presence_event *event)
{
    if (p.state != PRESENCE_REVOKED) {
        return p;
    }
    p.cause = CAUSE_NONE;
    return enter(p, PRESENCE_INVITED, event);
}

struct presence presence_step(const struct presence *p, const struct presence_event *event)
{
    struct presence next = *p;
    switch (event->kind) {
    case PRESENCE_EVENT_HELLO: return on_hello(next, event);
    case PRESENCE_EVENT_BEAT: return on_beat(next, event);
    case PRESENCE_EVENT_BYE: return on_bye(next, event);
    case PRESENCE_EVENT_PARTED: return on_parted(next, event);
    case PRESENCE_EVENT_REVOKE: return on_revoke(next, event);
    case PRESENCE_EVENT_ENROL: return on_enrol(next, event);
    case PRESENCE_EVENT_TICK: return on_tick(next, event);
    case PRESENCE_EVENT_PROBED: next.address_answers = event->address_answers; return next;
    case PRESENCE_EVENT_CONNECTED:
        next.parted_ns = 0;
        next.parting = PARTING_NONE;
        return next;
    }
    return next;
}
