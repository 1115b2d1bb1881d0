/*
 * One thread per bus ("the keeper") makes a connection, serves it until it ends, and makes the
 * next. cnats' own reconnection is off: it gives up for ever after two refused log-ins, and one
 * way to come back is easier to trust than two. cnats' threads call link_ended, link_error and
 * message_came; everything that they share with the keeper and with callers is under one lock.
 */
#define LOG_MODULE "bus"
#include "common/bus_inner.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CONNECT_TIMEOUT_MS = 2000,
    WRITE_DEADLINE_MS = 2000,
    PING_INTERVAL_MS = 3000,
    PINGS_OUT = 2,
    PENDING_MESSAGES = 65536,
    PENDING_BYTES = 64 * 1024 * 1024,
    FIRST_WAIT_MS = 200,
    LOST_WAIT_MAX_MS = 3000,     /* nobody answers: trying costs little, waiting costs seconds */
    REFUSED_WAIT_MAX_MS = 30000, /* a refusal costs the server a signature check */
    STEADY_MS = 10000,           /* a connection that lived so long starts the waits anew */
    REASON_SIZE = 160
};

/* One connection, from before its making until cnats' last call-back about it. */
struct link {
    struct bus *bus;
    bool ended;
    bool refused; /* the server ended it for the sake of our credentials */
    char reason[REASON_SIZE];
};

/* Waits with the lock held until something changes or the time is over. */
static void wait_changed(struct bus *bus, uint64_t until_mono_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_mono_ns / NS_PER_S),
                             .tv_nsec = (long)(until_mono_ns % NS_PER_S)};
    (void)pthread_cond_timedwait(&bus->changed, &bus->lock, &until); /* callers look again */
}

/* ---- what cnats calls ---- */

/* On the subscription's own thread: others do not wait for it. */
static void gather(const struct bus *bus, natsSubscription *sub)
{
    int messages = 0, bytes = 0;
    if (bus->gather_us > 0 && natsSubscription_GetPending(sub, &messages, &bytes) == NATS_OK &&
        messages == 0) {
        struct timespec rest = {.tv_nsec = (long)bus->gather_us * NS_PER_US};
        (void)nanosleep(&rest, NULL); /* woken early: all the same */
    }
}

static void message_came(natsConnection *conn, natsSubscription *sub, natsMsg *msg, void *arg)
{
    struct bus_interest *interest = arg;
    (void)conn;
    if (bus_enter(interest->bus)) {
        if (natsMsg_GetReply(msg) != NULL) {
            atomic_fetch_add_explicit(&interest->bus->replies, 1, memory_order_relaxed);
        }
        interest->fn(natsMsg_GetSubject(msg), natsMsg_GetData(msg),
                     (size_t)natsMsg_GetDataLength(msg), interest->arg);
        bus_leave(interest->bus);
    }
    natsMsg_Destroy(msg);
    gather(interest->bus, sub);
}

static void link_error(natsConnection *conn, natsSubscription *sub, natsStatus status, void *arg)
{
    struct link *link = arg;
    natsStatus last;
    const char *text = nats_GetLastError(&last);
    (void)conn;
    (void)sub;
    if (status == NATS_NOT_PERMITTED) {
        bus_tell(link->bus, BUS_DENIED, text != NULL ? text : "");
    } else if (status == NATS_SLOW_CONSUMER) {
        bus_tell(link->bus, BUS_SLOW, "");
    }
}

/* Words of the server that mean our credentials, not the network. */
static bool is_refusal(const char *reason)
{
    return strcasestr(reason, "authentication") != NULL ||
           strcasestr(reason, "authorization") != NULL;
}

static void link_ended(natsConnection *conn, void *arg)
{
    struct link *link = arg;
    struct bus *bus = link->bus;
    const char *reason = NULL;
    (void)natsConnection_GetLastError(conn, &reason); /* tells the status that ended it */
    bus_lock(bus);
    link->ended = true;
    (void)snprintf(link->reason, sizeof link->reason, "%s",
                   reason != NULL && reason[0] != '\0' ? reason : "connection lost");
    link->refused = is_refusal(link->reason);
    (void)pthread_cond_broadcast(&bus->changed);
    bus_unlock(bus);
}

static natsStatus give_jwt(char **jwt, char **error, void *arg)
{
    struct bus *bus = arg;
    (void)error;
    bus_lock(bus);
    *jwt = strdup(bus->jwt); /* cnats frees it */
    bus_unlock(bus);
    return *jwt != NULL ? NATS_OK : NATS_NO_MEMORY;
}

/*
 * Signs the server's nonce. Client 3.4.1 sends a signature whose first byte is zero as empty, and
 * the server then refuses us (mended in 3.8.0): such a nonce is passed over, the next attempt
 * gets another. A bearer's signature is looked at by nobody, but cnats wants one.
 */
static natsStatus give_signature(char **error, unsigned char **signature, int *len,
                                 const char *nonce, void *arg)
{
    struct bus *bus = arg;
    uint8_t bytes[64];
    memset(bytes, 1, sizeof bytes);
    bus_lock(bus);
    int failed = bus->has_key && nkey_sign(&bus->key, nonce, strlen(nonce), bytes, NULL) != 0;
    bus_unlock(bus);
    if (failed || bytes[0] == 0) {
        *error = strdup("a nonce that this client cannot sign");
        return NATS_ERR;
    }
    *signature = malloc(sizeof bytes); /* cnats frees it */
    if (*signature == NULL) {
        return NATS_NO_MEMORY;
    }
    memcpy(*signature, bytes, sizeof bytes);
    *len = sizeof bytes;
    return NATS_OK;
}

/* ---- the keeper ---- */

static natsStatus set_identity(natsOptions *o, struct bus *bus)
{
    const char *urls[BUS_URLS_MAX];
    for (size_t i = 0; i < bus->url_count; i++) {
        urls[i] = bus->urls[i];
    }
    natsStatus s = natsOptions_SetServers(o, urls, (int)bus->url_count);
    if (s == NATS_OK) {
        s = natsOptions_SetName(o, bus->name);
    }
    if (s == NATS_OK) {
        s = natsOptions_SetUserCredentialsCallbacks(o, give_jwt, bus, give_signature, bus);
    }
    if (s == NATS_OK && bus->secure) {
        s = natsOptions_SetSecure(o, true);
    }
    if (s == NATS_OK && bus->secure && bus->ca_pem != NULL) {
        s = natsOptions_SetCATrustedCertificates(o, bus->ca_pem);
    }
    return s;
}

static natsStatus set_timing(natsOptions *o)
{
    natsStatus s = natsOptions_SetAllowReconnect(o, false);
    if (s == NATS_OK) {
        s = natsOptions_SetTimeout(o, CONNECT_TIMEOUT_MS);
    }
    if (s == NATS_OK) {
        s = natsOptions_SetWriteDeadline(o, WRITE_DEADLINE_MS);
    }
    if (s == NATS_OK) {
        s = natsOptions_SetPingInterval(o, PING_INTERVAL_MS);
    }
    if (s == NATS_OK) {
        s = natsOptions_SetMaxPingsOut(o, PINGS_OUT);
    }
    if (s == NATS_OK) {
        s = natsOptions_SetSendAsap(o, true);
    }
    return s;
}

static natsStatus set_handlers(natsOptions *o, struct link *link)
{
    natsStatus s = natsOptions_SetErrorHandler(o, link_error, link);
    return s == NATS_OK ? natsOptions_SetClosedCB(o, link_ended, link) : s;
}

static natsStatus connect_once(struct link *link, natsConnection **conn)
{
    natsOptions *o = NULL;
    natsStatus s = natsOptions_Create(&o);
    if (s == NATS_OK) {
        s = set_identity(o, link->bus);
    }
    if (s == NATS_OK) {
        s = set_timing(o);
    }
    if (s == NATS_OK) {
        s = set_handlers(o, link);
    }
    if (s == NATS_OK) {
        s = natsConnection_Connect(conn, o);
    }
    natsOptions_Destroy(o);
    return s;
}

natsStatus bus_subscribe_one(struct bus *bus, natsConnection *conn, size_t i)
{
    natsSubscription *sub = NULL;
    struct bus_interest *interest = &bus->interests[i];
    natsStatus s = natsConnection_Subscribe(&sub, conn, interest->subject, message_came, interest);
    if (s != NATS_OK) {
        return s;
    }
    bus_ref(bus); /* held by the subscription's thread, which may outlive the connection */
    s = natsSubscription_SetOnCompleteCB(sub, bus_unref, bus);
    if (s == NATS_OK) {
        s = natsSubscription_SetPendingLimits(sub, PENDING_MESSAGES, PENDING_BYTES);
    }
    bus_lock(bus);
    bus->subscriptions[i] = sub;
    bus_unlock(bus);
    return s;
}

/* Subscribes to everything, then opens the connection to callers. */
static void attach(struct bus *bus, natsConnection *conn)
{
    bus_lock(bus);
    for (size_t i = 0; i < bus->interest_count; i++) {
        bus_unlock(bus);
        natsStatus s = bus_subscribe_one(bus, conn, i);
        if (s != NATS_OK) {
            log_warn(NULL, "cannot subscribe to %s: %s", bus->interests[i].subject,
                     natsStatus_GetText(s));
        }
        bus_lock(bus);
    }
    bus->conn = conn; /* a later bus_subscribe sees it and subscribes by itself */
    bus_unlock(bus);
}

uint64_t bus_dropped_now(const struct bus *bus)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bus->interest_count; i++) {
        int64_t count = 0;
        if (bus->subscriptions[i] != NULL &&
            natsSubscription_GetDropped(bus->subscriptions[i], &count) == NATS_OK && count > 0) {
            sum += (uint64_t)count;
        }
    }
    return sum;
}

/* Takes the connection from callers and ends it; the last call-backs may still come. */
static void detach(struct bus *bus, natsConnection *conn)
{
    natsSubscription *subs[BUS_SUBSCRIPTIONS_MAX];
    bus_lock(bus);
    bus->conn = NULL;
    bus->dropped += bus_dropped_now(bus);
    memcpy(subs, bus->subscriptions, sizeof subs);
    memset(bus->subscriptions, 0, sizeof bus->subscriptions);
    bus_unlock(bus);
    natsConnection_Close(conn); /* throws out whoever waits inside */
    bus_lock(bus);
    while (bus->users > 0) {
        (void)pthread_cond_wait(&bus->changed, &bus->lock);
    }
    bus_unlock(bus);
    for (size_t i = 0; i < BUS_SUBSCRIPTIONS_MAX; i++) {
        natsSubscription_Destroy(subs[i]); /* NULL is fine */
    }
    natsConnection_Destroy(conn);
}

/* Waits until the connection ends or the bus is to stop. */
static void serve(struct bus *bus, const struct link *link)
{
    bus_lock(bus);
    while (!link->ended && !bus->stop) {
        (void)pthread_cond_wait(&bus->changed, &bus->lock);
    }
    bus_unlock(bus);
}

/* After detach: waits for cnats' last call-back about this connection, which always comes. */
static void await_last_call(struct bus *bus, const struct link *link)
{
    bus_lock(bus);
    while (!link->ended) {
        (void)pthread_cond_wait(&bus->changed, &bus->lock);
    }
    bus_unlock(bus);
}

/* Between half and all of a wait that grows with each try. */
static unsigned wait_ms(unsigned tries, bool refused)
{
    unsigned cap = refused ? REFUSED_WAIT_MAX_MS : LOST_WAIT_MAX_MS;
    unsigned wait = FIRST_WAIT_MS;
    for (unsigned i = 0; i < tries && wait < cap; i++) {
        wait += refused ? wait : wait / 2;
    }
    wait = wait < cap ? wait : cap;
    return wait / 2 + arc4random_uniform(wait / 2 + 1);
}

/* Sleeps before the next try; the end cuts it short. True to go on. */
static bool rest(struct bus *bus, unsigned ms)
{
    uint64_t until = clock_mono_ns() + (uint64_t)ms * NS_PER_MS;
    bus_lock(bus);
    while (!bus->stop && clock_mono_ns() < until) {
        wait_changed(bus, until);
    }
    bool go_on = !bus->stop;
    bus_unlock(bus);
    return go_on;
}

static natsStatus try_to_connect(struct bus *bus, struct link *link, natsConnection **conn)
{
    bus_lock(bus);
    bool stop = bus->stop;
    bus->keeper_away = !stop;
    bus_unlock(bus);
    natsStatus s = stop ? NATS_CONNECTION_CLOSED : connect_once(link, conn);
    bus_lock(bus);
    bus->keeper_away = false;
    bus_unlock(bus);
    return s;
}

/* Says why there is no connection. True when the server refused our credentials. */
static bool tell_failure(struct bus *bus, natsStatus s)
{
    natsStatus last;
    const char *detail = nats_GetLastError(&last);
    const char *text = detail != NULL && last == s ? detail : natsStatus_GetText(s);
    bool refused = s == NATS_CONNECTION_AUTH_FAILED || is_refusal(text);
    if (refused) {
        bus_tell(bus, BUS_AUTH_REFUSED, text);
    } else if (s != NATS_CONNECTION_CLOSED) {
        log_warn(NULL, "cannot reach NATS at %s: %s", bus->urls[0], text);
    }
    return refused;
}

/* One connection from attempt to end. Returns how long it lived, in ms; 0 when never. */
static uint64_t live_once(struct bus *bus, bool *refused)
{
    struct link link = {.bus = bus};
    natsConnection *conn = NULL;
    natsStatus s = try_to_connect(bus, &link, &conn);
    if (s != NATS_OK) {
        *refused = tell_failure(bus, s);
        return 0;
    }
    uint64_t began = clock_mono_ns();
    attach(bus, conn);
    bus_tell(bus, BUS_CONNECTED, "");
    serve(bus, &link);
    detach(bus, conn);
    await_last_call(bus, &link);
    *refused = link.refused;
    bus_tell(bus, BUS_DISCONNECTED, link.reason);
    if (link.refused) {
        bus_tell(bus, BUS_AUTH_REFUSED, link.reason);
    }
    return (clock_mono_ns() - began) / NS_PER_MS;
}

void *bus_keep(void *arg)
{
    struct bus *bus = arg;
    unsigned tries = 0;
    bool refused = false;
    (void)pthread_setname_np(pthread_self(), "bus"); /* for people who look; may fail */
    do {
        bool was_refused = refused;
        uint64_t lived_ms = live_once(bus, &refused);
        bool fresh = lived_ms >= STEADY_MS || was_refused != refused;
        tries = fresh ? 0 : tries + 1;
    } while (rest(bus, wait_ms(tries, refused)));
    nats_ReleaseThreadMemory();
    bus_lock(bus);
    bus->keeper_ended = true;
    (void)pthread_cond_broadcast(&bus->changed);
    bus_unlock(bus);
    bus_unref(bus);
    return NULL;
}
