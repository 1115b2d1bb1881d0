/*
 * What the fleet thread asks of the database, as values: it never waits for PostgreSQL itself. A
 * job goes to the store writer by a function pointer, is filled in there and comes back whole;
 * jobs are done in the order in which they were handed over, and wait while the database is away.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "common/err.h"
#include "common/wire/config.h"
#include "common/wire/delivery.h"
#include "common/wire/heartbeat.h"

#include <stdbool.h>
#include <stdint.h>

enum { EVIDENCE_SIZE = 160, NKEY_SIZE = 64, BOOT_SIZE = BOOT_ID_SIZE, BY_SIZE = VIEW_TEXT_SIZE };

/* An instance as the database has it. */
struct instance_row {
    int32_t id;
    char name[NAME_MAX_LEN + 1];
    char title[TITLE_SIZE];
    char site[VIEW_TEXT_SIZE];
    enum presence_state state;
    enum presence_cause cause;
    unsigned reasons;
    uint64_t state_since_ms;
    uint64_t outage_from_ms; /* 0: none under way */
    bool has_outage;
    uint64_t outage_ms;
    uint64_t last_seen_ms; /* 0: never */
    char version[32];
    uint32_t centre_alerts; /* engaged by the centre about it; of them: */
    bool flapping, skewed;
    struct instance_config config;
};

struct key_row {
    char nkey[NKEY_SIZE];
    int32_t instance_id;
    uint64_t revoked_s; /* unix; 0: good */
};

/* Everything the fleet keeps in memory. Arrays are owned by the job. */
struct load_job {
    struct instance_row *instances;
    unsigned instance_count;
    struct key_row *keys;
    unsigned key_count;
};

/* Notes the hello and reads the cursors that the welcome tells. */
struct hello_job {
    int32_t instance_id;
    struct hello hello;
    struct welcome welcome; /* out: cursors of the epochs in the hello */
};

/* A transition: the instance's row and one of its history. */
struct state_job {
    int32_t instance_id;
    uint64_t at_ms;
    enum presence_state from, to;
    enum presence_cause cause;
    unsigned reasons;
    char evidence[EVIDENCE_SIZE];
    uint64_t outage_from_ms; /* of an outage that begins or goes on */
    bool ends_outage;
    uint64_t outage_ms; /* when ends_outage */
};

/* When each instance was last heard; owned. */
struct seen_job {
    struct seen_entry {
        int32_t instance_id;
        uint64_t last_seen_ms;
    } * entries;
    unsigned count;
};

enum enrol_verdict {
    ENROL_OK = 1,
    ENROL_UNKNOWN_TOKEN,
    ENROL_OTHER_NAME, /* the token was made for another agent */
    ENROL_USED_UP,
    ENROL_EXPIRED,
    ENROL_REVOKED,
    ENROL_KEY_TAKEN, /* the key belongs to another instance, or was revoked */
};

struct enrol_job {
    char name[NAME_MAX_LEN + 1];
    struct enrol_request request;
    enum enrol_verdict verdict; /* out */
    int32_t instance_id;        /* out, when ok */
    bool fresh;                 /* out: first time, not a repeated request */
};

/* agent add: the token's text is made by the fleet's hook, only its hash reaches the store. */
struct invite_job {
    struct agent_invite invite;
    char token_hash[65];
    uint64_t expires_s;  /* unix */
    bool exists;         /* out: refused, as it is enrolled and `again` was not said */
    int32_t instance_id; /* out */
    uint64_t reply;
    char token[TOKEN_TEXT_SIZE]; /* secret: wiped by job_free; the store does not look at it */
};

struct revoke_job {
    char name[NAME_MAX_LEN + 1];
    char by[BY_SIZE];
    uint64_t reply;
    bool found;          /* out */
    int32_t instance_id; /* out */
};

/* The document of configuration that one instance is to have in force; owned. */
struct config_entry {
    int32_t instance_id;
    uint64_t revision;
    char hash[CONFIG_HASH_SIZE];
    char *document; /* holds secrets: wiped by job_free */
    size_t len;
};

/* Brings what instances are to have in force up to date: one, or a slice of all. */
struct config_job {
    int32_t only;   /* this instance, changed or not; 0: a slice of all, those that changed */
    int32_t after;  /* the slice begins behind this one */
    uint64_t above; /* with only: it has this revision in force, so that ours must be above */
    struct config_entry *entries; /* out; owned */
    unsigned count;
    int32_t next; /* out: where the next slice begins; 0: this was the last */
};

/* What an instance says of its configuration. */
struct config_note_job {
    int32_t instance_id;
    struct config_report report;
};

/* How often an instance's rules were hit. */
struct hits_job {
    int32_t instance_id;
    struct config_hits hits;
};

/* An alert that the centre itself raises, or ends. */
struct alert_job {
    int32_t instance_id; /* 0: about the centre */
    struct wire_alert alert;
};

/* Releases what is engaged of a kind about the centre itself, but for those of these keys. */
enum { KEEP_KEYS_MAX = 8 };
struct keep_job {
    uint16_t kind; /* enum alert_kind */
    unsigned count;
    char keys[KEEP_KEYS_MAX][ALERT_KEY_SIZE];
};

enum job_kind {
    JOB_LOAD = 1,
    JOB_HELLO,
    JOB_STATE,
    JOB_SEEN,
    JOB_ENROL,
    JOB_INVITE,
    JOB_REVOKE,
    JOB_ALERT,
    JOB_ALERTS_KEEP,
    JOB_CONFIG,
    JOB_CONFIG_NOTE,
    JOB_HITS,
};

struct job {
    enum job_kind kind;
    bool failed; /* out: the database refused it (it was not merely away) */
    struct err e;
    union {
        struct load_job load;
        struct hello_job hello;
        struct state_job state;
        struct seen_job seen;
        struct enrol_job enrol;
        struct invite_job invite;
        struct revoke_job revoke;
        struct alert_job alert;
        struct keep_job keep;
        struct config_job config;
        struct config_note_job config_note;
        struct hits_job hits;
    } as;
};

/* Zeroed; NULL when memory is short. */
struct job *job_new(enum job_kind kind);
void job_free(struct job *job);
