/*
 * One connection to NATS, and the only file that knows cnats. It reconnects for ever: a
 * connection that cnats has given up (two refused log-ins) is replaced by a new one with jittered
 * back-off, so callers never see CLOSED. Nothing is buffered while away: publishing then fails at
 * once and the caller's spool holds.
 */
#pragma once

#include "common/creds.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bus;

enum bus_event {
    BUS_CONNECTED, /* also after each reconnection */
    BUS_DISCONNECTED,
    BUS_AUTH_REFUSED, /* the server refused the log-in; the bus goes on trying */
    BUS_DENIED,       /* a publish or subscription was not permitted; text names it */
    BUS_SLOW,         /* the client dropped messages of a subscription */
};

/* On a thread of the library: copy, queue, return. text may be "". */
typedef void (*bus_event_fn)(enum bus_event event, const char *text, void *arg);
/* Likewise; subject and bytes are borrowed for the call. */
typedef void (*bus_message_fn)(const char *subject, const void *bytes, size_t len, void *arg);

struct bus_options {
    const char *const *urls; /* nats://host:port or tls://host:port */
    size_t url_count;
    const char *ca_file;    /* PEM for tls, or NULL */
    const char *ca_pem;     /* the same as text, when there is no file; copied; or NULL */
    const char *name;       /* connection name shown by the server */
    const char *jwt;        /* user JWT; copied */
    const struct nkey *key; /* signs the nonce; copied; NULL for a bearer JWT */
    unsigned gather_us;     /* after the last message that waits, a subscription rests so long:
                               then many come by one wake-up, each so much later; 0: not at all */
    bus_event_fn on_event;
    void *arg;
};

/* Starts connecting in the background and returns at once. NULL and e only for bad options. */
struct bus *bus_open(const struct bus_options *options, struct err *e);
/* Flushes for at most 500 ms, then closes. No call-back runs after it returns. */
void bus_close(struct bus *bus);
bool bus_is_connected(struct bus *bus);

/* May be called before the connection is up; renewed on every new connection. */
int bus_subscribe(struct bus *bus, const char *subject, bus_message_fn fn, void *arg,
                  struct err *e);
/* Leaves at once, without waiting for a flusher. Fails with ERR_CLOSED while away. Any thread. */
int bus_publish(struct bus *bus, const char *subject, const void *bytes, size_t len, struct err *e);
/* Request and answer through the private inbox (system account only: CLAIMS.UPDATE, CONNZ). */
int bus_request(struct bus *bus, const char *subject, const void *bytes, size_t len,
                unsigned timeout_ms, void *answer, size_t *answer_len, struct err *e);
/* Messages that named a subject to reply to, since open. It is never used: a sender could name
 * another's. */
uint64_t bus_replies(struct bus *bus);
/* Messages that the client dropped because a subscriber was slow, since open. */
uint64_t bus_dropped(struct bus *bus);
