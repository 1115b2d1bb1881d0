/*
 * The fleet: one thread that knows every instance, hears them, judges them, lets them in and puts
 * questions to them. It never waits: the database is asked by jobs, the web told by events, NATS
 * reached by a function that fails at once. main.c opens it and joins it with the rest; what the
 * web thread may ask stands in fleet_view.h.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "aggregator/fleet/job.h"
#include "aggregator/fleet/metrics.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All but push_revocations run on the fleet's thread and must not block. */
struct fleet_options {
    struct metrics *metrics;
    /* Publishes to an agent; ERR_CLOSED while NATS is away. */
    int (*publish)(void *arg, const char *subject, const void *bytes, size_t len, struct err *e);
    /* Takes over a job, or leaves it and returns false. */
    bool (*submit)(void *arg, struct job *job);
    web_event_fn tell_web;
    /* An agent's user JWT for a key that it made itself. */
    int (*mint_agent)(void *arg, const char *name, const char *nkey, char *jwt, size_t size,
                      struct err *e);
    /* A new token as a person handles it, and when it expires (unix seconds). */
    int (*make_token)(void *arg, const struct agent_invite *invite, char *token, size_t size,
                      uint64_t *expires_s, struct err *e);
    /* Signs a document of configuration; CONFIG_SIGNATURE_SIZE. */
    int (*sign_config)(void *arg, const char *name, uint64_t revision, const char *hash,
                       char *signature, struct err *e);
    const char *command_key; /* the public half of that key, told to agents; "": none */
    /* Tells NATS which keys are revoked, {"U…": unix second}. On a thread of its own; may wait. */
    int (*push_revocations)(void *arg, const char *json, struct err *e);
    void *arg;
};

/* Starts the thread. NULL and e when memory or threads are short. */
struct fleet *fleet_open(const struct fleet_options *options, struct err *e);
/* Hands over the last jobs and ends the thread; what is posted from now on is dropped. */
void fleet_stop(struct fleet *fleet);
/* Stops it if need be and frees it: once nobody posts any more. NULL is fine. */
void fleet_close(struct fleet *fleet);

/* What came from an agent; the name is from the subject, so the server has vouched for it. */
enum fleet_channel {
    FLEET_UP,     /* word: "hello", "hb", "live", "bye", "cfg", "hits" */
    FLEET_ANSWER, /* word: "AGG.REQ.N" */
    FLEET_ENROL,
};

/* All below copy and queue; any thread. False when the queue is full. */
bool fleet_deliver(struct fleet *fleet, enum fleet_channel channel, const char *name,
                   const char *word, const void *bytes, size_t len);

/* A log-in or its end, as the NATS server tells the system account. */
struct fleet_login {
    bool connected;
    char nkey[NKEY_SIZE];
    uint64_t client_id; /* the server's number of the connection */
    char address[ADDR_TEXT_SIZE];
    char reason[64]; /* of a disconnect */
};
bool fleet_login(struct fleet *fleet, const struct fleet_login *login);

/* A log-in that the NATS server refused. */
struct fleet_refusal {
    char who[VIEW_TEXT_SIZE]; /* name or key that it gave, "" when none */
    char address[ADDR_TEXT_SIZE];
    char reason[64];
};
bool fleet_refusal(struct fleet *fleet, const struct fleet_refusal *refusal);

bool fleet_bus(struct fleet *fleet, bool up);
/* The connection of the system account came: what it missed is unknown. */
bool fleet_system_up(struct fleet *fleet);
bool fleet_database(struct fleet *fleet, bool up);
bool fleet_registry_changed(struct fleet *fleet);
/* Gives a job back; frees it when the queue is full. */
bool fleet_job_done(struct fleet *fleet, struct job *job);
