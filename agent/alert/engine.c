#define LOG_MODULE "alert"
#include "agent/alert/engine.h"

#include "agent/alert/rules.h"
#include "agent/alert/score.h"
#include "agent/alert/store.h"
#include "agent/alert/storm.h"
#include "common/clock.h"
#include "common/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct alert_engine {
    struct alert_options options;
    struct table *states; /* struct alert_state by struct alert_key */
    struct storm *storm;
    size_t engaged;
    uint64_t refused;
    uint64_t now_ns; /* the latest time heard of */
    bool changed;    /* since the last save */
};

static void load(struct alert_engine *a, uint64_t now_ns)
{
    struct err e = {0};
    if (a->options.path != NULL && alert_store_load(a->options.path, a->states, now_ns, &e) != 0) {
        char aside[PATH_MAX];
        (void)snprintf(aside, sizeof aside, "%s.bad", a->options.path);
        (void)rename(a->options.path, aside); /* kept for a person to look at, if it can be */
        log_warn(&e, "alerts engaged before the start are not known");
    }
    a->engaged = table_count(a->states); /* only engaged ones are kept */
}

struct alert_engine *alert_engine_open(const struct alert_options *options, uint64_t now_ns,
                                       struct err *e)
{
    struct alert_engine *a = calloc(1, sizeof *a);
    if (a == NULL) {
        (void)err_set(e, ERR_NOMEM, "the alert engine");
        return NULL;
    }
    a->options = *options;
    a->now_ns = now_ns;
    a->states = table_new(sizeof(struct alert_key), sizeof(struct alert_state), ALERTS_MAX, e);
    a->storm = a->states == NULL ? NULL : storm_new(options->take, options->arg, e);
    if (a->storm == NULL) {
        (void)err_wrap(e, "the alert engine");
        table_free(a->states);
        free(a);
        return NULL;
    }
    load(a, now_ns);
    return a;
}

static void save(struct alert_engine *a)
{
    struct err e = {0};
    if (!a->changed || a->options.path == NULL) {
        return;
    }
    if (alert_store_save(a->options.path, a->states, &e) != 0) {
        log_error(&e, "engaged alerts are not saved; tried again in a second");
        return;
    }
    a->changed = false;
}

void alert_engine_flush(struct alert_engine *a, uint64_t now_ns)
{
    storm_flush(a->storm, now_ns);
    save(a);
}

void alert_engine_close(struct alert_engine *a)
{
    if (a == NULL) {
        return;
    }
    storm_free(a->storm);
    table_free(a->states);
    free(a);
}

struct wire_alert alert_of_state(const struct alert_state *s)
{
    struct wire_alert alert = {
        .kind = s->key.kind,
        .entity = s->key.entity,
        .score = alert_score(s->key.kind),
        .since_ns = s->since_ns,
        .has_flow = s->has_flow,
        .flow_id = s->flow_id,
        .flow = s->flow,
    };
    memcpy(alert.entity_id, s->key.entity_id, sizeof alert.entity_id);
    memcpy(alert.key, s->key.key, sizeof alert.key);
    memcpy(alert.detail, s->detail, sizeof alert.detail);
    memcpy(alert.protocol, s->protocol, sizeof alert.protocol);
    memcpy(alert.app, s->app, sizeof alert.app);
    memcpy(alert.host, s->host, sizeof alert.host);
    return alert;
}

static void tell(struct alert_engine *a, struct alert_state *s, enum alert_action action,
                 uint64_t at_ns)
{
    struct wire_alert alert = alert_of_state(s);
    alert.action = (uint8_t)action;
    alert.at_ns = at_ns;
    s->told_ns = at_ns;
    a->options.take(&alert, a->options.arg);
}

static void engage(struct alert_engine *a, struct alert_state *s, uint64_t at_ns)
{
    s->engaged = true;
    s->count = 1;
    s->since_ns = at_ns;
    a->engaged++;
    a->changed = true;
    tell(a, s, ALERT_ENGAGE, at_ns);
}

static void release(struct alert_engine *a, struct alert_state *s, uint64_t at_ns)
{
    s->engaged = false;
    s->history = 0;
    a->engaged--;
    a->changed = true;
    tell(a, s, ALERT_RELEASE, at_ns);
}

/* The record is only lent: an alert names its flow to its end, and after a restart. */
static void keep_flow(struct alert_state *s, const struct flow_record *flow)
{
    s->has_flow = flow != NULL;
    if (flow == NULL) {
        return;
    }
    s->flow_id = flow->flow_id;
    s->flow = flow->key;
    memcpy(s->protocol, flow->protocol, sizeof s->protocol);
    memcpy(s->app, flow->app, sizeof s->app);
    memcpy(s->host, flow->host, sizeof s->host);
}

static void judge_bad(struct alert_engine *a, struct alert_state *s, const struct finding *f,
                      uint64_t at_ns)
{
    const struct alert_rule *rule = alert_rule_of(s->key.kind);
    s->bad_ns = at_ns;
    memcpy(s->detail, f->detail, sizeof s->detail);
    memcpy(s->owner, f->owner, sizeof s->owner);
    keep_flow(s, f->flow);
    if (s->engaged) {
        s->count++;
        if (at_ns >= s->told_ns + (uint64_t)ALERT_UPDATE_S * NS_PER_S) {
            tell(a, s, ALERT_ENGAGE, at_ns);
        }
        return;
    }
    uint32_t looked_at = rule->last >= 32 ? UINT32_MAX : (1U << rule->last) - 1;
    if ((unsigned)__builtin_popcount(s->history & looked_at) >= rule->bad_of) {
        engage(a, s, at_ns);
    }
}

static void judge_good(struct alert_engine *a, struct alert_state *s, uint64_t at_ns)
{
    const struct alert_rule *rule = alert_rule_of(s->key.kind);
    if (s->engaged && at_ns >= s->bad_ns + (uint64_t)rule->hold_s * NS_PER_S) {
        release(a, s, at_ns);
    }
}

/* A condition: BAD makes its state when it is new, GOOD only touches one that is there. */
static void take_condition(struct alert_engine *a, const struct finding *f,
                           const struct alert_key *key)
{
    bool bad = f->action == FINDING_BAD;
    bool made = false;
    struct alert_state *s = bad ? table_put(a->states, key, &made) : table_get(a->states, key);
    if (s == NULL) {
        a->refused += bad ? 1 : 0;
        return;
    }
    /* Findings on old captures carry old times; hold and quiet time are counted by ours. */
    uint64_t at_ns = f->at_ns > a->now_ns ? f->at_ns : a->now_ns;
    s->judged_ns = at_ns;
    s->history = s->history << 1 | (bad ? 1U : 0U);
    if (bad) {
        judge_bad(a, s, f, at_ns);
    } else {
        judge_good(a, s, at_ns);
    }
}

static void take_event(struct alert_engine *a, const struct finding *f, const struct alert_key *key)
{
    struct wire_alert alert = {
        .kind = f->kind,
        .action = ALERT_EVENT,
        .entity = f->entity,
        .score = alert_score(f->kind),
        .at_ns = f->at_ns,
        .since_ns = f->at_ns,
        .has_flow = f->flow != NULL,
    };
    memcpy(alert.entity_id, key->entity_id, sizeof alert.entity_id);
    memcpy(alert.key, key->key, sizeof alert.key);
    memcpy(alert.detail, f->detail, sizeof alert.detail);
    if (f->flow == NULL) {
        a->options.take(&alert, a->options.arg);
        return;
    }
    alert.flow_id = f->flow->flow_id;
    alert.flow = f->flow->key;
    memcpy(alert.protocol, f->flow->protocol, sizeof alert.protocol);
    memcpy(alert.app, f->flow->app, sizeof alert.app);
    memcpy(alert.host, f->flow->host, sizeof alert.host);
    storm_add(a->storm, &alert);
}

void alert_engine_take(struct alert_engine *a, const struct finding *finding)
{
    struct alert_key key = {.kind = finding->kind, .entity = finding->entity};
    bool on_agent = finding->entity == ENTITY_AGENT && finding->entity_id[0] == '\0';
    (void)snprintf(key.entity_id, sizeof key.entity_id, "%s",
                   on_agent ? a->options.name : finding->entity_id);
    (void)snprintf(key.key, sizeof key.key, "%s", finding->key);
    if (finding->action == FINDING_EVENT) {
        take_event(a, finding, &key);
    } else {
        take_condition(a, finding, &key);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* No time of ours is in the future, unless the clock was set back: hold begins now. */
static void follow_clock(struct alert_state *s, uint64_t now_ns)
{
    s->bad_ns = earlier(s->bad_ns, now_ns);
    s->judged_ns = earlier(s->judged_ns, now_ns);
    s->told_ns = earlier(s->told_ns, now_ns);
}

void alert_engine_tick(struct alert_engine *a, uint64_t now_ns)
{
    a->now_ns = now_ns;
    storm_tick(a->storm, now_ns);
    size_t at = 0;
    for (struct alert_state *s = table_next(a->states, &at); s != NULL;
         s = table_next(a->states, &at)) {
        const struct alert_rule *rule = alert_rule_of(s->key.kind);
        follow_clock(s, now_ns);
        bool quiet = now_ns >= s->judged_ns + (uint64_t)rule->quiet_s * NS_PER_S;
        if (quiet && s->engaged) {
            release(a, s, now_ns);
        }
        if (!s->engaged && (quiet || s->history == 0)) {
            struct alert_key key = s->key;
            (void)table_remove(a->states, &key); /* it is there: we stand on it */
        }
    }
    save(a);
}

void alert_engine_keep(struct alert_engine *a, const char *section, alert_owner_fn has, void *arg,
                       uint64_t now_ns)
{
    size_t len = strlen(section);
    size_t at = 0;
    for (struct alert_state *s = table_next(a->states, &at); s != NULL;
         s = table_next(a->states, &at)) {
        if (strncmp(s->owner, section, len) != 0 || has(s->owner + len, arg)) {
            continue;
        }
        if (s->engaged) {
            release(a, s, now_ns);
        }
        struct alert_key key = s->key;
        (void)table_remove(a->states, &key); /* it is there: we stand on it */
    }
}

const struct alert_state *alert_engine_next(struct alert_engine *a, size_t *at)
{
    struct alert_state *s = table_next(a->states, at);
    while (s != NULL && !s->engaged) {
        s = table_next(a->states, at);
    }
    return s;
}

size_t alert_engine_engaged(const struct alert_engine *a)
{
    return a->engaged;
}

uint64_t alert_engine_flow_alerts(const struct alert_engine *a)
{
    return storm_passed(a->storm);
}

uint64_t alert_engine_refused(const struct alert_engine *a)
{
    return a->refused + storm_refused(a->storm);
}
