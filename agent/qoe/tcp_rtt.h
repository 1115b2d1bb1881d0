/*
 * Round trip times of one side of the tap, for as long as the flow lives: from a segment that
 * goes there to what acknowledges it. Full round trips, never halved: one way cannot be seen.
 * Needs no handshake, so a flow that was found in its middle has them too.
 */
#pragma once

#include "agent/decode/packet.h"
#include "agent/qoe/trips.h"

#include <stdbool.h>
#include <stdint.h>

enum { QOE_EDGES = 8, QOE_STAMPS = 4 };

/* A sequence end, or a TSval, that left for the side at this time. */
struct qoe_mark {
    uint32_t value;
    uint32_t at_us; /* the low 32 bits of µs */
};

struct qoe_rtt {
    struct qoe_mark edge[QOE_EDGES];   /* waiting for their ACK, the oldest first */
    struct qoe_mark stamp[QOE_STAMPS]; /* waiting for their echo, likewise */
    uint32_t stamp_armed;              /* the newest TSval that was taken up */
    uint8_t edges;
    uint8_t stamps;
    bool armed; /* stamp_armed is valid */
    struct qoe_trips trips;
};

/* New data, a SYN or a FIN leaves for this side and ends at `end`. */
void qoe_rtt_arm(struct qoe_rtt *r, const struct tcp_segment *tcp, uint32_t end, uint32_t now_us);
/* Old data leaves for this side: which copy is acknowledged next cannot be told. */
void qoe_rtt_doubt(struct qoe_rtt *r);
/* A segment comes back from this side. */
void qoe_rtt_ack(struct qoe_rtt *r, const struct tcp_segment *tcp, uint32_t now_us);
/* The clock was set, or nothing came for long: what waits is forgotten. */
void qoe_rtt_forget(struct qoe_rtt *r);
/*
 * Closes the window when it has enough samples, or any when it is the last; else they stay for the
 * next one.
 */
struct qoe_rtt_window qoe_rtt_close(struct qoe_rtt *r, bool last);
