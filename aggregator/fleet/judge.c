/* What follows from a change: its row, what the web is told, a line in the log, the alerts. */
#include "aggregator/fleet/inner.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#define LOG_MODULE "fleet"
#include "common/log.h"

#include <stdio.h>
#include <string.h>

enum { BUS_ALERT_MS = 10000 /* without NATS before that is an alert */ };

#define COPY_TEXT(to, from)                                                                        \
    ((void)snprintf((to), sizeof(to), "%s", (from))) /* of the same size                           \
                                                      */

static void raise_alert(struct fleet *f, int32_t instance_id, enum alert_entity entity,
                        const char *entity_id, const struct judge_alert *alert)
{
    const struct alert_kind_info *info = alert_kind_find(alert->kind);
    struct job *job = info != NULL ? job_new(JOB_ALERT) : NULL;
    if (job == NULL) {
        return;
    }
    struct wire_alert *a = &job->as.alert.alert;
    job->as.alert.instance_id = instance_id;
    a->kind = (uint16_t)alert->kind;
    a->action = (uint8_t)alert->action;
    a->entity = (uint8_t)entity;
    a->score = info->score;
    a->at_ns = clock_wall_ns();
    a->since_ns = a->at_ns;
    COPY_TEXT(a->entity_id, entity_id);
    COPY_TEXT(a->key, alert->key);
    COPY_TEXT(a->detail, alert->detail);
    (void)fleet_submit(f, job); /* a dropped one is logged there */
}

void judge_alert_about(struct fleet *f, int32_t instance_id, const char *name,
                       const struct judge_alert *alert)
{
    if (instance_id != 0) {
        raise_alert(f, instance_id, ENTITY_AGENT, name, alert);
    } else {
        raise_alert(f, 0, ENTITY_CENTRE, "centre", alert);
    }
}

void judge_alert_site(struct fleet *f, const char *site, unsigned kind, unsigned action,
                      const char *detail)
{
    struct judge_alert alert = {.kind = kind, .action = action, .key = "", .detail = detail};
    raise_alert(f, 0, ENTITY_SITE, site, &alert);
}

void judge_alert(struct fleet *f, const struct instance *i, unsigned kind, unsigned action,
                 const char *key, const char *detail)
{
    struct judge_alert alert = {.kind = kind, .action = action, .key = key, .detail = detail};
    judge_alert_about(f, i != NULL ? i->id : 0, i != NULL ? i->name : "", &alert);
}

static void note_change(struct fleet *f, const struct instance *i, const struct presence *before,
                        const char *evidence)
{
    const struct presence *after = &i->presence;
    struct job *job = job_new(JOB_STATE);
    if (job == NULL) {
        return;
    }
    struct state_job *state = &job->as.state;
    *state = (struct state_job){
        .instance_id = i->id,
        .at_ms = after->since_ms,
        .from = before->state,
        .to = after->state,
        .cause = after->cause,
        .reasons = after->reasons,
        .outage_from_ms = after->outage_from_ms,
        .ends_outage = before->outage_from_ms != 0 && after->outage_from_ms == 0 &&
                       presence_answers(after->state),
        .outage_ms = after->outage_ms,
    };
    COPY_TEXT(state->evidence, evidence);
    (void)fleet_submit(f, job); /* a dropped one is logged there */
}

static void log_change(const struct instance *i, enum presence_state from, const char *evidence)
{
    const char *cause = presence_cause_name(i->presence.cause);
    log_info(NULL, "instance %s: %s to %s%s%s (%s)", i->name, presence_state_name(from),
             presence_state_name(i->presence.state), cause != NULL ? ", " : "",
             cause != NULL ? cause : "", evidence);
}

static void on_change(struct fleet *f, struct instance *i, const struct presence *before,
                      const char *evidence)
{
    metric_add(&f->options.metrics->state_changes, 1);
    log_change(i, before->state, evidence);
    note_change(f, i, before, evidence);
    if (!presence_answers(i->presence.state)) {
        i->config.astray_ns = 0; /* what it has while it is away, nobody knows */
    }
    if (i->presence.state == PRESENCE_SUSPECT && i->presence.parting != PARTING_CLOSED) {
        probe_start(f, i, clock_mono_ns());
    }
    if (i->presence.state == PRESENCE_DUPLICATE) {
        judge_alert(f, i, ALERT_FLEET_DUPLICATE_ID, ALERT_ENGAGE, "", evidence);
        i->centre_alerts++;
    } else if (before->state == PRESENCE_DUPLICATE) {
        judge_alert(f, i, ALERT_FLEET_DUPLICATE_ID, ALERT_RELEASE, "", "");
        i->centre_alerts -= i->centre_alerts > 0;
    }
    uint64_t now_ns = clock_mono_ns();
    outages_change(f, i, before->state, now_ns);
    if (i->presence.state == PRESENCE_UNREACHABLE) {
        outages_went(f, i, evidence, now_ns);
    } else if (before->state == PRESENCE_UNREACHABLE) {
        outages_came(f, i);
    }
}

bool judge(struct fleet *f, struct instance *i, struct presence_event event, uint64_t now_ns,
           const char *evidence)
{
    struct presence before = i->presence;
    event.now_ns = now_ns;
    event.now_ms = clock_wall_ns() / NS_PER_MS;
    event.judging = f->loaded && centre_judges(&f->centre, before.heard_ns, now_ns);
    i->presence = presence_step(&before, &event);
    if (i->presence.state != before.state) {
        on_change(f, i, &before, evidence);
    }
    bool tell = i->presence.state != before.state || i->presence.cause != before.cause ||
                i->presence.reasons != before.reasons;
    if (tell) {
        fleet_tell_instance(f, i);
    }
    return tell;
}

/* The evidence of a tick is what did not come. */
static void judge_silence(struct fleet *f, struct instance *i, uint64_t now_ns)
{
    if (i->presence.heard_ns != 0 && !presence_is_silent(&i->presence, now_ns)) {
        return;
    }
    char evidence[EVIDENCE_SIZE];
    if (i->presence.parted_ns != 0) {
        (void)snprintf(evidence, sizeof evidence, "no return for %.1f s after a disconnect event",
                       (double)(now_ns - i->presence.parted_ns) / NS_PER_S); /* fits */
    } else if (i->presence.heard_ns != 0) {
        (void)snprintf(evidence, sizeof evidence, "nothing heard for %.1f s",
                       (double)(now_ns - i->presence.heard_ns) / NS_PER_S); /* fits */
    } else {
        COPY_TEXT(evidence, "nothing heard since the centre started");
    }
    (void)judge(f, i, (struct presence_event){.kind = PRESENCE_EVENT_TICK}, now_ns, evidence);
}

static uint64_t silent_since(const struct presence *p)
{
    return p->parted_ns != 0 ? p->parted_ns : p->heard_ns;
}

/* Only those count who were heard since the start: absence is news only after presence. */
static void take_census(const struct fleet *f, uint64_t now_ns, struct centre_census *census)
{
    *census = (struct centre_census){0};
    for (unsigned n = 0; n < f->instances.count; n++) {
        const struct presence *p = &f->instances.all[n]->presence;
        bool expected = presence_answers(p->state) || p->state == PRESENCE_SUSPECT;
        if (!expected || p->heard_ns == 0) {
            continue;
        }
        census->expected++;
        if (presence_is_silent(p, now_ns)) {
            census->silent++;
            census->newly_silent += (now_ns - silent_since(p)) / NS_PER_MS < CENTRE_MANY_WINDOW_MS;
        }
    }
}

void judge_all(struct fleet *f, uint64_t now_ns)
{
    struct centre_census census;
    take_census(f, now_ns, &census);
    centre_count(&f->centre, &census, now_ns);
    for (unsigned n = 0; n < f->instances.count; n++) {
        judge_silence(f, f->instances.all[n], now_ns);
    }
    outages_judge(f, now_ns);
}

static void judge_bus_alert(struct fleet *f, uint64_t now_ns)
{
    bool lost = !f->centre.bus_up && f->bus_lost_ns != 0 &&
                (now_ns - f->bus_lost_ns) / NS_PER_MS > BUS_ALERT_MS;
    if (lost && !f->bus_alert) {
        f->bus_alert = true;
        judge_alert(f, NULL, ALERT_FLEET_BUS_DOWN, ALERT_ENGAGE, "",
                    "no connection to NATS for more than 10 s");
    } else if (f->centre.bus_up && f->bus_alert) {
        f->bus_alert = false;
        judge_alert(f, NULL, ALERT_FLEET_BUS_DOWN, ALERT_RELEASE, "", "");
    }
}

static void judge_many_alert(struct fleet *f, bool many)
{
    if (many != f->many_alert) {
        f->many_alert = many;
        judge_alert(f, NULL, ALERT_FLEET_MANY_DOWN, many ? ALERT_ENGAGE : ALERT_RELEASE, "",
                    many ? "more than half of the fleet went silent at once" : "");
    }
}

void judge_centre(struct fleet *f, uint64_t now_ns)
{
    struct centre_view view = centre_see(&f->centre, now_ns);
    judge_bus_alert(f, now_ns);
    judge_many_alert(f, view.reason == CENTRE_MANY_DOWN);
    const struct centre_view *told = &f->told_centre;
    if (f->centre_told && told->state == view.state && told->reason == view.reason &&
        told->bus_up == view.bus_up && told->database_up == view.database_up) {
        return;
    }
    const char *reason = centre_reason_name(view.reason);
    log_info(NULL, "centre: %s%s%s", centre_state_name(view.state), reason != NULL ? ", " : "",
             reason != NULL ? reason : "");
    metric_set(&f->options.metrics->blind, view.state == CENTRE_BLIND);
    f->told_centre = view;
    struct web_event event = {.kind = WEB_CENTRE, .as.centre = view};
    f->centre_told = fleet_tell(f, &event);
}
