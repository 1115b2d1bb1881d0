/*
 * The inside of a bus, shared by bus.c (what callers call) and bus_link.c (what makes and serves
 * its connections). Nobody else includes it.
 *
 * The bus lives until nobody can reach it any more: its owner, its keeper, each connection until
 * its last call-back, each subscription until its thread has ended, all hold a reference.
 */
#pragma once

#include "common/bus.h"
#include "common/bus_url.h"

#include <nats/nats.h>
#include <pthread.h>

enum { BUS_SUBSCRIPTIONS_MAX = 32 };

/* What a caller subscribed to; lives as long as the bus. */
struct bus_interest {
    struct bus *bus;
    char *subject;
    bus_message_fn fn;
    void *arg;
};

struct bus {
    /* Never change. */
    char *urls[BUS_URLS_MAX];
    size_t url_count;
    bool secure;
    char *ca_pem;
    char *name;
    bus_event_fn on_event;
    unsigned gather_us;
    void *arg;

    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t changed;
    unsigned refs;
    char *jwt;
    struct nkey key;
    bool has_key;
    bool closing;     /* no call-back begins any more */
    bool stop;        /* the keeper is to end */
    pthread_t keeper; /* joined or detached by bus_close */
    bool keeper_away; /* it is inside a connection attempt, which cannot be cut short */
    bool keeper_ended;
    unsigned inside;      /* call-backs that run now */
    unsigned users;       /* callers that use conn now */
    natsConnection *conn; /* NULL while away */
    struct bus_interest interests[BUS_SUBSCRIPTIONS_MAX];
    natsSubscription *subscriptions[BUS_SUBSCRIPTIONS_MAX]; /* of conn */
    size_t interest_count;
    uint64_t dropped;         /* by connections that have ended */
    _Atomic uint64_t replies; /* added by subscriptions' threads, read by bus_replies */
};

void bus_lock(struct bus *bus);
void bus_unlock(struct bus *bus);
void bus_ref(struct bus *bus);
/* For call-backs, so its argument has no type: a struct bus. */
void bus_unref(void *bus);

/* True when a call-back may run; then bus_leave must follow. */
bool bus_enter(struct bus *bus);
void bus_leave(struct bus *bus);
/* Runs the owner's event call-back, unless the bus is closing. */
void bus_tell(struct bus *bus, enum bus_event event, const char *text);

/* bus_link.c: the keeper's thread, and what callers share with it. */
void *bus_keep(void *bus);
/* On one connection: subscribes to what stands at place i of the interests. */
natsStatus bus_subscribe_one(struct bus *bus, natsConnection *conn, size_t i);
/* Messages dropped by the subscriptions of the present connection; with the lock held. */
uint64_t bus_dropped_now(const struct bus *bus);
