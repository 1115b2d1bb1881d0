/*
 * One conversation with one device over SNMP: a question at a time, answers by call-back, nothing
 * waits. The only file that knows net-snmp, which is not safe for several threads: all calls are
 * on the poller's thread, but for poll_snmp_start.
 */
#pragma once

#include "agent/poll/discover.h"
#include "common/err.h"
#include "common/wire/config_snmp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Once, before there are threads: the library reads no file and writes none. */
void poll_snmp_start(void);

enum { OID_SIZE = 64, ASK_MAX = 32, ANSWER_MAX = 512 };

struct poll_oid {
    uint32_t len;
    uint32_t ids[OID_SIZE];
};

enum poll_type {
    POLL_NOTHING, /* there is no such object, or none after it */
    POLL_NUMBER,  /* integers, counters, gauges, ticks */
    POLL_BYTES,   /* texts and addresses */
    POLL_OID,
};

struct poll_value {
    struct poll_oid oid;
    enum poll_type type;
    uint64_t number;
    const uint8_t *bytes; /* borrowed, until the call-back returns; POLL_OID: its dotted text */
    size_t len;
};

struct poll_answer {
    uint8_t state;   /* enum device_state: DEVICE_UP when there are values */
    bool too_big;    /* the answer does not fit the device's message: ask for less */
    unsigned bad;    /* v1: the place (from 1) of the object that there is not; 0: none */
    const char *why; /* for a person; "" when up */
    const struct poll_value *values; /* in the order asked for */
    size_t count;
};
typedef void (*poll_answer_fn)(const struct poll_answer *answer, void *arg);

enum poll_ask { ASK_GET, ASK_NEXT, ASK_BULK };

struct poll_question {
    enum poll_ask ask;
    const struct poll_oid *oids;
    size_t count;
    unsigned single; /* ASK_BULK: so many of the first are asked once */
    unsigned repeat; /* ASK_BULK: the others so often */
};

struct poll_session;

/* engine is that of v3, found before. NULL and e when the session cannot be made. */
struct poll_session *poll_session_open(const struct config_snmp *conf, const struct sockaddr *to,
                                       const struct engine_id *engine, struct err *e);
/* Not inside its call-back. NULL is fine. */
void poll_session_close(struct poll_session *s);

/* One at a time; the call-back comes later, or not at all when -1. */
int poll_session_ask(struct poll_session *s, const struct poll_question *q, poll_answer_fn answer,
                     void *arg, struct err *e);
int poll_session_fd(const struct poll_session *s);
/* The descriptor is readable. May call back. */
void poll_session_read(struct poll_session *s);
/* Asks again or gives up when it is time: call ten times a second. May call back. */
void poll_session_tick(struct poll_session *s);
