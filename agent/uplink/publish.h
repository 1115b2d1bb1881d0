/*
 * Brings the spool's records to the centre: syncs what was appended, sends batches within the
 * window of each stream, and goes on, back or anew by what the centre acknowledges. What
 * waited when the agent came back has a window of its own, half as large, beside that of what is
 * new. On the loop's
 * thread; only fdatasync runs on libuv's pool. The network is a function given by uplink.c.
 */
#pragma once

#include "agent/uplink/spool.h"
#include "common/err.h"
#include "common/wire/delivery.h"
#include "common/wire/heartbeat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct publish;

/* Sends one message; 0, or -1 and e when it cannot leave now. */
typedef int (*publish_send_fn)(const char *subject, const void *bytes, size_t len, void *arg,
                               struct err *e);
/* Everything of p is closed and freed; the spool is not used any more. */
typedef void (*publish_closed_fn)(void *arg);

struct publish_options {
    uv_loop_t *loop;
    struct spool *spool; /* borrowed until closed */
    const char *name;    /* of the instance; borrowed */
    publish_send_fn send;
    void *arg;
};

enum {
    PUBLISH_ALERT_SYNC_MS = 50, /* between two syncs of the alerts */
    PUBLISH_SYNC_MS = 1000,     /* of the other streams */
    PUBLISH_ACK_WAIT_MS = 5000, /* without an acknowledgement: send again */
    PUBLISH_ASIDE_RECORDS =
        2000,                    /* waiting at a welcome: more than a window, so filled in beside */
    PUBLISH_NO_CREDIT_MS = 5000, /* the longest that a stream is shut without being told again */
};

struct publish *publish_new(const struct publish_options *options, struct err *e);
/* Begins to close; closed is called from the loop when nothing is left. */
void publish_close(struct publish *p, publish_closed_fn closed, void *arg);

/* A record was appended: it is synced at once or with those that follow, then sent. */
void publish_appended(struct publish *p, enum wire_stream stream);
/* Syncs everything and sends what the windows allow, before a stop. Blocks on the disk. */
void publish_flush(struct publish *p);

/* The centre has told its cursors: sending begins where they stand. */
void publish_welcomed(struct publish *p, const struct welcome *w, uint64_t wall_s);
/* The connection is gone: nothing is sent until the next welcome. */
void publish_away(struct publish *p);
void publish_acked(struct publish *p, const struct ack *a);
/* False when the two ends cannot agree without a new hello and welcome. */
bool publish_nacked(struct publish *p, const struct nack *n);
/* Looks for acknowledgements that stay away: call a few times a second. */
void publish_tick(struct publish *p);
