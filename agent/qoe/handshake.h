/*
 * The TCP handshake as seen at the tap: both halves are whole round trips, one to each side, never
 * halved. A plain state held by value in the flow.
 */
#pragma once

#include "agent/decode/packet.h"

#include <stdbool.h>
#include <stdint.h>

struct qoe_handshake {
    uint32_t syn_us; /* the low 32 bits of µs, of times that are seconds apart at most */
    uint32_t syn_ack_us;
    uint32_t syn_seq;     /* of the client's SYN, to tell a repeat from a new connection */
    uint32_t syn_ack_seq; /* of the server's */
    uint32_t client_us;   /* SYN/ACK to ACK: client side RTT; 0 unknown */
    uint32_t server_us;   /* SYN to SYN/ACK: server side RTT; 0 unknown */
    uint16_t mss[2];      /* of what each direction may send; 0 unknown */
    bool syn_seen;
    bool syn_ack_seen;
    bool ambiguous; /* a SYN or SYN/ACK came twice: no RTT can be told from it */
    bool done;      /* the handshake is over */
};

/* Takes in one segment until done; dir is 0 from the client, 1 from the server. */
void qoe_handshake_note(struct qoe_handshake *h, const struct tcp_segment *tcp, unsigned dir,
                        uint64_t now_ns);
