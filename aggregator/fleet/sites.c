#include "aggregator/fleet/sites.h"

#include "common/clock.h"

void site_count_add(struct site_count *c, uint64_t gone_ns)
{
    c->members++;
    c->gone += gone_ns != 0;
    c->last_ns = gone_ns > c->last_ns ? gone_ns : c->last_ns;
}

void site_count_together(struct site_count *c, uint64_t gone_ns)
{
    c->together += gone_ns != 0 && gone_ns + SITE_WINDOW_MS * (uint64_t)NS_PER_MS >= c->last_ns;
}

static bool suffices(const struct site_count *c, unsigned gone)
{
    if (c->members < SITE_FROM || gone == 0) {
        return false;
    }
    bool most = gone >= SITE_MOST_FROM && gone * 100 >= c->members * SITE_MOST_PERCENT;
    return gone == c->members || most;
}

bool site_has_gone(const struct site_count *c)
{
    return suffices(c, c->together);
}

bool site_is_away(const struct site_count *c)
{
    return suffices(c, c->gone);
}

static uint64_t newest(const struct flaps *f)
{
    return f->at_ns[(f->next + FLAP_CHANGES - 1) % FLAP_CHANGES];
}

bool flaps_note(struct flaps *f, uint64_t now_ns)
{
    f->at_ns[f->next] = now_ns;
    f->next = (f->next + 1) % FLAP_CHANGES;
    uint64_t oldest = f->at_ns[f->next];
    bool many = oldest != 0 && now_ns - oldest <= FLAP_WINDOW_MS * (uint64_t)NS_PER_MS;
    bool begins = many && !f->flapping;
    f->flapping = f->flapping || many;
    return begins;
}

void flaps_resume(struct flaps *f, uint64_t now_ns)
{
    *f = (struct flaps){.flapping = true};
    f->at_ns[FLAP_CHANGES - 1] = now_ns;
}

bool flaps_calm(struct flaps *f, uint64_t now_ns)
{
    bool calm = f->flapping && now_ns > newest(f) + FLAP_WINDOW_MS * (uint64_t)NS_PER_MS;
    if (calm) {
        *f = (struct flaps){0};
    }
    return calm;
}
