/*
 * Quality of one TCP flow as seen at the tap: handshake round trips, retransmissions and
 * out-of-order segments per direction. A plain state held by value in the flow.
 * RTT: both halves of the handshake, full values, never halved. Loss classes: a segment below
 * the highest sequence seen is out of order when it fills a recorded hole, else a retransmission;
 * keep-alives are neither.
 */
#pragma once

#include "agent/decode/packet.h"

#include <stdbool.h>
#include <stdint.h>

enum { QOE_TCP_HOLES = 4 };

/* A range of sequence numbers not seen yet: [from, to). */
struct qoe_hole {
    uint32_t from;
    uint32_t to;
};

struct qoe_tcp_dir {
    struct qoe_hole holes[QOE_TCP_HOLES];
    uint32_t next; /* highest sequence end seen */
    uint32_t retransmitted;
    uint32_t out_of_order;
    uint8_t hole_count;
    bool started; /* next is valid */
};

struct qoe_tcp {
    struct qoe_tcp_dir dir[2]; /* by enum flow_dir: client to server, server to client */
    uint64_t syn_ns;
    uint64_t syn_ack_ns;
    uint32_t syn_seq;     /* of the client's SYN, to tell a repeat from a new connection */
    uint32_t syn_ack_seq; /* of the server's */
    uint32_t client_us;   /* SYN/ACK to ACK: client side RTT; 0 unknown */
    uint32_t server_us;   /* SYN to SYN/ACK: server side RTT; 0 unknown */
    bool syn_seen;
    bool syn_ack_seen;
    bool ambiguous; /* a SYN or SYN/ACK came twice: no RTT can be told from it */
    bool done;      /* the handshake is over */
};

/* Takes in one segment of the flow; dir is 0 from the client, 1 from the server. */
void qoe_tcp_sample(struct qoe_tcp *q, const struct tcp_segment *tcp, unsigned dir,
                    uint64_t now_ns);
