/*
 * Quality of one TCP flow as seen at the tap, for as long as it lives: round trips per side,
 * losses per direction, and the verdict of every ten seconds. A plain state; who holds it says
 * what class of traffic it is.
 */
#pragma once

#include "agent/decode/packet.h"
#include "agent/qoe/handshake.h"
#include "agent/qoe/span.h"
#include "agent/qoe/tcp_loss.h"
#include "agent/qoe/tcp_rtt.h"

#include <stdbool.h>
#include <stdint.h>

/* Index of what belongs to a side of the tap. */
enum qoe_side { QOE_CLIENT = 0, QOE_SERVER = 1 };

struct qoe_tcp {
    struct qoe_loss loss[2];    /* by direction: client to server, server to client */
    struct qoe_rtt rtt[2];      /* by side */
    uint32_t window_us;         /* when the open window began */
    uint32_t last_us;           /* the newest packet */
    bool open;                  /* there is a window */
    struct qoe_counts begun[2]; /* sums when a direction's evidence began */
    uint32_t begun_us[2];       /* and when that was */
    struct qoe_counts told[2];  /* sums at the last record */
    struct qoe_span span[2];    /* since the last record */
    struct quality before[2];   /* what the last record said */
};

/* Begins with what the handshake has told. */
void qoe_tcp_begin(struct qoe_tcp *q, const struct qoe_handshake *h);
/* Takes in one segment of the flow; dir is 0 from the client, 1 from the server. */
void qoe_tcp_note(struct qoe_tcp *q, const struct qoe_handshake *h, const struct packet *p,
                  unsigned dir, enum quality_class class);
/* Judges what the open window holds; the last one even when that is little. */
void qoe_tcp_close(struct qoe_tcp *q, enum quality_class class, bool last);
/* A record has left: what comes now is of the next one. */
void qoe_tcp_told(struct qoe_tcp *q);
/* The clock was set back. */
void qoe_tcp_time_moved(struct qoe_tcp *q);

struct quality qoe_tcp_quality(const struct qoe_tcp *q, unsigned dir, enum qoe_reach reach);
