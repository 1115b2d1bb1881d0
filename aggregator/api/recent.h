/*
 * The newest alerts, as the live channel shows them: loaded once from the database, kept by the
 * core's events. The web thread only, but for the loading.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "aggregator/store/pg.h"
#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { RECENT_MAX = 100 };

struct recent {
    struct alert_view *items[RECENT_MAX]; /* owned; the newest first */
    size_t count;
    struct alert_view *changed[RECENT_MAX]; /* since the last recent_changes; owned copies */
    size_t changed_count;
    bool overflowed; /* more changed than fit: a snapshot is needed */
};

void recent_done(struct recent *recent);
/*
 * Puts a new or changed alert; borrows it. fresh: tell it as a change; else it was read from the
 * database, and what was told since is kept.
 */
void recent_put(struct recent *recent, const struct alert_view *view, bool fresh);

/* {alerts, gone} of all, and of what changed (which is then forgotten). */
json_t *recent_all(const struct recent *recent);
json_t *recent_changes(struct recent *recent);
void recent_skip(struct recent *recent);

/* The alerts that a start needs: the newest, and all about the centre that are engaged. */
struct loaded_alerts {
    struct alert_view *items; /* owned */
    unsigned count;
};
int recent_load(struct pg *pg, struct loaded_alerts *loaded, struct err *e);
