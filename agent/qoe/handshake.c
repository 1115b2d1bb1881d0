#include "agent/qoe/handshake.h"

enum {
    HANDSHAKE_MAX_US = 5 * 1000 * 1000, /* slower: the patience of a person, not a round trip */
    COPY_MAX_US =
        1000, /* sooner nobody repeats a SYN (RFC 6298: 1 s): a mirror's or network's copy */
};

static uint32_t rtt_us(uint32_t from_us, uint32_t to_us)
{
    uint32_t us = to_us - from_us;
    if (us > HANDSHAKE_MAX_US) {
        return 0; /* or the clock stepped back */
    }
    return us == 0 ? 1 : us; /* 0 means unknown */
}

static void note_syn(struct qoe_handshake *h, const struct tcp_segment *tcp, uint32_t now_us)
{
    if (h->syn_seen) {
        bool copy = tcp->seq == h->syn_seq && now_us - h->syn_us <= COPY_MAX_US;
        h->ambiguous |= !copy; /* which of them was answered cannot be told (Karn's rule) */
        return;
    }
    h->syn_seen = true;
    h->syn_seq = tcp->seq;
    h->syn_us = now_us;
    h->mss[1] = tcp->mss;
}

static void note_syn_ack(struct qoe_handshake *h, const struct tcp_segment *tcp, uint32_t now_us)
{
    if (h->syn_ack_seen) {
        bool copy = tcp->seq == h->syn_ack_seq && now_us - h->syn_ack_us <= COPY_MAX_US;
        h->ambiguous |= !copy;
        return;
    }
    h->syn_ack_seen = true;
    h->syn_ack_seq = tcp->seq;
    h->syn_ack_us = now_us;
    h->mss[0] = tcp->mss;
    if (h->syn_seen && !h->ambiguous && tcp->ack == h->syn_seq + 1) {
        h->server_us = rtt_us(h->syn_us, now_us);
    }
}

void qoe_handshake_note(struct qoe_handshake *h, const struct tcp_segment *tcp, unsigned dir,
                        uint64_t now_ns)
{
    bool syn = (tcp->flags & TCP_SYN) != 0;
    bool ack = (tcp->flags & TCP_ACK) != 0;
    uint32_t now_us = (uint32_t)(now_ns / 1000);
    if (dir == 0 && syn && !ack) {
        note_syn(h, tcp, now_us);
    } else if (dir == 1 && syn && ack) {
        note_syn_ack(h, tcp, now_us);
    } else if (dir == 0 && ack && h->syn_ack_seen && tcp->ack == h->syn_ack_seq + 1) {
        if (!h->ambiguous) {
            h->client_us = rtt_us(h->syn_ack_us, now_us);
        }
        h->done = true;
    }
}
