/*
 * Quality of one QUIC connection as far as it shows itself at the tap: the round trips of the
 * handshake, and of the spin bit where both ends spin it (RFC 9000 section 17.4, RFC 9312 section
 * 3.8). Packet numbers are encrypted, so losses and reordering cannot be seen: the score is by
 * round trips alone. A plain state.
 */
#pragma once

#include "agent/decode/packet.h"
#include "agent/qoe/span.h"
#include "agent/qoe/trips.h"

#include <stdbool.h>
#include <stdint.h>

/* One direction's spin bit. */
struct qoe_spin {
    uint32_t edge_us;  /* when it last changed */
    uint32_t last_us;  /* the newest packet */
    uint32_t quiet_us; /* the silence before it */
    uint8_t value;
    uint8_t packets; /* of the 64 in hand… */
    uint8_t toggles; /* …that differ from the one before */
    uint8_t edges;   /* up to QOE_SPIN_EDGES */
    bool seen;
    bool raw;     /* value of the packet before, whatever became of it */
    bool trusted; /* the newest 64 packets were no noise */
};

enum { QOE_SPIN_EDGES = 8 };

struct qoe_quic {
    struct qoe_trips trips[2]; /* by side */
    struct qoe_span span[2];   /* by direction, since the last record */
    struct quality before[2];  /* what the last record said */
    uint32_t packets[2];       /* by direction, in the open window */
    uint64_t initial_ns;       /* the client's first flight; 0: none yet, or anew after a Retry */
    uint64_t answer_ns;        /* the server's first datagram; 0 not yet */
    uint32_t client_us;        /* handshake round trip of each side; 0 unknown */
    uint32_t server_us;
    uint32_t chosen; /* hash of the connection id that the client chose for the server */
    uint32_t window_us;
    uint32_t last_us;
    struct qoe_spin spin[2]; /* by direction */
    bool ambiguous;          /* a first flight was sent again */
    bool shaken;             /* the handshake's round trips are settled */
    bool random;             /* the spin bit is noise: not used */
    bool spun;               /* it has told round trips */
};

/* True when the packet opens a connection: an Initial of a version that we know. */
bool qoe_quic_begins(const struct packet *p);
void qoe_quic_begin(struct qoe_quic *q);
/* Takes in a datagram; dir is 0 from the client, 1 from the server. */
void qoe_quic_note(struct qoe_quic *q, const struct packet *p, unsigned dir,
                   enum quality_class class);
/* Judges what the open window holds; the last one even when that is little. */
void qoe_quic_close(struct qoe_quic *q, enum quality_class class, bool last);
void qoe_quic_told(struct qoe_quic *q);
void qoe_quic_time_moved(struct qoe_quic *q);
struct quality qoe_quic_quality(const struct qoe_quic *q, unsigned dir, enum qoe_reach reach);
