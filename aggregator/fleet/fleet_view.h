/*
 * Where the core of the aggregator and its web thread meet. The fleet tells by web events (values
 * that own what they point to); the web asks by the functions at the end, each of which only
 * queues. Neither calls the other: main.c joins them with a function pointer.
 */
#pragma once

#include "common/err.h"
#include "common/wire/alerts.h"
#include "common/wire/config.h"
#include "common/wire/query.h"
#include "common/wire/subjects.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SPARK_POINTS = 60,   /* heartbeats of 5 s */
    VIEW_TEXT_SIZE = 64, /* sites (of the form of names), versions, people */
    TITLE_SIZE = 128,
    ASKS_MAX = 256, /* questions under way to all agents */
    TOKEN_TEXT_SIZE = 4200,
};

/* The names of DESIGN §7, in the order of worst first that pages use. */
enum presence_state {
    PRESENCE_INVITED = 1,
    PRESENCE_PENDING, /* not entered yet: approval comes later */
    PRESENCE_UP,
    PRESENCE_DEGRADED,
    PRESENCE_CATCHING_UP, /* not entered yet */
    PRESENCE_SUSPECT,
    PRESENCE_UNREACHABLE,
    PRESENCE_STOPPED,
    PRESENCE_MAINTENANCE, /* not entered yet */
    PRESENCE_REVOKED,
    PRESENCE_DUPLICATE, /* not entered yet */
};
const char *presence_state_name(enum presence_state state);   /* "invited", "catching_up", … */
enum presence_state presence_state_by_name(const char *name); /* 0 when unknown */

enum presence_cause {
    CAUSE_NONE = 0,
    CAUSE_PROCESS_DEAD,
    CAUSE_HUNG,
    CAUSE_NO_ANSWER,
    CAUSE_REVOKED,
    CAUSE_HUB_DOWN,
};
const char *presence_cause_name(enum presence_cause cause); /* "process_dead", …; NULL for none */
enum presence_cause presence_cause_by_name(const char *name);

/* The configuration that an instance is to have, and what it says of it. */
struct instance_config {
    uint64_t wanted; /* revision; 0: none was ever made */
    char wanted_hash[CONFIG_HASH_SIZE];
    uint64_t in_force; /* as reported */
    char in_force_hash[CONFIG_HASH_SIZE];
    uint64_t refused; /* as reported; 0: none */
    char reason[CONFIG_REASON_SIZE];
    bool asked;      /* the store is asked for its document; the fleet thread's, as what follows */
    uint64_t wait_s; /* from one sending to the next */
    uint64_t again_ns;  /* monotonic; not sent again before */
    uint64_t astray_ns; /* since when it is not what it is to be; 0: it is */
    bool drift;         /* an alert on that is engaged */
};

enum config_rollout { CONFIG_NONE, CONFIG_IN_FORCE, CONFIG_PENDING, CONFIG_REFUSED };
enum config_rollout config_rollout_of(const struct instance_config *config);
const char *config_rollout_name(enum config_rollout rollout); /* "none", "in_force", … */

/* One row of the dashboard: everything of `Instance` in docs/openapi.yaml. */
struct instance_view {
    int32_t id;
    char name[NAME_MAX_LEN + 1];
    char title[TITLE_SIZE];
    char site[VIEW_TEXT_SIZE];
    enum presence_state state;
    enum presence_cause cause;
    unsigned reasons; /* bits of enum agent_reason */
    uint64_t state_since_ms;
    bool has_outage;
    uint64_t outage_ms;    /* length of the last outage, when has_outage */
    uint64_t last_seen_ms; /* 0: never */
    bool has_beat;         /* a heartbeat came since the centre's start: the figures below hold */
    char version[32];
    uint64_t uptime_s;
    uint64_t throughput_bps;
    uint64_t packets_pps;
    uint64_t hosts, flows;
    uint64_t alerts_engaged; /* the agent's and the centre's about it */
    uint64_t flow_alerts;    /* since the agent's boot */
    uint64_t drops_kernel, drops_ring, drops_table, drops_queue, drops_spool, drops_client;
    uint64_t drops_half_open, drops_early;
    uint64_t spool_bytes;
    uint64_t spool_age_s;
    uint64_t memory_bytes;
    uint32_t cpu_permille;            /* of one core */
    bool answering;                   /* a question would reach it now */
    uint64_t spark_bps[SPARK_POINTS]; /* oldest first; SPARK_NONE where no heartbeat came */
    unsigned spark_count;
    struct instance_config config;
};

#define SPARK_NONE UINT64_MAX

enum alert_state { ALERT_STATE_ENGAGED = 1, ALERT_STATE_RELEASED, ALERT_STATE_EVENT };
const char *alert_state_name(enum alert_state state);

/* One row of the table `alert`, as it is after a change. Names and texts: alert_kind_find(kind). */
struct alert_view {
    int64_t id;
    uint16_t kind;
    uint16_t score;
    enum alert_state state;
    uint8_t entity;                  /* enum alert_entity */
    char instance[NAME_MAX_LEN + 1]; /* "" for an alert about the centre itself */
    char site[VIEW_TEXT_SIZE];
    char entity_id[ALERT_ENTITY_SIZE];
    char key[ALERT_KEY_SIZE];
    uint64_t first_ms, last_ms;
    uint64_t released_ms; /* 0 while engaged, and for events */
    uint64_t arrived_ms;  /* of one that came late; else 0 */
    uint64_t count;
    char client[ADDR_TEXT_SIZE + 8]; /* "address:port" forms; "" when none */
    char server[ADDR_TEXT_SIZE + 8];
    char protocol[PROTO_NAME_SIZE];
    char app[PROTO_NAME_SIZE];
    char host[HOST_NAME_SIZE];
    char detail[ALERT_DETAIL_SIZE];
};

struct live_point {
    char name[NAME_MAX_LEN + 1];
    uint64_t at_ms;
    uint64_t bps, pps, flows, hosts, drops;
};

/* What became of agent add and agent revoke. The token is a secret: wiped by web_event_done. */
struct agent_outcome {
    char name[NAME_MAX_LEN + 1];
    bool ok;
    char code[32]; /* "exists", "unknown", "bad_name", "database_away", "internal"; "" when ok */
    char message[256];           /* for a person; "" when ok */
    char token[TOKEN_TEXT_SIZE]; /* of add: shown once, never stored */
};

enum centre_state { CENTRE_OK, CENTRE_GRACE, CENTRE_BLIND };
enum centre_reason {
    CENTRE_WELL,
    CENTRE_START,         /* "start" */
    CENTRE_BUS_DOWN,      /* "bus_down" */
    CENTRE_DATABASE_DOWN, /* "database_down" */
    CENTRE_MANY_DOWN,     /* "many_down" */
};
const char *centre_state_name(enum centre_state state);
const char *centre_reason_name(enum centre_reason reason); /* NULL for CENTRE_WELL */

/* How far the centre itself can judge; it begins in grace, with both links down. */
struct centre_view {
    enum centre_state state;
    enum centre_reason reason;
    bool bus_up;
    bool database_up;
};

enum web_event_kind {
    WEB_INSTANCE = 1,  /* as.instance: new or changed */
    WEB_INSTANCE_GONE, /* as.name */
    WEB_ALERT,         /* as.alert: new or changed row, committed */
    WEB_ALERTS_MISSED, /* some changed without a WEB_ALERT: read the newest anew */
    WEB_LIVE,          /* as.live: one second of a watched instance */
    WEB_ANSWER,        /* as.chunk, reply: of fleet_ask; the last has chunk->last */
    WEB_AGENT_ADDED,   /* as.outcome, reply */
    WEB_AGENT_REVOKED, /* as.outcome, reply */
    WEB_CENTRE,        /* as.centre */
    WEB_SNAPSHOT_END,  /* every instance has been told since fleet_ask_snapshot */
};

struct web_event {
    enum web_event_kind kind;
    bool calm;      /* only figures: it may wait until the web looks by itself */
    uint64_t reply; /* the asker's own token, given back */
    union {
        struct instance_view *instance;
        char *name;
        struct alert_view *alert;
        struct live_point *live;
        struct query_chunk *chunk; /* with its rows */
        struct agent_outcome *outcome;
        struct centre_view centre;
    } as;
};

/* Frees what the event owns. */
void web_event_done(struct web_event *event);

/*
 * Takes over event and returns true, or leaves it with the caller and returns false when the
 * web's queue is full (the fleet then tells everything again, once there is room). Any thread.
 */
typedef bool (*web_event_fn)(void *arg, const struct web_event *event);

struct fleet;

/* All below: any thread, never wait; -1 and e when the fleet's queue is full. */

/* Every instance as WEB_INSTANCE, then WEB_SNAPSHOT_END. The web asks once at its start. */
int fleet_ask_snapshot(struct fleet *fleet, struct err *e);
/*
 * Puts a question to an agent. req and agg of the query are filled by the fleet. The answer comes
 * as WEB_ANSWER events with this reply; an agent that cannot answer gives one last chunk with an
 * err_code: "unknown_instance", "never_seen", "unreachable", "stopped", "revoked", "busy" (too many
 * questions), "no_answer" (silent for 2 s), or the agent's own.
 */
int fleet_ask(struct fleet *fleet, const char *name, const struct query *query, uint64_t reply,
              struct err *e);
/* Asks for 1 s samples for the next 30 s (WEB_LIVE). Call again before that to go on. */
int fleet_watch(struct fleet *fleet, const char *name, struct err *e);

struct agent_invite {
    char name[NAME_MAX_LEN + 1];
    char title[TITLE_SIZE]; /* "": as the name */
    char site[VIEW_TEXT_SIZE];
    uint32_t uses;      /* enrolments that the token is good for; 0: one */
    uint32_t expires_s; /* life of the token; 0: 24 h */
    bool again;         /* a further token for an instance that is enrolled already is wanted */
    char by[VIEW_TEXT_SIZE]; /* who made it, for the audit */
};
/* Invites a new instance, or one that is still invited or was revoked. Answer: WEB_AGENT_ADDED. */
int fleet_agent_add(struct fleet *fleet, const struct agent_invite *invite, uint64_t reply,
                    struct err *e);
/* Items of the configuration were changed in the database: makes and sends what follows. */
int fleet_config_changed(struct fleet *fleet, struct err *e);
/* Revokes keys and tokens and closes its connection. Answer: WEB_AGENT_REVOKED. */
int fleet_agent_revoke(struct fleet *fleet, const char *name, const char *by, uint64_t reply,
                       struct err *e);
