/*
 * Quality of one UDP flow that carries RTP: its streams, what RTCP tells of the way behind the
 * tap, the call that it belongs to, and the verdict of every ten seconds. Memory is of the worker's
 * pool: a state for each such flow, one for each stream, and the calls that SIP has announced.
 */
#pragma once

#include "agent/decode/packet.h"
#include "agent/qoe/calls.h"
#include "agent/qoe/rtp.h"
#include "agent/qoe/span.h"
#include "agent/qoe/trips.h"
#include "common/slab.h"
#include "common/wire/flows.h"

#include <stdbool.h>
#include <stdint.h>

enum { QOE_MEDIA_STREAMS = 4 }; /* of a direction; further ones are counted only */

/* What a sender's report left behind, to time its echo. */
struct qoe_sender_report {
    uint32_t stamp;
    uint32_t at_us;
};

struct qoe_media {
    struct qoe_span span[2];   /* by direction, since the last record */
    struct quality before[2];  /* what the last record said */
    struct qoe_trips trips[2]; /* by side, from RTCP */
    struct qoe_sender_report report[2];
    struct call_ref call;
    uint8_t call_dir;  /* the direction that goes to the call's end of `call` */
    uint32_t first[2]; /* handles of the first stream by direction, 0 none */
    uint32_t window_us;
    uint32_t last_us;
    uint8_t tried;  /* packets that looked like RTP before any stream was sure */
    uint8_t spared; /* streams that found no room */
    uint8_t class;  /* enum quality_class, once sure */
    bool sure;      /* at least one stream is RTP for certain */
};

struct qoe_media_pool {
    struct slab flows;
    struct slab streams;
    struct calls *calls;
    uint64_t refused; /* streams that found no room */
};

/* Room for so many flows, and twice as many streams. 0, or -1 and e. */
int qoe_media_pool_init(struct qoe_media_pool *pool, uint32_t max, struct err *e);
/* Bytes that it may come to touch. */
size_t qoe_media_pool_bytes(uint32_t flows);
void qoe_media_pool_done(struct qoe_media_pool *pool);

/* True when the payload may be RTP: worth a state while a flow is young. */
bool qoe_media_seems(const struct packet *p);
/* A zeroed state; NULL when there is no room. */
struct qoe_media *qoe_media_take(struct qoe_media_pool *pool, uint32_t *handle);
void qoe_media_put(struct qoe_media_pool *pool, uint32_t handle);

/*
 * Takes in a packet; dir is 0 from the client, 1 from the server. False when the flow has shown
 * that it is no RTP, and its state is to be given back.
 */
bool qoe_media_note(struct qoe_media_pool *pool, struct qoe_media *m, const struct packet *p,
                    unsigned dir);
/* RTCP that came on the port beside. */
void qoe_media_note_rtcp(struct qoe_media_pool *pool, struct qoe_media *m, const struct packet *p,
                         unsigned dir);
/* Judges what the open window holds; the last one even when that is little. */
void qoe_media_close(struct qoe_media_pool *pool, struct qoe_media *m, bool last);
void qoe_media_told(struct qoe_media_pool *pool, struct qoe_media *m);
void qoe_media_time_moved(struct qoe_media_pool *pool, struct qoe_media *m);
/* Fills quality, round trips and media of a record. */
void qoe_media_fill(const struct qoe_media_pool *pool, const struct qoe_media *m,
                    enum qoe_reach reach, struct flow_record *r);
