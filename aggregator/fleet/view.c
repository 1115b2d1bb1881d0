/* Names of states and causes, and the freeing of web events: what both threads share. */
#include "aggregator/fleet/fleet_view.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
    [PRESENCE_INVITED] = "invited",
    [PRESENCE_PENDING] = "pending",
    [PRESENCE_UP] = "up",
    [PRESENCE_DEGRADED] = "degraded",
    [PRESENCE_CATCHING_UP] = "catching_up",
    [PRESENCE_SUSPECT] = "suspect",
    [PRESENCE_UNREACHABLE] = "unreachable",
    [PRESENCE_STOPPED] = "stopped",
    [PRESENCE_MAINTENANCE] = "maintenance",
    [PRESENCE_REVOKED] = "revoked",
    [PRESENCE_DUPLICATE] = "duplicate",
};

static const char *const cause_names[] = {
    [CAUSE_PROCESS_DEAD] = "process_dead", [CAUSE_HUNG] = "hung",
    [CAUSE_NO_ANSWER] = "no_answer",       [CAUSE_REVOKED] = "revoked",
    [CAUSE_HUB_DOWN] = "hub_down",
};

static const char *const alert_state_names[] = {
    [ALERT_STATE_ENGAGED] = "engaged",
    [ALERT_STATE_RELEASED] = "released",
    [ALERT_STATE_EVENT] = "event",
};

static const char *const centre_state_names[] = {
    [CENTRE_OK] = "ok",
    [CENTRE_GRACE] = "grace",
    [CENTRE_BLIND] = "blind",
};

static const char *const centre_reason_names[] = {
    [CENTRE_START] = "start",
    [CENTRE_BUS_DOWN] = "bus_down",
    [CENTRE_DATABASE_DOWN] = "database_down",
    [CENTRE_MANY_DOWN] = "many_down",
};

static const char *const config_rollout_names[] = {
    [CONFIG_NONE] = "none",
    [CONFIG_IN_FORCE] = "in_force",
    [CONFIG_PENDING] = "pending",
    [CONFIG_REFUSED] = "refused",
};

enum {
    CONFIG_ROLLOUT_NAMES = sizeof config_rollout_names / sizeof config_rollout_names[0],
    CENTRE_STATE_NAMES = sizeof centre_state_names / sizeof centre_state_names[0],
    CENTRE_REASON_NAMES = sizeof centre_reason_names / sizeof centre_reason_names[0],
    STATE_NAMES = sizeof state_names / sizeof state_names[0],
    CAUSE_NAMES = sizeof cause_names / sizeof cause_names[0],
    ALERT_STATE_NAMES = sizeof alert_state_names / sizeof alert_state_names[0],
};

static const char *name_at(const char *const *names, size_t count, size_t at)
{
    return at < count ? names[at] : NULL;
}

static size_t find_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return 0;
}

const char *presence_state_name(enum presence_state state)
{
    const char *name = name_at(state_names, STATE_NAMES, (size_t)state);
    return name != NULL ? name : "unknown";
}

enum presence_state presence_state_by_name(const char *name)
{
    return (enum presence_state)find_name(state_names, STATE_NAMES, name);
}

const char *presence_cause_name(enum presence_cause cause)
{
    return name_at(cause_names, CAUSE_NAMES, (size_t)cause);
}

enum presence_cause presence_cause_by_name(const char *name)
{
    return (enum presence_cause)find_name(cause_names, CAUSE_NAMES, name);
}

const char *alert_state_name(enum alert_state state)
{
    const char *name = name_at(alert_state_names, ALERT_STATE_NAMES, (size_t)state);
    return name != NULL ? name : "unknown";
}

const char *centre_state_name(enum centre_state state)
{
    const char *name = name_at(centre_state_names, CENTRE_STATE_NAMES, (size_t)state);
    return name != NULL ? name : "unknown";
}

const char *centre_reason_name(enum centre_reason reason)
{
    return name_at(centre_reason_names, CENTRE_REASON_NAMES, (size_t)reason);
}

enum config_rollout config_rollout_of(const struct instance_config *config)
{
    if (config->wanted == 0) {
        return CONFIG_NONE;
    }
    if (config->in_force == config->wanted &&
        strcmp(config->in_force_hash, config->wanted_hash) == 0) {
        return CONFIG_IN_FORCE;
    }
    return config->refused == config->wanted ? CONFIG_REFUSED : CONFIG_PENDING;
}

const char *config_rollout_name(enum config_rollout rollout)
{
    return name_at(config_rollout_names, CONFIG_ROLLOUT_NAMES, (size_t)rollout);
}

void web_event_done(struct web_event *event)
{
    switch (event->kind) {
    case WEB_INSTANCE: free(event->as.instance); break;
    case WEB_INSTANCE_GONE: free(event->as.name); break;
    case WEB_ALERT: free(event->as.alert); break;
    case WEB_LIVE: free(event->as.live); break;
    case WEB_ANSWER:
        if (event->as.chunk != NULL) {
            json_decref(event->as.chunk->rows);
            free(event->as.chunk);
        }
        break;
    case WEB_AGENT_ADDED:
    case WEB_AGENT_REVOKED:
        if (event->as.outcome != NULL) {
            explicit_bzero(event->as.outcome->token, sizeof event->as.outcome->token);
            free(event->as.outcome);
        }
        break;
    case WEB_ALERTS_MISSED:
    case WEB_CENTRE:
    case WEB_SNAPSHOT_END: break;
    }
    *event = (struct web_event){.kind = event->kind};
}
