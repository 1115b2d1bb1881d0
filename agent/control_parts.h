/*
 * What control is made of, opened and closed as one. Used by control.c, which is the page to read:
 * here is only the order in which things come and go.
 */
#pragma once

#include "agent/alert/engine.h"
#include "agent/asset/asset.h"
#include "agent/asset/host.h"
#include "agent/asset/site.h"
#include "agent/control.h"
#include "agent/control_config.h"
#include "agent/control_poll.h"
#include "agent/counters.h"
#include "agent/detect/detector.h"
#include "agent/drill.h"
#include "agent/exporters.h"
#include "agent/health.h"
#include "agent/intake.h"
#include "agent/policy/policies.h"
#include "agent/saver.h"
#include "agent/uplink/uplink.h"

#include <limits.h>
#include <stdbool.h>
#include <uv.h>

struct control {
    const struct settings *settings; /* in force */
    struct settings *reloaded;       /* the same when they came after the start; owned */
    uint32_t reloads;                /* times that they came */
    struct engine_link *link;
    const struct control_start *start;

    struct intake intake;
    struct host_table *hosts;
    struct geo *geo;
    struct assets *assets;
    struct saver assets_saver;
    struct site_totals site; /* as of the last heartbeat */
    struct counters *counters;
    struct policies policies;
    json_t *rule_items[RULES_COUNT]; /* in force */
    uint32_t rules;                  /* counts their changes, see engine_health.rules */
    struct detectors *detectors;
    struct alert_engine *alerts;
    struct health health;
    struct exporters exporters;
    struct uplink *uplink;
    struct config_consumer consumers[CONTROL_CONSUMERS_MAX];
    struct drill drill;
    struct control_poll poll;

    uv_loop_t loop;
    uv_poll_t from_engine;
    uv_timer_t tick;    /* every second */
    uv_timer_t beat;    /* every heartbeat */
    uv_timer_t due;     /* an answer of the engine is overdue */
    uv_signal_t stop;   /* SIGTERM */
    uv_signal_t reload; /* SIGHUP */
    bool stopping;
    uint64_t flow_alerts_before; /* told since boot by controls before this one */

    char alerts_path[PATH_MAX];
    char assets_path[PATH_MAX];
    uint64_t spool_cap; /* bytes: the setting, or what the disk can hold */
    char walls[64];
};

/* What the parts call up to, all on the loop's thread with a struct control as arg. */
struct control_calls {
    void (*account)(const struct account *account, void *arg);
    void (*record)(const struct record *record, void *arg);
    counter_fn counter;
    finding_fn finding;
    alert_fn alert;
    uplink_question_fn question;
    answer_fn answer;
};

/* Makes the state folder, enters the sandbox, opens all parts. 0, or -1 and e. */
int control_parts_open(struct control *c, const struct control_calls *calls, struct err *e);
/* Closes what is open; the uplink is closed before, by who knows whether to say goodbye. */
void control_parts_close(struct control *c);
/* Reads the settings again and takes over those that may change while running. */
void control_reload(struct control *c);
