/*
 * The agent's way to the centre, as control sees it: records go into the spool and from there,
 * numbered and acknowledged, over NATS; heartbeats, live samples and answers go as they are;
 * questions come back through call-backs. Every call and every call-back is on the thread of the
 * libuv loop. Nothing here waits for the network, and capture never depends on it.
 */
#pragma once

#include "agent/uplink/remote_config.h"
#include "common/err.h"
#include "common/wire/alerts.h"
#include "common/wire/assets.h"
#include "common/wire/counters.h"
#include "common/wire/devices.h"
#include "common/wire/flows.h"
#include "common/wire/heartbeat.h"
#include "common/wire/probes.h"
#include "common/wire/query.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct uplink;

/* Borrowed for the call: answer at once or copy. */
typedef void (*uplink_question_fn)(const struct query *question, void *arg);
/* Somebody at the centre watches (a lease of 30 s, renewed), or nobody does any more. */
typedef void (*uplink_watch_fn)(bool watched, void *arg);

struct uplink_options {
    uv_loop_t *loop;
    const char *name;       /* the instance; name_is_valid */
    const char *token_file; /* holds the enrolment token; NULL or "": PICKET_TOKEN is read */
    const char *const *urls;
    size_t url_count;
    const char *ca_file;    /* PEM, or NULL or "" */
    const char *state_dir;  /* identity and spool live here; made when missing */
    uint64_t cap_bytes;     /* of the whole spool; 1 MiB or more */
    int ledger_fd;          /* each accepted record gets a line there; -1: none */
    const char *boot;       /* the parent's random id */
    uint64_t start_mono_ns; /* when the parent started, for the uptime in hello */
    bool restarted;         /* control came back under the same boot id */
    /* Get the centre's configuration, first from disk while opening; live as long as the uplink. */
    const struct config_consumer *consumers;
    size_t consumer_count;
    uplink_question_fn on_question;
    uplink_watch_fn on_watch;
    void *arg;
};

/*
 * Reads token, identity and spool and begins to connect. Opens every file that it will need
 * outside state_dir, so that the caller may enter its sandbox afterwards. NULL and e when the
 * state folder cannot be used or the options are bad; never because the centre is away.
 */
struct uplink *uplink_open(const struct uplink_options *options, struct err *e);

/*
 * Stops: syncs the spool, sends what still may be sent and, with bye, the signed goodbye; then
 * closes its handles. Takes at most about a second. Run the loop until it has nothing left to do
 * afterwards: the memory goes with the last handle. NULL is fine.
 */
void uplink_close(struct uplink *u, bool bye);

/* Into the spool. 0 when accepted; -1 and e when not (then counted, and told to the centre). */
int uplink_alert(struct uplink *u, const struct wire_alert *alert, struct err *e);
int uplink_asset(struct uplink *u, const struct wire_asset *asset, struct err *e);
int uplink_counter(struct uplink *u, const struct counter_record *record, struct err *e);
int uplink_flow(struct uplink *u, const struct flow_record *record, struct err *e);
int uplink_device(struct uplink *u, const struct device_record *record, struct err *e);
int uplink_probe(struct uplink *u, const struct probe_record *record, struct err *e);

/* Fire and forget, newest wins: lost without a word while the centre is away. */
void uplink_heartbeat(struct uplink *u, const struct heartbeat *h);
/* True when it left; the run's id is filled in here. */
bool uplink_hits(struct uplink *u, struct config_hits *hits);
/* Leaves only while somebody watches. */
void uplink_live(struct uplink *u, const struct live_sample *s);
bool uplink_is_watched(const struct uplink *u);

/* One chunk of the answer to a question; goes out at once. */
void uplink_answer(struct uplink *u, const struct query *question, const struct query_chunk *chunk);

struct uplink_stats {
    bool connected; /* to NATS */
    bool welcomed;  /* by the centre: it takes our batches */
    bool enrolled;
    uint64_t spool_bytes; /* not yet acknowledged, all streams */
    uint64_t spool_cap_bytes;
    uint64_t spool_age_s;     /* of the oldest record not yet acknowledged; 0 when none */
    uint64_t spool_records;   /* not yet acknowledged */
    uint64_t spool_dropped;   /* records dropped (cap or disk), since open */
    bool spool_failed;        /* the disk refused the last write */
    uint64_t client_dropped;  /* messages from the centre lost inside the client, since open */
    uint64_t denied;          /* publishes refused by the server, since open */
    uint64_t config_revision; /* of the centre's configuration in force; 0: none */
    bool config_refused;      /* the newest that the centre offered was not taken over */
};
void uplink_stats(const struct uplink *u, struct uplink_stats *stats);
