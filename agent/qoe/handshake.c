#include "agent/qoe/handshake.h"

/* A handshake slower than this tells the patience of a person, not a round trip. */
#define HANDSHAKE_MAX_NS 5000000000ull

static uint32_t rtt_us(uint64_t from_ns, uint64_t to_ns)
{
    if (to_ns < from_ns || to_ns - from_ns > HANDSHAKE_MAX_NS) {
        return 0;
    }
    uint64_t us = (to_ns - from_ns) / 1000;
    return us == 0 ? 1 : (uint32_t)us; /* 0 means unknown */
}

static void note_syn(struct qoe_handshake *h, const struct tcp_segment *tcp, uint64_t now_ns)
{
    if (h->syn_seen) {
        h->ambiguous = true; /* which of them was answered cannot be told (Karn's rule) */
        return;
    }
    h->syn_seen = true;
    h->syn_seq = tcp->seq;
    h->syn_ns = now_ns;
    h->mss[1] = tcp->mss;
}

static void note_syn_ack(struct qoe_handshake *h, const struct tcp_segment *tcp, uint64_t now_ns)
{
    if (h->syn_ack_seen) {
        h->ambiguous = true;
        return;
    }
    h->syn_ack_seen = true;
    h->syn_ack_seq = tcp->seq;
    h->syn_ack_ns = now_ns;
    h->mss[0] = tcp->mss;
    if (h->syn_seen && !h->ambiguous && tcp->ack == h->syn_seq + 1) {
        h->server_us = rtt_us(h->syn_ns, now_ns);
    }
}

void qoe_handshake_note(struct qoe_handshake *h, const struct tcp_segment *tcp, unsigned dir,
                        uint64_t now_ns)
{
    bool syn = (tcp->flags & TCP_SYN) != 0;
    bool ack = (tcp->flags & TCP_ACK) != 0;
    if (dir == 0 && syn && !ack) {
        note_syn(h, tcp, now_ns);
    } else if (dir == 1 && syn && ack) {
        note_syn_ack(h, tcp, now_ns);
    } else if (dir == 0 && ack && h->syn_ack_seen && tcp->ack == h->syn_ack_seq + 1) {
        if (!h->ambiguous) {
            h->client_us = rtt_us(h->syn_ack_ns, now_ns);
        }
        h->done = true;
    }
}
