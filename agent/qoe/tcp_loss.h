/*
 * What became of the segments of one direction, told from their sequence numbers at the tap. Each
 * segment with data is of exactly one kind: new, a keep-alive or probe, a copy made by a mirror or
 * the network, needlessly sent again, sent again, late, or lost before the tap. A sender's own
 * segmentation offload makes segments larger than the MSS; they count as so many.
 */
#pragma once

#include "agent/decode/packet.h"

#include <stdbool.h>
#include <stdint.h>

enum { QOE_HOLES = 4 };

/* A range of sequence numbers not seen yet: [from, to), and what opened it. */
struct qoe_hole {
    uint32_t from;
    uint32_t to;
    uint32_t order; /* TSval of the segment behind it, or its IP identification */
    uint32_t at_us;
    bool merged; /* of two, for want of room: bytes in it were seen */
};

/* Segments, since the flow began. */
struct qoe_counts {
    uint32_t data;          /* with data, those sent again included, copies not */
    uint32_t retransmitted; /* bytes that were seen before: lost after the tap, or their ACK was */
    uint32_t needless;      /* of retransmitted: what had been acknowledged already */
    uint32_t refused;       /* D-SACK: the receiver tells that it had it already */
    uint32_t lost_before;   /* holes that were filled by a repetition: lost before the tap */
    uint32_t out_of_order;
    uint32_t duplicated;
    uint32_t zero_window_ms; /* the receiver had no room */
    uint32_t acks;
    uint32_t unseen; /* ACKs for bytes that the tap never saw: it loses packets itself */
};

struct qoe_loss {
    uint32_t next;     /* highest sequence end seen */
    uint32_t una;      /* highest ACK from the other side */
    uint32_t floor;    /* where we came in, while anything below may still be on its way */
    uint32_t twin_seq; /* the newest segment with data */
    uint32_t twin_len;
    uint32_t twin_stamp;
    uint32_t twin_at_us;
    uint32_t zero_at_us; /* when the window was shut */
    uint16_t twin_ident;
    uint8_t holes;
    uint8_t ident_steps; /* how often in a row the IP identification went up by a little */
    uint8_t same_acks;   /* ACKs in a row that moved nothing */
    bool started;        /* next is valid */
    bool acked;          /* una is valid */
    bool floored;
    bool zero; /* the receiver's window is shut */
    struct qoe_counts sum;
    struct qoe_hole hole[QOE_HOLES];
};

enum qoe_kind {
    QOE_NOTHING, /* no data, or a keep-alive, probe or copy: tells nothing of losses */
    QOE_NEW,
    QOE_NEW_AFTER_HOLE,
    QOE_OLD, /* sent again, or late */
};

/* What the sorting needs beside the segment itself. */
struct qoe_sight {
    uint32_t now_us;
    uint32_t rtt_us; /* of the handshake, both sides; 0 unknown */
    uint16_t ident;  /* IPv4 identification, 0: none */
    uint16_t mss;    /* 0 unknown */
};

/* Begins where the handshake left off. */
void qoe_loss_start(struct qoe_loss *l, uint32_t next);
/* A segment of this direction. */
enum qoe_kind qoe_loss_note(struct qoe_loss *l, const struct tcp_segment *tcp,
                            const struct qoe_sight *sight);
/* A segment of the other direction: it acknowledges this one. */
void qoe_loss_ack(struct qoe_loss *l, const struct tcp_segment *tcp, uint32_t now_us);
/* Adds the time that a window is shut up to now; it may stay so. */
void qoe_loss_settle(struct qoe_loss *l, uint32_t now_us);
/* What was counted from then to now. */
struct qoe_counts qoe_counts_since(const struct qoe_counts *now, const struct qoe_counts *then);
/* Retransmissions that need not have been: seen to be, or told by the receiver. */
uint32_t qoe_needless(const struct qoe_counts *c);
