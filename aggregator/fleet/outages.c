/*
 * Who is told about an outage: of an instance that is alone in it, its own alert; of a site that
 * has gone, the site's; of one that comes and goes, that it does. An instance's own alert waits a
 * moment for the silence of its neighbours.
 */
#include "aggregator/fleet/inner.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#define LOG_MODULE "fleet"
#include "common/log.h"

#include <stdio.h>
#include <string.h>

enum { SITES_MAX = INSTANCES_MAX, SITES_PERIOD_MS = 500 };

/* A site in memory, found by its name. */
struct site {
    char name[VIEW_TEXT_SIZE]; /* the key, padded with zeros */
    struct site_count count;
    uint64_t heard_ns; /* monotonic: each of those that are there was heard since */
    bool down;         /* its alert is engaged */
};

int outages_open(struct fleet *f, struct err *e)
{
    f->sites = table_new(VIEW_TEXT_SIZE, sizeof(struct site), SITES_MAX, e);
    return f->sites != NULL ? 0 : -1;
}

void outages_close(struct fleet *f)
{
    table_free(f->sites);
}

static struct site *site_of(struct fleet *f, const struct instance *i)
{
    char key[VIEW_TEXT_SIZE] = "";
    bool made = false;
    (void)snprintf(key, sizeof key, "%s", i->site); /* of the same size */
    return table_put(f->sites, key, &made);
}

static void outage_text(char *buf, size_t size, uint64_t ms)
{
    unsigned long long s = ms / 1000, tenths = ms % 1000 / 100;
    if (s < 60) {
        (void)snprintf(buf, size, "%llu.%llu s", s, tenths); /* fits: short forms */
    } else if (s < 3600) {
        (void)snprintf(buf, size, "%llu min %llu s", s / 60, s % 60);
    } else {
        (void)snprintf(buf, size, "%llu h %llu min", s / 3600, s % 3600 / 60);
    }
}

static void tell_unreachable(struct fleet *f, struct instance *i)
{
    char detail[ALERT_DETAIL_SIZE];
    const char *cause = presence_cause_name(i->presence.cause);
    (void)snprintf(detail, sizeof detail, "cause %s; %s", cause != NULL ? cause : "unknown",
                   i->evidence); /* fits */
    judge_alert(f, i, ALERT_FLEET_AGENT_UNREACHABLE, ALERT_ENGAGE, "", detail);
    i->alert_due_ns = 0;
    i->outage_told = true;
    i->centre_alerts++;
}

void outages_went(struct fleet *f, struct instance *i, const char *evidence, uint64_t now_ns)
{
    (void)snprintf(i->evidence, sizeof i->evidence, "%s", evidence); /* of the same size */
    i->alert_due_ns = now_ns + SITE_PATIENCE_MS * (uint64_t)NS_PER_MS;
    i->outage_told = false;
    f->sites_seen_ns = 0; /* at this tick */
}

void outages_came(struct fleet *f, struct instance *i)
{
    bool told = i->outage_told || i->alert_due_ns == 0; /* 0: by an earlier run, or by its site */
    i->alert_due_ns = 0;
    f->sites_seen_ns = 0;
    if (told) {
        judge_alert(f, i, ALERT_FLEET_AGENT_UNREACHABLE, ALERT_RELEASE, "", "");
    }
    if (!i->outage_told) {
        return;
    }
    i->outage_told = false;
    i->centre_alerts -= i->centre_alerts > 0;
    if (presence_answers(i->presence.state) && !i->flaps.flapping) {
        char detail[ALERT_DETAIL_SIZE], length[48];
        outage_text(length, sizeof length, i->presence.outage_ms);
        (void)snprintf(detail, sizeof detail, "back after %s", length); /* fits */
        judge_alert(f, i, ALERT_FLEET_AGENT_RECOVERED, ALERT_EVENT, "", detail);
    }
}

static bool is_there(enum presence_state state)
{
    return state != PRESENCE_SUSPECT && state != PRESENCE_UNREACHABLE;
}

void outages_change(struct fleet *f, struct instance *i, enum presence_state from, uint64_t now_ns)
{
    if (is_there(from) == is_there(i->presence.state)) {
        return;
    }
    if (flaps_note(&i->flaps, now_ns)) {
        judge_alert(f, i, ALERT_FLEET_AGENT_FLAPPING, ALERT_ENGAGE, "",
                    "came and went at least 5 times within 10 minutes; its outages are told again "
                    "once it has been steady for as long");
        i->centre_alerts++;
    }
}

/* Since when it is away by what was heard of it; 0: it is there. */
static uint64_t gone_since(const struct instance *i, uint64_t now_ns)
{
    const struct presence *p = &i->presence;
    bool silent = p->heard_ns != 0 && presence_is_silent(p, now_ns);
    if (p->state != PRESENCE_UNREACHABLE && !silent) {
        return 0;
    }
    uint64_t since = p->parted_ns != 0 ? p->parted_ns : p->heard_ns;
    return since != 0 ? since : 1; /* before this run */
}

static bool is_member(const struct instance *i)
{
    enum presence_state state = i->presence.state;
    return presence_answers(state) || !is_there(state);
}

static void count_sites(struct fleet *f, uint64_t now_ns)
{
    size_t at = 0;
    for (struct site *s; (s = table_next(f->sites, &at)) != NULL;) {
        s->count = (struct site_count){0};
        s->heard_ns = UINT64_MAX;
    }
    for (unsigned n = 0; n < f->instances.count; n++) {
        const struct instance *i = f->instances.all[n];
        struct site *s = is_member(i) ? site_of(f, i) : NULL;
        uint64_t gone_ns = gone_since(i, now_ns);
        if (s != NULL) {
            site_count_add(&s->count, gone_ns);
        }
        if (s != NULL && gone_ns == 0 && i->presence.heard_ns < s->heard_ns) {
            s->heard_ns = i->presence.heard_ns;
        }
    }
    for (unsigned n = 0; n < f->instances.count; n++) {
        const struct instance *i = f->instances.all[n];
        struct site *s = is_member(i) ? site_of(f, i) : NULL;
        if (s != NULL) {
            site_count_together(&s->count, gone_since(i, now_ns));
        }
    }
}

/* The site as a whole, when that changed. An instance of it must have been judged: silence alone is
 * none. */
static void judge_site(struct fleet *f, struct site *s, bool judged)
{
    char detail[ALERT_DETAIL_SIZE];
    if (!s->down && judged && site_has_gone(&s->count)) {
        s->down = true;
        (void)snprintf(detail, sizeof detail, "%u of %u instances fell silent within %d s",
                       s->count.together, s->count.members, SITE_WINDOW_MS / 1000); /* fits */
        log_warn(NULL, "site %s is down: %s", s->name, detail);
        judge_alert_site(f, s->name, ALERT_FLEET_SITE_DOWN, ALERT_ENGAGE, detail);
    } else if (s->down && !site_is_away(&s->count)) {
        s->down = false;
        log_info(NULL, "site %s is back", s->name);
        judge_alert_site(f, s->name, ALERT_FLEET_SITE_DOWN, ALERT_RELEASE, "");
    }
}

/* Those whose own alert has waited long enough, or whose site is told in its place. */
static void judge_waiting(struct fleet *f, struct instance *i, uint64_t now_ns)
{
    if (flaps_calm(&i->flaps, now_ns)) {
        judge_alert(f, i, ALERT_FLEET_AGENT_FLAPPING, ALERT_RELEASE, "", "");
        i->centre_alerts -= i->centre_alerts > 0;
    }
    if (i->presence.state != PRESENCE_UNREACHABLE || i->alert_due_ns == 0 || i->flaps.flapping) {
        return;
    }
    const struct site *s = site_of(f, i);
    /* Nobody else has gone, as all others were heard since. */
    bool alone = s == NULL || (s->count.gone == 1 && s->heard_ns > gone_since(i, now_ns));
    if ((alone || now_ns >= i->alert_due_ns) && (s == NULL || !s->down)) {
        tell_unreachable(f, i);
    }
}

void outages_judge(struct fleet *f, uint64_t now_ns)
{
    if (f->sites_seen_ns != 0 &&
        now_ns - f->sites_seen_ns < SITES_PERIOD_MS * (uint64_t)NS_PER_MS) {
        return;
    }
    f->sites_seen_ns = now_ns;
    count_sites(f, now_ns);
    for (unsigned n = 0; n < f->instances.count; n++) {
        struct instance *i = f->instances.all[n];
        bool judged = i->presence.state == PRESENCE_UNREACHABLE && i->alert_due_ns != 0;
        struct site *s = judged ? site_of(f, i) : NULL;
        if (s != NULL) {
            judge_site(f, s, true);
        }
    }
    size_t at = 0;
    for (struct site *s; (s = table_next(f->sites, &at)) != NULL;) {
        judge_site(f, s, false);
    }
    for (unsigned n = 0; n < f->instances.count; n++) {
        judge_waiting(f, f->instances.all[n], now_ns);
    }
}
