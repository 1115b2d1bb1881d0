/*
 * The instances in memory: found by name, by number and by the keys they log in with. The fleet
 * thread's own.
 */
#pragma once

#include "aggregator/fleet/job.h"
#include "aggregator/fleet/presence.h"
#include "aggregator/fleet/sites.h"
#include "common/err.h"
#include "common/table.h"
#include "common/wire/heartbeat.h"

#include <stdbool.h>
#include <stdint.h>

enum { SKEW_BEATS = 5 };
enum { INSTANCES_MAX = 20000, KEYS_MAX = 4 * INSTANCES_MAX, CLIENTS_MAX = 4 };

struct instance {
    int32_t id;
    char name[NAME_MAX_LEN + 1];
    char title[TITLE_SIZE];
    char site[VIEW_TEXT_SIZE];
    struct presence presence;
    char boot[BOOT_ID_SIZE];   /* "" until a hello or heartbeat */
    char before[BOOT_ID_SIZE]; /* the boot that spoke before this one */
    uint64_t boot_ns;          /* monotonic, since when it is this one that speaks */
    char version[32];
    bool has_beat;
    struct heartbeat beat; /* the last one, when has_beat */
    int32_t
        skew_ms[SKEW_BEATS]; /* of its clock to ours, by its last heartbeats: ahead is above 0 */
    unsigned skew_count;     /* ever */
    bool skew_told;          /* an alert on it is engaged */
    bool untold;             /* the web does not know how it is now */
    uint64_t spark_bps[SPARK_POINTS];
    unsigned spark_count;
    uint64_t spark_ns;     /* monotonic, of the last point */
    uint64_t alert_due_ns; /* unreachable: its own alert waits until then; 0: it does not wait */
    bool outage_told;      /* unreachable: its own alert is engaged */
    char evidence[EVIDENCE_SIZE]; /* of its last outage */
    struct flaps flaps;
    unsigned centre_alerts;        /* engaged by the centre about it */
    uint64_t clients[CLIENTS_MAX]; /* its connections that are known, oldest first */
    unsigned client_count;
    uint64_t greeted_ns;          /* monotonic time of its last hello; 0: none yet */
    bool unseen_client;           /* it may have one that came while nobody told us */
    char address[ADDR_TEXT_SIZE]; /* it last logged in from; "" when not known */
    bool hello_pending;           /* its hello waits for the database */
    uint64_t watch_until_ns;      /* monotonic; somebody watches until then */
    uint64_t watch_sent_ns;       /* the lease was last published */
    uint64_t renewed_ns;          /* its identity was last renewed; 0: not since this start */
    uint64_t seen_noted_ms;       /* wall; what the database knows */
    struct instance_config config;
};

struct key {
    char nkey[NKEY_SIZE]; /* zero padded */
    int32_t instance_id;
    uint64_t revoked_s;
};

struct instances {
    struct instance **all; /* owned; in order of their coming */
    unsigned count, size;
    struct table *by_name;
    struct table *by_id;
    struct table *keys; /* of struct key */
};

int instances_init(struct instances *set, struct err *e);
void instances_done(struct instances *set);

struct instance *instances_by_name(const struct instances *set, const char *name);
struct instance *instances_by_id(const struct instances *set, int32_t id);
/* Only for a key that is good. */
struct instance *instances_by_key(const struct instances *set, const char *nkey);

/* Makes it from the row; NULL when memory is short or there are too many. */
struct instance *instances_add(struct instances *set, const struct instance_row *row);

/* Replaces all keys. -1 when memory is short; what fits is there. */
int instances_set_keys(struct instances *set, const struct key_row *rows, unsigned count);
int instances_add_key(struct instances *set, const struct key_row *row);
unsigned instances_count_revoked(const struct instances *set);
bool instances_has_good_key(const struct instances *set, int32_t id);

/*
 * Its connections, by the NATS server's numbers. An agent has one; a second shows when it comes
 * back before the server has noticed that the first is gone.
 */
void instance_client_came(struct instance *i, uint64_t client);
/* True when this was the last one, so that the agent is gone. */
bool instance_client_went(struct instance *i, uint64_t client);
/* It said hello, as it does on a connection just made: if one is known, that is the one. */
void instance_client_greeted(struct instance *i);
/* Events may have been missed: it may have a connection that is not known. */
void instance_clients_unknown(struct instance *i);

/* Notes how far its clock is off; the median of the last heartbeats, as one alone may be late. ms.
 */
int32_t instance_skew(struct instance *i, int64_t skew_ms);
/*
 * This start of it has spoken. True when another spoke in between, lately: two run under one
 * identity, as a restart does not go back.
 */
bool instance_boot(struct instance *i, const char *boot, uint64_t now_ns);
/* Puts a heartbeat's throughput at the end of the spark line, after a hole for each missed one. */
void instance_spark(struct instance *i, uint64_t bps, uint64_t now_ns);
/* What the web shows of it. */
void instance_view_fill(const struct instance *i, struct instance_view *view);
