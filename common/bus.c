/*
 * What callers of the bus call, and the gates: who may use the connection, when a call-back may
 * run, when the memory goes.
 */
#include "common/bus_inner.h"

#include "common/file.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLOSE_FLUSH_MS = 500, CA_FILE_MAX = 1024 * 1024 };

void bus_lock(struct bus *bus)
{
    (void)pthread_mutex_lock(&bus->lock); /* fails only for a broken mutex */
}

void bus_unlock(struct bus *bus)
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

void bus_ref(struct bus *bus)
{
    bus_lock(bus);
    bus->refs++;
    bus_unlock(bus);
}

void bus_unref(void *arg)
{
    struct bus *bus = arg;
    bus_lock(bus);
    bool last = --bus->refs == 0;
    bus_unlock(bus);
    if (last) {
        bus_free(bus);
    }
}

/* True when a call-back may run; then bus_leave() must follow. */
bool bus_enter(struct bus *bus)
{
    bus_lock(bus);
    bool open = !bus->closing;
    bus->inside += open ? 1 : 0;
    bus_unlock(bus);
    return open;
}

void bus_leave(struct bus *bus)
{
    bus_lock(bus);
    bus->inside--;
    (void)pthread_cond_broadcast(&bus->changed);
    bus_unlock(bus);
}

void bus_tell(struct bus *bus, enum bus_event event, const char *text)
{
    if (bus->on_event != NULL && bus_enter(bus)) {
        bus->on_event(event, text, bus->arg);
        bus_leave(bus);
    }
}

/* The connection for one use, or NULL while away; give_back must follow. */
static natsConnection *borrow(struct bus *bus)
{
    bus_lock(bus);
    natsConnection *conn = bus->conn;
    bus->users += conn != NULL ? 1 : 0;
    bus_unlock(bus);
    return conn;
}

static void give_back(struct bus *bus)
{
    bus_lock(bus);
    bus->users--;
    (void)pthread_cond_broadcast(&bus->changed);
    bus_unlock(bus);
}

/* ---- what callers call ---- */

static int copy_urls(struct bus *bus, const struct bus_options *options, struct err *e)
{
    for (size_t i = 0; i < options->url_count; i++) {
        const char *url = options->urls[i];
        bool tls = strncmp(url, "tls://", 6) == 0;
        if (bus_url_check(url, e) != 0) {
            return err_wrap(e, "%s", url);
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
    if (options->url_count == 0 || options->url_count > BUS_URLS_MAX || options->jwt == NULL) {
        return err_set(e, ERR_ARG, "a bus needs 1 to %d addresses and a JWT", BUS_URLS_MAX);
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
    } else if (options->ca_pem != NULL && options->ca_pem[0] != '\0') {
        bus->ca_pem = strdup(options->ca_pem);
        if (bus->ca_pem == NULL) {
            return err_set(e, ERR_NOMEM, "the bus");
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
    bus->gather_us = options->gather_us;
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
    bus->refs = 2; /* the caller and the keeper */
    if (pthread_create(&bus->keeper, NULL, bus_keep, bus) != 0) {
        bus_free(bus);
        (void)err_set(e, ERR_NOMEM, "cannot start the bus's thread");
        return NULL;
    }
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
    bus_lock(bus);
    bus->closing = true;
    bus->stop = true;
    (void)pthread_cond_broadcast(&bus->changed);
    while (bus->inside > 0 || (!bus->keeper_ended && !bus->keeper_away)) {
        (void)pthread_cond_wait(&bus->changed, &bus->lock);
    }
    bool ended = bus->keeper_ended;
    bus_unlock(bus);
    /* Not before its thread is gone: OpenSSL's part of one must not end beside the process's. */
    (void)(ended ? pthread_join(bus->keeper, NULL) : pthread_detach(bus->keeper)); /* it is ours */
    bus_unref(bus);
}

bool bus_is_connected(struct bus *bus)
{
    bus_lock(bus);
    bool connected = bus->conn != NULL;
    bus_unlock(bus);
    return connected;
}

int bus_subscribe(struct bus *bus, const char *subject, bus_message_fn fn, void *arg, struct err *e)
{
    char *copy = strdup(subject);
    bus_lock(bus);
    size_t i = bus->interest_count;
    if (copy == NULL || i == BUS_SUBSCRIPTIONS_MAX) {
        bus_unlock(bus);
        free(copy);
        return err_set(e, ERR_FULL, "no room for a subscription to %s", subject);
    }
    bus->interests[i] = (struct bus_interest){.bus = bus, .subject = copy, .fn = fn, .arg = arg};
    bus->interest_count++;
    natsConnection *conn = bus->conn; /* in the same breath, or attach might subscribe too */
    bus->users += conn != NULL ? 1 : 0;
    bus_unlock(bus);
    if (conn == NULL) {
        return 0; /* the next connection subscribes */
    }
    natsStatus s = bus_subscribe_one(bus, conn, i);
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

uint64_t bus_replies(struct bus *bus)
{
    return atomic_load_explicit(&bus->replies, memory_order_relaxed);
}

uint64_t bus_dropped(struct bus *bus)
{
    bus_lock(bus);
    uint64_t dropped = bus->dropped + bus_dropped_now(bus);
    bus_unlock(bus);
    return dropped;
}
