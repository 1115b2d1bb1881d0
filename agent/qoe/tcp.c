#include "agent/qoe/tcp.h"

/* A handshake slower than this tells the patience of a person, not a round trip. */
#define HANDSHAKE_MAX_NS 5000000000ull

/* Signed distance of sequence numbers, which wrap at 2^32 (RFC 9293, section 3.4). */
static int32_t seq_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static uint32_t rtt_us(uint64_t from_ns, uint64_t to_ns)
{
    if (to_ns < from_ns || to_ns - from_ns > HANDSHAKE_MAX_NS) {
        return 0;
    }
    uint64_t us = (to_ns - from_ns) / 1000;
    return us == 0 ? 1 : (uint32_t)us; /* 0 means unknown */
}

static void note_syn(struct qoe_tcp *q, const struct tcp_segment *tcp, uint64_t now_ns)
{
    if (q->syn_seen) {
        q->ambiguous = true; /* which of them was answered cannot be told (Karn's rule) */
        return;
    }
    q->syn_seen = true;
    q->syn_seq = tcp->seq;
    q->syn_ns = now_ns;
}

static void note_syn_ack(struct qoe_tcp *q, const struct tcp_segment *tcp, uint64_t now_ns)
{
    if (q->syn_ack_seen) {
        q->ambiguous = true;
        return;
    }
    q->syn_ack_seen = true;
    q->syn_ack_seq = tcp->seq;
    q->syn_ack_ns = now_ns;
    if (q->syn_seen && !q->ambiguous && tcp->ack == q->syn_seq + 1) {
        q->server_us = rtt_us(q->syn_ns, now_ns);
    }
}

/* Follows SYN, SYN/ACK, ACK; the full time between two of them is one side's round trip. */
static void follow_handshake(struct qoe_tcp *q, const struct tcp_segment *tcp, unsigned dir,
                             uint64_t now_ns)
{
    bool syn = (tcp->flags & TCP_SYN) != 0;
    bool ack = (tcp->flags & TCP_ACK) != 0;
    if (dir == 0 && syn && !ack) {
        note_syn(q, tcp, now_ns);
    } else if (dir == 1 && syn && ack) {
        note_syn_ack(q, tcp, now_ns);
    } else if (dir == 0 && ack && q->syn_ack_seen && tcp->ack == q->syn_ack_seq + 1) {
        if (!q->ambiguous) {
            q->client_us = rtt_us(q->syn_ack_ns, now_ns);
        }
        q->done = true;
    }
}

static void add_hole(struct qoe_tcp_dir *d, uint32_t from, uint32_t to)
{
    if (d->hole_count == QOE_TCP_HOLES) {
        d->holes[0].to = d->holes[1].to; /* the two oldest become one */
        for (unsigned i = 1; i + 1 < QOE_TCP_HOLES; i++) {
            d->holes[i] = d->holes[i + 1];
        }
        d->hole_count--;
    }
    d->holes[d->hole_count++] = (struct qoe_hole){.from = from, .to = to};
}

static void drop_hole(struct qoe_tcp_dir *d, unsigned at)
{
    d->hole_count--;
    for (unsigned i = at; i < d->hole_count; i++) {
        d->holes[i] = d->holes[i + 1];
    }
}

/* True when [from, to) lies in a hole, which is then narrowed by it. */
static bool fill_hole(struct qoe_tcp_dir *d, uint32_t from, uint32_t to)
{
    for (unsigned i = 0; i < d->hole_count; i++) {
        struct qoe_hole *hole = &d->holes[i];
        if (seq_diff(from, hole->from) < 0 || seq_diff(to, hole->to) > 0) {
            continue;
        }
        if (from == hole->from) {
            hole->from = to;
        } else if (to == hole->to) {
            hole->to = from;
        } else {
            uint32_t end = hole->to;
            hole->to = from;
            add_hole(d, to, end);
            return true;
        }
        if (hole->from == hole->to) {
            drop_hole(d, i);
        }
        return true;
    }
    return false;
}

static void note_old_data(struct qoe_tcp_dir *d, const struct tcp_segment *tcp, uint32_t end)
{
    bool keep_alive = tcp->len <= 1 && tcp->seq == d->next - 1;
    if (keep_alive) {
        return;
    }
    if (fill_hole(d, tcp->seq, end)) {
        d->out_of_order++;
    } else {
        d->retransmitted++;
    }
}

/* Sorts one segment with data into new, out of order or retransmitted. */
static void follow_data(struct qoe_tcp_dir *d, const struct tcp_segment *tcp)
{
    uint32_t end = tcp->seq + tcp->len;
    if (!d->started) {
        d->started = true;
        d->next = end;
        return;
    }
    int32_t ahead = seq_diff(tcp->seq, d->next);
    if (ahead < 0) {
        note_old_data(d, tcp, end);
    } else if (ahead > 0) {
        add_hole(d, d->next, tcp->seq);
    }
    if (seq_diff(end, d->next) > 0) {
        d->next = end;
    }
}

void qoe_tcp_sample(struct qoe_tcp *q, const struct tcp_segment *tcp, unsigned dir, uint64_t now_ns)
{
    if (!q->done) {
        follow_handshake(q, tcp, dir, now_ns);
    }
    struct qoe_tcp_dir *d = &q->dir[dir];
    if ((tcp->flags & TCP_SYN) != 0) {
        d->started = true;
        d->next = tcp->seq + 1 + tcp->len;
        return;
    }
    if (tcp->len > 0 && (tcp->flags & TCP_RST) == 0) {
        follow_data(d, tcp);
    }
}
