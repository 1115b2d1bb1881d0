/* What is said on each topic, and when: changes are gathered for a moment and told together. */
#include "aggregator/api/live.h"
#include "aggregator/api/live_inner.h"
#include "aggregator/api/shape.h"

#include "common/clock.h"

#define LOG_MODULE "live"
#include "common/log.h"

#include <stdlib.h>
#include <string.h>

#define MS(n) ((uint64_t)(n)*NS_PER_MS)

enum {
    URGENT_MS = 250,   /* least time between two deltas of a topic */
    ALERTS_MS = 100,   /* likewise, of alerts */
    FLEET_MS = 500,    /* for changes that are only figures */
    SILENCE_MS = 5000, /* then a delta without rows tells that all is calm */
    LEASE_MS = 10000,  /* the fleet watches for 30 s at a time */
    LEFT_MS = 60000,   /* a topic without subscribers is kept for who comes back */
    LOAD_MS = 2000,    /* between attempts to load the newest alerts */
};

void topics_open(struct live *live)
{
    uint64_t now = now_ms();
    topic_init(&live->fleet, "fleet", now);
    topic_init(&live->alerts, "alerts", now);
    live->load_wanted = true;
}

static void watched_free(struct watched *w)
{
    topic_done(&w->topic);
    free(w);
}

void topics_close(struct live *live)
{
    while (live->watched != NULL) {
        struct watched *w = live->watched;
        live->watched = w->next;
        watched_free(w);
    }
    topic_done(&live->fleet);
    topic_done(&live->alerts);
    recent_done(&live->recent);
}

static struct watched *find_watched(struct live *live, const char *instance)
{
    for (struct watched *w = live->watched; w != NULL; w = w->next) {
        if (strcmp(watched_name(w), instance) == 0) {
            return w;
        }
    }
    return NULL;
}

static struct topic *watch(struct live *live, const char *name)
{
    struct watched *w = find_watched(live, name + sizeof "instance/" - 1);
    if (w == NULL && (w = calloc(1, sizeof *w)) != NULL) {
        topic_init(&w->topic, name, now_ms());
        w->next = live->watched;
        live->watched = w;
    }
    return w != NULL ? &w->topic : NULL;
}

struct topic *topics_find(struct live *live, const char *name)
{
    static const char prefix[] = "instance/";
    if (strcmp(name, "fleet") == 0) {
        return &live->fleet;
    }
    if (strcmp(name, "alerts") == 0) {
        return &live->alerts;
    }
    const char *instance = name + sizeof prefix - 1;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || !name_is_valid(instance)) {
        return NULL;
    }
    /* Right after a start the fleet is not known yet: then any name may be one. */
    const struct mirror *mirror = &live->web->mirror;
    bool may_be = !mirror->complete || mirror_find(mirror, instance) != NULL;
    return may_be ? watch(live, name) : NULL;
}

void topics_left(struct live *live, struct topic *topic, uint64_t mono_ns)
{
    for (struct watched *w = live->watched; w != NULL; w = w->next) {
        if (&w->topic == topic) {
            w->left_ns = mono_ns;
        }
    }
}

static json_t *instance_or_null(struct live *live, const struct watched *w)
{
    const struct instance_view *view = mirror_find(&live->web->mirror, watched_name(w));
    return view != NULL ? shape_instance(view) : NULL;
}

static json_t *kept_points(const struct watched *w)
{
    json_t *points = json_array();
    unsigned first = w->kept_count > POINTS_KEPT ? w->kept_count - POINTS_KEPT : 0;
    for (unsigned i = first; i < w->kept_count; i++) {
        json_t *point = shape_point(&w->kept[i % POINTS_KEPT]);
        (void)json_array_append_new(points, point); /* short of memory: fewer */
    }
    return points;
}

static json_t *state_of(struct live *live, struct topic *topic)
{
    if (topic == &live->fleet) {
        json_t *all = mirror_all(&live->web->mirror);
        if (all != NULL) { /* short of memory: without */
            (void)json_object_set_new(all, "gone", json_array());
            (void)json_object_set_new(all, "figures", json_array());
        }
        return all;
    }
    if (topic == &live->alerts) {
        return recent_all(&live->recent);
    }
    const struct watched *w = find_watched(live, topic->name + sizeof "instance/" - 1);
    return w == NULL ? NULL
                     : json_pack("{s:o, s:o*}", "points", kept_points(w), "instance",
                                 instance_or_null(live, w));
}

struct http_frame *topics_snap(struct live *live, struct topic *topic)
{
    if (!live->web->mirror.complete && topic != &live->alerts) {
        return NULL;
    }
    if (topic->snap == NULL || topic->snap_n != topic->n) {
        json_t *state = state_of(live, topic);
        if (state != NULL) {
            topic_set_snap(topic, state, now_ms());
        }
    }
    return topic->snap;
}

/* Tells a delta, or counts on when there is nobody to tell. */
static void tell(struct live *live, struct topic *topic, json_t *data, uint64_t mono_ns)
{
    topic_delta(topic, data, now_ms());
    topic->sent_ns = mono_ns;
    live_tell(live, topic, false);
}

static void pass_over(struct topic *topic, uint64_t mono_ns)
{
    topic_skip(topic);
    topic->sent_ns = mono_ns;
}

static void flush_fleet(struct live *live, uint64_t mono_ns)
{
    struct mirror *mirror = &live->web->mirror;
    uint64_t wait = mirror->urgent    ? MS(URGENT_MS)
                    : mirror->changed ? MS(FLEET_MS)
                                      : MS(SILENCE_MS);
    if (mono_ns - live->fleet.sent_ns < wait || !mirror->complete) {
        return;
    }
    if (live->fleet.subscribers > 0) {
        tell(live, &live->fleet, mirror_changes(mirror), mono_ns);
    } else {
        mirror_skip(mirror);
        pass_over(&live->fleet, mono_ns);
    }
}

static void flush_alerts(struct live *live, uint64_t mono_ns)
{
    struct recent *recent = &live->recent;
    bool changed = recent->changed_count > 0 || recent->overflowed;
    if (!changed || mono_ns - live->alerts.sent_ns < MS(ALERTS_MS)) {
        return;
    }
    if (live->alerts.subscribers > 0 && !recent->overflowed) {
        tell(live, &live->alerts, recent_changes(recent), mono_ns);
        return;
    }
    recent_skip(recent);
    pass_over(&live->alerts, mono_ns);
    live_tell(live, &live->alerts, true);
}

static json_t *fresh_points(struct watched *w)
{
    json_t *points = json_array();
    for (unsigned i = 0; i < w->fresh_count; i++) {
        (void)json_array_append_new(points, shape_point(&w->fresh[i])); /* no memory: fewer */
        w->kept[w->kept_count++ % POINTS_KEPT] = w->fresh[i];
    }
    w->fresh_count = 0;
    return points;
}

static void flush_watched(struct live *live, struct watched *w, uint64_t mono_ns)
{
    if ((w->fresh_count == 0 && !w->changed) || mono_ns - w->topic.sent_ns < MS(URGENT_MS)) {
        return;
    }
    json_t *points = fresh_points(w);
    if (w->topic.subscribers > 0) {
        json_t *row = w->changed ? instance_or_null(live, w) : NULL;
        json_t *data = json_pack("{s:o, s:o*}", "points", points, "instance", row);
        tell(live, &w->topic, data, mono_ns);
    } else {
        json_decref(points);
        pass_over(&w->topic, mono_ns);
    }
    w->changed = false;
}

void live_flush(struct live *live, uint64_t mono_ns)
{
    flush_fleet(live, mono_ns);
    flush_alerts(live, mono_ns);
    for (struct watched *w = live->watched; w != NULL; w = w->next) {
        flush_watched(live, w, mono_ns);
    }
}

void live_instance(struct live *live, const char *name)
{
    struct watched *w = find_watched(live, name);
    if (w != NULL) {
        w->changed = true;
    }
}

void live_point(struct live *live, const struct live_point *point)
{
    struct watched *w = find_watched(live, point->name);
    if (w == NULL) {
        return;
    }
    if (w->fresh_count == POINTS_NEW) { /* the oldest goes */
        memmove(w->fresh, w->fresh + 1, (POINTS_NEW - 1) * sizeof w->fresh[0]);
        w->fresh_count--;
    }
    w->fresh[w->fresh_count++] = *point;
}

void live_alert(struct live *live, const struct alert_view *view)
{
    recent_put(&live->recent, view, true);
    if (view->instance[0] == '\0') {
        mirror_own_alert(&live->web->mirror, view->id, view->state == ALERT_STATE_ENGAGED);
    }
}

void live_alerts_missed(struct live *live)
{
    live->load_wanted = true;
    live->load_ns = 0; /* at the next tick */
}

void live_whole(struct live *live)
{
    topic_skip(&live->fleet);
    live_tell(live, &live->fleet, true);
    for (struct watched *w = live->watched; w != NULL; w = w->next) {
        live_tell(live, &w->topic, false);
    }
}

/* On the web thread again, with the alerts that a query thread has read; NULL: it could not. */
static void take_loaded(struct web *web, void *arg)
{
    struct live *live = web->live;
    struct loaded_alerts *loaded = arg;
    live->loading = false;
    if (loaded == NULL) {
        live->load_wanted = true;
        return;
    }
    for (unsigned i = 0; i < loaded->count; i++) {
        const struct alert_view *view = &loaded->items[i];
        recent_put(&live->recent, view, false);
        if (view->instance[0] == '\0') {
            mirror_own_alert(&web->mirror, view->id, view->state == ALERT_STATE_ENGAGED);
        }
    }
    free(loaded->items);
    free(loaded);
    topic_skip(&live->alerts);
    live_tell(live, &live->alerts, true);
}

static bool load_run(void *arg, struct pg *pg)
{
    struct web *web = arg;
    struct err e = {0};
    struct loaded_alerts *loaded = pg != NULL ? calloc(1, sizeof *loaded) : NULL;
    if (loaded != NULL && recent_load(pg, loaded, &e) != 0) {
        free(loaded);
        loaded = NULL;
        log_warn(&e, "the newest alerts could not be loaded");
    }
    web_return(web, take_loaded, loaded);
    return true;
}

static void load_alerts(struct live *live, uint64_t mono_ns)
{
    bool due = live->load_ns == 0 || mono_ns - live->load_ns >= MS(LOAD_MS);
    if (!live->load_wanted || live->loading || !due || !live->web->mirror.centre.database_up) {
        return;
    }
    live->load_ns = mono_ns;
    live->loading = pool_submit(live->web->pool, load_run, live->web);
    live->load_wanted = !live->loading;
}

static void renew_lease(struct live *live, struct watched *w, uint64_t mono_ns)
{
    struct err e = {0};
    bool due = w->leased_ns == 0 || mono_ns - w->leased_ns >= MS(LEASE_MS);
    if (w->topic.subscribers == 0 || !due) {
        return;
    }
    if (fleet_watch(live->web->options.fleet, watched_name(w), &e) == 0) {
        w->leased_ns = mono_ns;
    } else {
        log_warn(&e, "%s could not be watched", watched_name(w));
    }
}

void topics_tick(struct live *live, uint64_t mono_ns)
{
    load_alerts(live, mono_ns);
    for (struct watched **at = &live->watched; *at != NULL;) {
        struct watched *w = *at;
        if (w->topic.subscribers == 0 && mono_ns - w->left_ns >= MS(LEFT_MS)) {
            *at = w->next;
            watched_free(w);
            continue;
        }
        if (w->topic.subscribers == 0) {
            w->leased_ns = 0; /* who comes back is served at once */
        }
        renew_lease(live, w, mono_ns);
        at = &w->next;
    }
}
