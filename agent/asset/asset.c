#define LOG_MODULE "asset"
#include "agent/asset/asset.h"

#include "agent/asset/asset_inner.h"
#include "agent/asset/verdict.h"
#include "common/clock.h"
#include "common/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    JUDGE_S = 5,
    PUBLISH_REST_S = 10,      /* between two records of one asset */
    FLEETING_S = 60,          /* an asset heard for no longer … */
    FLEETING_FORGET_S = 3600, /* … goes soon once half of the room is used */
    CROWDED_FORGET_S = 86400, /* when nearly all of it is */
};

/* ---- the open and the end ---- */

static void load(struct assets *a, uint64_t now_ns)
{
    struct err e = {0};
    if (a->options.path == NULL || assets_load(a, now_ns, &e) == 0) {
        return;
    }
    char aside[PATH_MAX];
    (void)snprintf(aside, sizeof aside, "%s.bad", a->options.path);
    (void)rename(a->options.path, aside); /* kept for a person to look at, if it can be */
    log_warn(&e, "assets known before the start are not known; they are learnt anew");
    table_clear(a->table);
    a->since_ns = now_ns;
}

struct assets *assets_open(const struct asset_options *options, uint64_t now_ns, struct err *e)
{
    struct assets *a = calloc(1, sizeof *a);
    if (a == NULL) {
        (void)err_set(e, ERR_NOMEM, "the assets");
        return NULL;
    }
    a->options = *options;
    a->since_ns = a->grace_ns = a->heard_ns = a->saved_ns = now_ns;
    a->table = table_new(sizeof(struct host_key), sizeof(struct asset), options->max, e);
    a->vendors = a->table == NULL ? NULL : vendors_open(options->vendors, e);
    if (a->vendors == NULL) {
        (void)err_wrap(e, "the assets");
        assets_close(a);
        return NULL;
    }
    load(a, now_ns);
    return a;
}

void assets_close(struct assets *a)
{
    if (a != NULL) {
        vendors_close(a->vendors);
        table_free(a->table);
        table_free(a->cards);
        free(a);
    }
}

void assets_set(struct assets *a, struct networks local, const struct asset_rules *rules)
{
    a->options.local = local;
    a->options.rules = *rules;
}

bool assets_learning(const struct assets *a, uint64_t now_ns)
{
    return now_ns < a->since_ns + a->options.rules.learn_ns;
}

/* ---- changes and events ---- */

static void text_set(char text[ASSET_NAME_SIZE], const char *from)
{
    (void)snprintf(text, ASSET_NAME_SIZE, "%s", from != NULL ? from : "");
}

void asset_changed(struct assets *a, struct asset *asset, enum asset_change_kind kind,
                   uint64_t at_ns, const char *before, const char *after)
{
    struct wire_asset *w = &asset->known;
    if (w->change_count == ASSET_CHANGES_MAX) {
        memmove(&w->changes[0], &w->changes[1], (ASSET_CHANGES_MAX - 1) * sizeof w->changes[0]);
        w->change_count--;
    }
    struct asset_change *change = &w->changes[w->change_count++];
    change->kind = (uint8_t)kind;
    change->at_ns = at_ns;
    text_set(change->before, before);
    text_set(change->after, after);
    asset->dirty = a->unsaved = true;
}

void asset_tell(struct assets *a, const struct asset_event *event)
{
    bool sudden = event->kind != ASSET_EVENT_FLAP && event->kind != ASSET_EVENT_MISSING &&
                  event->kind != ASSET_EVENT_BACK;
    a->urgent = a->unsaved = true;
    if (!(sudden && assets_learning(a, event->at_ns))) {
        a->options.sink.event(event, a->options.sink.arg);
    }
}

/* ---- time ---- */

static void publish(struct assets *a, struct asset *asset, uint64_t now_ns)
{
    verdict_judge(&asset->known, now_ns);
    a->options.sink.publish(&asset->known, a->options.sink.arg);
    a->unsaved |= asset->known.change_count > 0;
    asset->known.change_count = 0;
    asset->dirty = false;
    asset->told_ns = now_ns;
}

static bool publish_is_due(const struct asset *asset, uint64_t now_ns)
{
    uint64_t rest_s = asset->dirty ? PUBLISH_REST_S : ASSET_RESEND_S;
    if (!asset->dirty && asset->known.last_ns > asset->told_ns) {
        rest_s = ASSET_REFRESH_S;
    }
    return !asset->fresh &&
           (asset->told_ns == 0 || clock_is_due(now_ns, asset->told_ns, rest_s * NS_PER_S));
}

static uint64_t forget_after_ns(const struct assets *a, const struct asset *asset)
{
    size_t count = table_count(a->table);
    uint64_t span_ns = asset->known.last_ns - asset->known.first_ns;
    bool fleeting = span_ns < (uint64_t)FLEETING_S * NS_PER_S;
    uint64_t after_s = ASSET_FORGET_S;
    if (count > a->options.max / 2 && fleeting) {
        after_s = FLEETING_FORGET_S;
    } else if (count > a->options.max - a->options.max / 16) {
        after_s = CROWDED_FORGET_S;
    }
    return after_s * NS_PER_S;
}

static void settle(struct assets *a, uint64_t now_ns)
{
    size_t at = 0;
    for (struct asset *asset = table_next(a->table, &at); asset != NULL;
         asset = table_next(a->table, &at)) {
        if (publish_is_due(asset, now_ns)) {
            publish(a, asset, now_ns);
        }
        bool gone = !asset->known.online && !asset->fresh &&
                    now_ns - asset->known.last_ns > forget_after_ns(a, asset);
        if (gone) {
            struct host_key key = asset->key;
            (void)table_remove(a->table, &key); /* it is there: we stand on it */
            a->unsaved = true;
        }
    }
}

/* A large state takes long to write: the more there is, the rarer. */
static void save_if_due(struct assets *a, uint64_t now_ns)
{
    enum { URGENT_S = 10, PIECE = 1024 };
    struct err e = {0};
    uint64_t rest_s = (a->urgent ? URGENT_S : ASSET_SAVE_S) * (1 + table_count(a->table) / PIECE);
    if (a->options.path == NULL || !a->unsaved ||
        !clock_is_due(now_ns, a->saved_ns, rest_s * NS_PER_S)) {
        return;
    }
    if (assets_save(a, now_ns, &e) != 0) {
        log_error(&e, "the assets are not saved; tried again later");
    }
}

void assets_tick(struct assets *a, uint64_t now_ns)
{
    if (a->judged_ns != 0 && !clock_is_due(now_ns, a->judged_ns, (uint64_t)JUDGE_S * NS_PER_S)) {
        return;
    }
    a->judged_ns = now_ns;
    assets_judge(a, now_ns);
    settle(a, now_ns);
    save_if_due(a, now_ns);
}

void assets_flush(struct assets *a, uint64_t now_ns)
{
    struct err e = {0};
    size_t at = 0;
    assets_judge(a, now_ns);
    for (struct asset *asset = table_next(a->table, &at); asset != NULL;
         asset = table_next(a->table, &at)) {
        if (asset->dirty && !asset->fresh) {
            publish(a, asset, now_ns);
        }
    }
    if (a->options.path != NULL && assets_save(a, now_ns, &e) != 0) {
        log_error(&e, "the assets are not saved");
    }
}

/* ---- looking ---- */

struct assets_stats assets_stats(const struct assets *a, uint64_t now_ns)
{
    struct assets_stats stats = {.known = table_count(a->table),
                                 .vendors = vendors_count(a->vendors),
                                 .refused = a->refused};
    if (assets_learning(a, now_ns)) {
        stats.learning_until_ns = a->since_ns + a->options.rules.learn_ns;
    }
    size_t at = 0;
    for (const struct asset *asset = table_next(a->table, &at); asset != NULL;
         asset = table_next(a->table, &at)) {
        stats.online += asset->known.online ? 1 : 0;
    }
    return stats;
}

const struct asset *assets_get(const struct assets *a, const struct host_key *key)
{
    return table_get(a->table, key);
}
