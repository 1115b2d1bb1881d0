/*
 * One thread per bus ("the keeper") makes a connection, serves it until it ends, and makes the
 * next. cnats' own reconnection is off: it gives up for ever after two refused log-ins, and one
 * way to come back is easier to trust than two. cnats' threads call link_ended, link_error and
 * message_came; everything that they share with the keeper and with callers is under one lock.
 *
 * The bus lives until nobody can reach it any more: its owner, its keeper, each connection until
 * its last call-back, each subscription until its thread has ended, all hold a reference.
 */
#define LOG_MODULE "bus"
#include "common/bus.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"

#include <errno.h>
#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CONNECT_TIMEOUT_MS = 2000,
    WRITE_DEADLINE_MS = 2000,
    PING_INTERVAL_MS = 3000,
    PINGS_OUT = 2,
    CLOSE_FLUSH_MS = 500,
    URLS_MAX = 16,
    SUBSCRIPTIONS_MAX = 32,
    PENDING_MESSAGES = 65536,
    PENDING_BYTES = 64 * 1024 * 1024,
    FIRST_WAIT_MS = 200,
    LOST_WAIT_MAX_MS = 3000,     /* nobody answers: trying costs little, waiting costs seconds */
    REFUSED_WAIT_MAX_MS = 30000, /* a refusal costs the server a signature check */
    STEADY_MS = 10000,           /* a connection that lived so long starts the waits anew */
    CA_FILE_MAX = 1024 * 1024,
    REASON_SIZE = 160
};

/* What a caller subscribed to; lives as long as the bus. */
struct interest {
    struct bus *bus;
    char *subject;
    bus_message_fn fn;
    void *arg;
};

/* One connection, from before its making until cnats' last call-back about it. */
struct link {
    struct bus *bus;
    bool ended;
    bool refused; /* the server ended it for the sake of our credentials */
    char reason[REASON_SIZE];
};

struct bus {
    /* Never change. */
    char *urls[URLS_MAX];
    size_t url_count;
    bool secure;
    char *ca_pem;
    char *name;
    bus_event_fn on_event;
    void *arg;

    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t changed;
    unsigned refs;
    char *jwt;
    struct nkey key;
    bool has_key;
    bool new_credentials; /* cuts a wait short */
    bool closing;         /* no call-back begins any more */
    bool stop;            /* the keeper is to end */
    bool keeper_away;     /* it is inside a connection attempt, which cannot be cut short */
    bool keeper_ended;
    unsigned inside;      /* call-backs that run now */
    unsigned using;       /* callers that use conn now */
    natsConnection *conn; /* NULL while away */
    struct interest interests[SUBSCRIPTIONS_MAX];
    natsSubscription *subscriptions[SUBSCRIPTIONS_MAX]; /* of conn */
    size_t interest_count;
    uint64_t dropped;         /* by connections that have ended */
    _Atomic uint64_t replies; /* added by subscriptions' threads, read by bus_replies */
};

static void lock(struct bus *bus)
{
    (void)pthread_mutex_lock(&bus->lock); /* fails only for a broken mutex */
}

static void unlock(struct bus *bus)
{
    (void)pthread_mutex_unlock(&bus->lock);
}

static void bus_free(struct bus *bus)
{
    for (size_t i = 0; i < bus->url_count; i++) {
        free(bus->urls[i]);
    }
    for (size_t i = 0; i < bus->interest_count; i++) {
        free(bus->interests[i].subject);
    }
    if (bus->jwt != NULL) {
        explicit_bzero(bus->jwt, strlen(bus->jwt));
    }
    free(bus->ca_pem);
    free(bus->name);
    free(bus->jwt);
    nkey_done(&bus->key);
    (void)pthread_cond_destroy(&bus->changed);
    (void)pthread_mutex_destroy(&bus->lock);
    free(bus);
}

static void bus_ref(struct bus *bus)
{
    lock(bus);
    bus->refs++;
    unlock(bus);
}

static void bus_unref(void *arg)
{
    struct bus *bus = arg;
    lock(bus);
    bool last = --bus->refs == 0;
    unlock(bus);
    if (last) {
        bus_free(bus);
    }
}

/* True when a call-back may run; then leave() must follow. */
static bool enter(struct bus *bus)
{
    lock(bus);
    bool open = !bus->closing;
    bus->inside += open ? 1 : 0;
    unlock(bus);
    return open;
}

static void leave(struct bus *bus)
{
    lock(bus);
    bus->inside--;
    (void)pthread_cond_broadcast(&bus->changed);
    unlock(bus);
}

static void tell(struct bus *bus, enum bus_event event, const char *text)
{
    if (bus->on_event != NULL && enter(bus)) {
        bus->on_event(event, text, bus->arg);
        leave(bus);
    }
}

/* The connection for one use, or NULL while away; give_back must follow. */
static natsConnection *borrow(struct bus *bus)
{
    lock(bus);
    natsConnection *conn = bus->conn;
    bus->using += conn != NULL ? 1 : 0;
    unlock(bus);
    return conn;
}

static void give_back(struct bus *bus)
{
    lock(bus);
    bus->using --;
    (void)pthread_cond_broadcast(&bus->changed);
    unlock(bus);
}

/* Waits with the lock held until something changes or the time is over. */
static void wait_changed(struct bus *bus, uint64_t until_mono_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_mono_ns / NS_PER_S),
                             .tv_nsec = (long)(until_mono_ns % NS_PER_S)};
    (void)pthread_cond_timedwait(&bus->changed, &bus->lock, &until); /* callers look again */
}

/* ---- what cnats calls ---- */

static void message_came(natsConnection *conn, natsSubscription *sub, natsMsg *msg, void *arg)
{
    struct interest *interest = arg;
    (void)conn;
    (void)sub;
    if (enter(interest->bus)) {
        if (natsMsg_GetReply(msg) != NULL) {
            atomic_fetch_add_explicit(&interest->bus->replies, 1, memory_order_relaxed);
        }
        interest->fn(natsMsg_GetSubject(msg), natsMsg_GetData(msg),
                     (size_t)natsMsg_GetDataLength(msg), interest->arg);
        leave(interest->bus);
    }
    natsMsg_Destroy(msg);
}

static void link_error(natsConnection *conn, natsSubscription *sub, natsStatus status, void *arg)
{
    struct link *link = arg;
    natsStatus last;
    const char *text = nats_GetLastError(&last);
    (void)conn;
    (void)sub;
    if (status == NATS_NOT_PERMITTED) {
        tell(link->bus, BUS_DENIED, text != NULL ? text : "");
    } else if (status == NATS_SLOW_CONSUMER) {
        tell(link->bus, BUS_SLOW, "");
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
    lock(bus);
    link->ended = true;
    (void)snprintf(link->reason, sizeof link->reason, "%s",
                   reason != NULL && reason[0] != '\0' ? reason : "connection lost");
    link->refused = is_refusal(link->reason);
    (void)pthread_cond_broadcast(&bus->changed);
    unlock(bus);
}

static natsStatus give_jwt(char **jwt, char **error, void *arg)
{
    struct bus *bus = arg;
    (void)error;
    lock(bus);
    *jwt = strdup(bus->jwt); /* cnats frees it */
    unlock(bus);
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
    lock(bus);
    int failed = bus->has_key && nkey_sign(&bus->key, nonce, strlen(nonce), bytes, NULL) != 0;
    unlock(bus);
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
    const char *urls[URLS_MAX];
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

/* On one connection: subscribes to what stands at place i of the interests. */
static natsStatus subscribe_one(struct bus *bus, natsConnection *conn, size_t i)
{
    natsSubscription *sub = NULL;
    struct interest *interest = &bus->interests[i];
    natsStatus s = natsConnection_Subscribe(&sub, conn, interest->subject, message_came, interest);
    if (s != NATS_OK) {
        return s;
    }
    bus_ref(bus); /* held by the subscription's thread, which may outlive the connection */
    s = natsSubscription_SetOnCompleteCB(sub, bus_unref, bus);
    if (s == NATS_OK) {
        s = natsSubscription_SetPendingLimits(sub, PENDING_MESSAGES, PENDING_BYTES);
    }
    lock(bus);
    bus->subscriptions[i] = sub;
    unlock(bus);
    return s;
}

/* Subscribes to everything, then opens the connection to callers. */
static void attach(struct bus *bus, natsConnection *conn)
{
    lock(bus);
    for (size_t i = 0; i < bus->interest_count; i++) {
        unlock(bus);
        natsStatus s = subscribe_one(bus, conn, i);
        if (s != NATS_OK) {
            log_warn(NULL, "cannot subscribe to %s: %s", bus->interests[i].subject,
                     natsStatus_GetText(s));
        }
        lock(bus);
    }
    bus->conn = conn; /* a later bus_subscribe sees it and subscribes by itself */
    unlock(bus);
}

static uint64_t dropped_now(const struct bus *bus)
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
    natsSubscription *subs[SUBSCRIPTIONS_MAX];
    lock(bus);
    bus->conn = NULL;
    bus->dropped += dropped_now(bus);
    memcpy(subs, bus->subscriptions, sizeof subs);
    memset(bus->subscriptions, 0, sizeof bus->subscriptions);
    unlock(bus);
    natsConnection_Close(conn); /* throws out whoever waits inside */
    lock(bus);
    while (bus->using > 0) {
        (void)pthread_cond_wait(&bus->changed, &bus->lock);
    }
    unlock(bus);
    for (size_t i = 0; i < SUBSCRIPTIONS_MAX; i++) {
        natsSubscription_Destroy(subs[i]); /* NULL is fine */
    }
    natsConnection_Destroy(conn);
}

/* Waits until the connection ends or the bus is to stop. */
static void serve(struct bus *bus, const struct link *link)
{
    lock(bus);
    while (!link->ended && !bus->stop) {
        (void)pthread_cond_wait(&bus->changed, &bus->lock);
    }
    unlock(bus);
}

/* After detach: waits for cnats' last call-back about this connection, which always comes. */
static void await_last_call(struct bus *bus, const struct link *link)
{
    lock(bus);
    while (!link->ended) {
        (void)pthread_cond_wait(&bus->changed, &bus->lock);
    }
    unlock(bus);
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

/* Sleeps before the next try; new credentials or the end cut it short. True to go on. */
static bool rest(struct bus *bus, unsigned ms)
{
    uint64_t until = clock_mono_ns() + (uint64_t)ms * NS_PER_MS;
    lock(bus);
    while (!bus->stop && !bus->new_credentials && clock_mono_ns() < until) {
        wait_changed(bus, until);
    }
    bus->new_credentials = false;
    bool go_on = !bus->stop;
    unlock(bus);
    return go_on;
}

static natsStatus try_to_connect(struct bus *bus, struct link *link, natsConnection **conn)
{
    lock(bus);
    bool stop = bus->stop;
    bus->keeper_away = !stop;
    unlock(bus);
    natsStatus s = stop ? NATS_CONNECTION_CLOSED : connect_once(link, conn);
    lock(bus);
    bus->keeper_away = false;
    unlock(bus);
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
        tell(bus, BUS_AUTH_REFUSED, text);
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
    tell(bus, BUS_CONNECTED, "");
    serve(bus, &link);
    detach(bus, conn);
    await_last_call(bus, &link);
    *refused = link.refused;
    tell(bus, BUS_DISCONNECTED, link.reason);
    if (link.refused) {
        tell(bus, BUS_AUTH_REFUSED, link.reason);
    }
    return (clock_mono_ns() - began) / NS_PER_MS;
}

static void *keep(void *arg)
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
    lock(bus);
    bus->keeper_ended = true;
    (void)pthread_cond_broadcast(&bus->changed);
    unlock(bus);
    bus_unref(bus);
    return NULL;
}

/* ---- what callers call ---- */

static int copy_urls(struct bus *bus, const struct bus_options *options, struct err *e)
{
    for (size_t i = 0; i < options->url_count; i++) {
        const char *url = options->urls[i];
        bool tls = strncmp(url, "tls://", 6) == 0;
        if (!tls && strncmp(url, "nats://", 7) != 0) {
            return err_set(e, ERR_CONFIG, "\"%s\" is neither nats:// nor tls://", url);
        }
        if (i > 0 && tls != bus->secure) {
            return err_set(e, ERR_CONFIG, "nats:// and tls:// cannot be mixed");
        }
        bus->secure = tls;
        bus->urls[i] = strdup(url);
        if (bus->urls[i] == NULL) {
            return err_set(e, ERR_NOMEM, "the bus");
        }
        bus->url_count = i + 1;
    }
    return 0;
}

static int copy_options(struct bus *bus, const struct bus_options *options, struct err *e)
{
    if (options->url_count == 0 || options->url_count > URLS_MAX || options->jwt == NULL) {
        return err_set(e, ERR_ARG, "a bus needs 1 to %d addresses and a JWT", URLS_MAX);
    }
    if (copy_urls(bus, options, e) != 0) {
        return -1;
    }
    if (options->ca_file != NULL && options->ca_file[0] != '\0') {
        size_t len;
        bus->ca_pem = file_read(options->ca_file, CA_FILE_MAX, &len, e);
        if (bus->ca_pem == NULL) {
            return -1;
        }
    }
    bus->name = strdup(options->name);
    bus->jwt = strdup(options->jwt);
    if (bus->name == NULL || bus->jwt == NULL) {
        return err_set(e, ERR_NOMEM, "the bus");
    }
    bus->has_key = options->key != NULL;
    if (bus->has_key) {
        bus->key = *options->key;
    }
    bus->on_event = options->on_event;
    bus->arg = options->arg;
    return 0;
}

static int init_lock(struct bus *bus)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr); /* these cannot fail on Linux */
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&bus->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    return pthread_mutex_init(&bus->lock, NULL);
}

struct bus *bus_open(const struct bus_options *options, struct err *e)
{
    struct bus *bus = calloc(1, sizeof *bus);
    if (bus == NULL || init_lock(bus) != 0) {
        free(bus);
        (void)err_set(e, ERR_NOMEM, "the bus");
        return NULL;
    }
    if (copy_options(bus, options, e) != 0) {
        bus_free(bus);
        return NULL;
    }
    pthread_t keeper;
    bus->refs = 2; /* the caller and the keeper */
    if (pthread_create(&keeper, NULL, keep, bus) != 0) {
        bus_free(bus);
        (void)err_set(e, ERR_NOMEM, "cannot start the bus's thread");
        return NULL;
    }
    (void)pthread_detach(keeper); /* bus_close waits by keeper_ended */
    return bus;
}

void bus_close(struct bus *bus)
{
    if (bus == NULL) {
        return;
    }
    natsConnection *conn = borrow(bus);
    if (conn != NULL) {
        (void)natsConnection_FlushTimeout(conn, CLOSE_FLUSH_MS); /* what cannot leave is lost */
        give_back(bus);
    }
    lock(bus);
    bus->closing = true;
    bus->stop = true;
    (void)pthread_cond_broadcast(&bus->changed);
    while (bus->inside > 0 || (!bus->keeper_ended && !bus->keeper_away)) {
        (void)pthread_cond_wait(&bus->changed, &bus->lock);
    }
    unlock(bus);
    bus_unref(bus);
}

bool bus_is_connected(struct bus *bus)
{
    lock(bus);
    bool connected = bus->conn != NULL;
    unlock(bus);
    return connected;
}

int bus_subscribe(struct bus *bus, const char *subject, bus_message_fn fn, void *arg, struct err *e)
{
    char *copy = strdup(subject);
    lock(bus);
    size_t i = bus->interest_count;
    if (copy == NULL || i == SUBSCRIPTIONS_MAX) {
        unlock(bus);
        free(copy);
        return err_set(e, ERR_FULL, "no room for a subscription to %s", subject);
    }
    bus->interests[i] = (struct interest){.bus = bus, .subject = copy, .fn = fn, .arg = arg};
    bus->interest_count++;
    natsConnection *conn = bus->conn; /* in the same breath, or attach might subscribe too */
    bus->using += conn != NULL ? 1 : 0;
    unlock(bus);
    if (conn == NULL) {
        return 0; /* the next connection subscribes */
    }
    natsStatus s = subscribe_one(bus, conn, i);
    give_back(bus);
    return s == NATS_OK ? 0
                        : err_set(e, ERR_REMOTE, "cannot subscribe to %s: %s", subject,
                                  natsStatus_GetText(s));
}

static enum err_code code_of(natsStatus s)
{
    switch ((int)s) {
    case NATS_CONNECTION_CLOSED:
    case NATS_CONNECTION_DISCONNECTED:
    case NATS_INSUFFICIENT_BUFFER: return ERR_CLOSED;
    case NATS_TIMEOUT: return ERR_TIMEOUT;
    case NATS_MAX_PAYLOAD:
    case NATS_INVALID_SUBJECT: return ERR_ARG;
    case NATS_NO_MEMORY: return ERR_NOMEM;
    }
    return ERR_REMOTE;
}

int bus_publish(struct bus *bus, const char *subject, const void *bytes, size_t len, struct err *e)
{
    natsConnection *conn = borrow(bus);
    if (conn == NULL) {
        return err_set(e, ERR_CLOSED, "not connected to NATS");
    }
    natsStatus s = natsConnection_Publish(conn, subject, bytes, (int)len);
    if (s == NATS_TIMEOUT || s == NATS_IO_ERROR) {
        natsConnection_Close(conn); /* half a message may have left: only a new one is sound */
    }
    give_back(bus);
    return s == NATS_OK
               ? 0
               : err_set(e, code_of(s), "publishing to %s: %s", subject, natsStatus_GetText(s));
}

int bus_request(struct bus *bus, const char *subject, const void *bytes, size_t len,
                unsigned timeout_ms, void *answer, size_t *answer_len, struct err *e)
{
    natsConnection *conn = borrow(bus);
    if (conn == NULL) {
        return err_set(e, ERR_CLOSED, "not connected to NATS");
    }
    natsMsg *msg = NULL;
    natsStatus s = natsConnection_Request(&msg, conn, subject, bytes, (int)len, timeout_ms);
    give_back(bus);
    if (s != NATS_OK) {
        return err_set(e, code_of(s), "request to %s: %s", subject, natsStatus_GetText(s));
    }
    size_t have = (size_t)natsMsg_GetDataLength(msg);
    int result = 0;
    if (have > *answer_len) {
        result = err_set(e, ERR_FULL, "an answer of %zu bytes from %s", have, subject);
    } else {
        memcpy(answer, natsMsg_GetData(msg), have);
        *answer_len = have;
    }
    natsMsg_Destroy(msg);
    return result;
}

int bus_set_credentials(struct bus *bus, const char *jwt, const struct nkey *key, struct err *e)
{
    char *copy = strdup(jwt);
    if (copy == NULL) {
        return err_set(e, ERR_NOMEM, "credentials");
    }
    lock(bus);
    char *old = bus->jwt;
    bus->jwt = copy;
    bus->has_key = key != NULL;
    bus->key = key != NULL ? *key : (struct nkey){0};
    bus->new_credentials = true;
    (void)pthread_cond_broadcast(&bus->changed);
    unlock(bus);
    explicit_bzero(old, strlen(old));
    free(old);
    return 0;
}

uint64_t bus_replies(struct bus *bus)
{
    return atomic_load_explicit(&bus->replies, memory_order_relaxed);
}

uint64_t bus_dropped(struct bus *bus)
{
    lock(bus);
    uint64_t dropped = bus->dropped + dropped_now(bus);
    unlock(bus);
    return dropped;
}
