/*
 * The kinds, in the order in which they are tried (sequence numbers are compared as RFC 9293
 * section 3.4 says; `next` is the highest end seen, `una` the highest ACK):
 *   1. keep-alive: at most 1 byte right below next              nothing
 *   2. probe of a shut window: 1 byte at next                   nothing
 *   3. copy: the newest segment again within min(1 ms, RTT/4),
 *      with its IP identification or TSval and length           duplicated
 *   4. all of it acknowledged already                           retransmitted, needless
 *   5. below next and not in a hole: seen before                retransmitted
 *   6. in a hole, and no younger than what opened the hole      out_of_order
 *   7. in a hole otherwise                                      lost_before
 * 6 against 7: a repetition has a newer TSval than the segment behind the hole, a late original
 * the same or an older one. An equal TSval proves nothing once the delay exceeds the round trip.
 * Without timestamps an IP identification that counts up tells the same. Without either, a late
 * one comes within the handshake's round trip (3 ms when unknown, as Wireshark's limits) and before
 * the third duplicate ACK.
 *
 * Deviations from that scheme: only the newest segment is kept to recognise copies, so a mirror
 * that repeats whole bursts shows as retransmissions; a flow that was found in its middle ignores
 * what lies below its first segment until that is acknowledged, rather than for one round trip.
 */
#include "agent/qoe/tcp_loss.h"

enum {
    COPY_MAX_US = 1000,
    LATE_UNKNOWN_US = 3000,
    FAST_RETRANSMIT_ACKS = 3, /* RFC 5681 section 3.2 */
    IDENT_STEP_MAX = 256,
    IDENT_STEPS = 2, /* in a row, then identifications count as ordered */
    MSS_ETHERNET = 1460,
};

static int32_t diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static uint32_t segments_of(const struct tcp_segment *tcp, uint16_t mss)
{
    uint32_t size = mss == 0 ? MSS_ETHERNET : mss;
    return (tcp->len + size - 1) / size;
}

void qoe_loss_start(struct qoe_loss *l, uint32_t next)
{
    l->started = true;
    l->next = next;
}

/* A flow that was found in its middle. */
static void come_in(struct qoe_loss *l, const struct tcp_segment *tcp)
{
    qoe_loss_start(l, tcp->seq);
    l->floored = true;
    l->floor = tcp->seq;
}

static void drop_hole(struct qoe_loss *l, unsigned at)
{
    l->holes--;
    for (unsigned i = at; i < l->holes; i++) {
        l->hole[i] = l->hole[i + 1];
    }
}

static void add_hole(struct qoe_loss *l, struct qoe_hole hole)
{
    if (l->holes == QOE_HOLES) {
        l->hole[1].from = l->hole[0].from; /* the two oldest become one */
        l->hole[1].merged = true;
        drop_hole(l, 0);
    }
    l->hole[l->holes++] = hole;
}

static bool counts_idents(const struct qoe_loss *l, const struct qoe_sight *sight)
{
    return sight->ident != 0 && l->ident_steps >= IDENT_STEPS;
}

static struct qoe_hole hole_before(const struct qoe_loss *l, const struct tcp_segment *tcp,
                                   const struct qoe_sight *sight)
{
    return (struct qoe_hole){
        .from = l->next,
        .to = tcp->seq,
        .order = tcp->stamped ? tcp->stamp : sight->ident,
        .at_us = sight->now_us,
    };
}

/* Takes [from, to) out of the hole at this place. */
static void fill_hole(struct qoe_loss *l, unsigned at, uint32_t from, uint32_t to)
{
    struct qoe_hole *hole = &l->hole[at];
    struct qoe_hole rest = *hole;
    if (from == hole->from && to == hole->to) {
        drop_hole(l, at);
    } else if (from == hole->from) {
        hole->from = to;
    } else if (to == hole->to) {
        hole->to = from;
    } else {
        hole->to = from;
        rest.from = to;
        add_hole(l, rest);
    }
}

/* The place of the hole that [from, to) lies in, or -1. */
static int find_hole(const struct qoe_loss *l, uint32_t from, uint32_t to)
{
    for (int i = 0; i < l->holes; i++) {
        if (diff(from, l->hole[i].from) >= 0 && diff(to, l->hole[i].to) <= 0) {
            return i;
        }
    }
    return -1;
}

static bool is_late(const struct qoe_loss *l, const struct qoe_hole *hole,
                    const struct tcp_segment *tcp, const struct qoe_sight *sight)
{
    uint32_t bound_us = sight->rtt_us == 0 ? LATE_UNKNOWN_US : sight->rtt_us;
    bool in_time = sight->now_us - hole->at_us <= bound_us;
    if (tcp->stamped) {
        int32_t newer = diff(tcp->stamp, hole->order);
        return newer < 0 || (newer == 0 && in_time);
    }
    if (counts_idents(l, sight)) {
        return (int16_t)(sight->ident - (uint16_t)hole->order) <= 0;
    }
    return in_time && l->same_acks < FAST_RETRANSMIT_ACKS;
}

static bool is_copy(const struct qoe_loss *l, const struct tcp_segment *tcp,
                    const struct qoe_sight *sight)
{
    uint32_t quarter_us = sight->rtt_us / 4;
    uint32_t bound_us = quarter_us != 0 && quarter_us < COPY_MAX_US ? quarter_us : COPY_MAX_US;
    if (tcp->seq != l->twin_seq || tcp->len != l->twin_len ||
        sight->now_us - l->twin_at_us > bound_us) {
        return false;
    }
    bool same_ident = sight->ident != 0 && sight->ident == l->twin_ident;
    return same_ident || (tcp->stamped && tcp->stamp == l->twin_stamp);
}

static void remember(struct qoe_loss *l, const struct tcp_segment *tcp,
                     const struct qoe_sight *sight)
{
    uint16_t step = (uint16_t)(sight->ident - l->twin_ident);
    if (step == 0 || step > IDENT_STEP_MAX) {
        l->ident_steps = 0;
    } else if (l->ident_steps < IDENT_STEPS) {
        l->ident_steps++;
    }
    l->twin_seq = tcp->seq;
    l->twin_len = tcp->len;
    l->twin_stamp = tcp->stamp;
    l->twin_ident = sight->ident;
    l->twin_at_us = sight->now_us;
}

/* Data below the highest end. */
static enum qoe_kind note_old(struct qoe_loss *l, const struct tcp_segment *tcp,
                              const struct qoe_sight *sight)
{
    uint32_t segments = segments_of(tcp, sight->mss);
    uint32_t end = tcp->seq + tcp->len;
    if (l->twin_len > 0 && is_copy(l, tcp, sight)) {
        l->sum.duplicated += segments;
        return QOE_NOTHING;
    }
    int at = find_hole(l, tcp->seq, end);
    l->sum.data += segments;
    if (l->acked && diff(end, l->una) <= 0) {
        l->sum.needless += segments;
        l->sum.retransmitted += segments;
    } else if (at < 0) {
        l->sum.retransmitted += segments;
    } else if (is_late(l, &l->hole[at], tcp, sight)) {
        l->sum.out_of_order += segments;
    } else {
        l->sum.lost_before += segments;
    }
    if (at >= 0) {
        fill_hole(l, (unsigned)at, tcp->seq, end);
    }
    remember(l, tcp, sight);
    return QOE_OLD;
}

static enum qoe_kind note_new(struct qoe_loss *l, const struct tcp_segment *tcp,
                              const struct qoe_sight *sight)
{
    bool hole = diff(tcp->seq, l->next) > 0;
    remember(l, tcp, sight);
    if (hole) {
        add_hole(l, hole_before(l, tcp, sight));
    }
    l->sum.data += segments_of(tcp, sight->mss);
    l->next = tcp->seq + tcp->len;
    return hole ? QOE_NEW_AFTER_HOLE : QOE_NEW;
}

static enum qoe_kind note_data(struct qoe_loss *l, const struct tcp_segment *tcp,
                               const struct qoe_sight *sight)
{
    int32_t ahead = diff(tcp->seq, l->next);
    bool keep_alive = tcp->len == 1 && ahead == -1;
    bool probe = tcp->len == 1 && ahead == 0 && l->zero;
    if (keep_alive || probe) {
        return QOE_NOTHING;
    }
    if (ahead >= 0) {
        return note_new(l, tcp, sight);
    }
    if (l->floored && diff(tcp->seq, l->floor) < 0) {
        return QOE_NOTHING; /* may have passed before we came in */
    }
    enum qoe_kind kind = note_old(l, tcp, sight);
    uint32_t end = tcp->seq + tcp->len;
    if (diff(end, l->next) > 0) {
        l->next = end; /* sent again with more behind it */
    }
    return kind;
}

enum qoe_kind qoe_loss_note(struct qoe_loss *l, const struct tcp_segment *tcp,
                            const struct qoe_sight *sight)
{
    enum qoe_kind kind = QOE_NOTHING;
    if ((tcp->flags & (TCP_SYN | TCP_RST)) != 0) {
        return kind;
    }
    if (!l->started) {
        come_in(l, tcp);
    }
    if (tcp->len > 0) {
        kind = note_data(l, tcp, sight);
    }
    uint32_t end = tcp->seq + tcp->len;
    if ((tcp->flags & TCP_FIN) != 0) {
        bool news = diff(end + 1, l->next) > 0; /* it counts as one (RFC 9293 section 3.4) */
        l->next = news ? end + 1 : l->next;
        kind = kind != QOE_NOTHING ? kind : news ? QOE_NEW : QOE_OLD;
    }
    return kind;
}

/* What is acknowledged and was never seen passed beside the tap, or was lost by it. */
static void pass_holes(struct qoe_loss *l, uint32_t ack)
{
    for (unsigned i = l->holes; i-- > 0;) {
        if (diff(l->hole[i].from, ack) >= 0) {
            continue;
        }
        l->sum.unseen += l->hole[i].merged ? 0 : 1;
        if (diff(l->hole[i].to, ack) <= 0) {
            drop_hole(l, i);
        } else {
            l->hole[i].from = ack;
        }
    }
}

static void follow_window(struct qoe_loss *l, const struct tcp_segment *tcp, uint32_t now_us)
{
    bool zero = tcp->window == 0;
    if (zero && !l->zero) {
        l->zero_at_us = now_us;
    }
    if (!zero) {
        qoe_loss_settle(l, now_us);
    }
    l->zero = zero;
}

void qoe_loss_settle(struct qoe_loss *l, uint32_t now_us)
{
    if (l->zero && diff(now_us, l->zero_at_us) > 0) {
        uint32_t ms = (now_us - l->zero_at_us) / 1000;
        l->sum.zero_window_ms += ms;
        l->zero_at_us += ms * 1000;
    }
}

static void follow_ack(struct qoe_loss *l, const struct tcp_segment *tcp)
{
    int32_t moved = l->acked ? diff(tcp->ack, l->una) : 1;
    l->sum.acks++;
    if (moved == 0 && tcp->len == 0 && l->same_acks < UINT8_MAX) {
        l->same_acks++;
    }
    if (tcp->sacked && diff(tcp->sack_to, tcp->ack) <= 0) {
        l->sum.refused++; /* D-SACK, RFC 2883 */
    }
    if (moved <= 0) {
        return;
    }
    l->same_acks = 0;
    l->acked = true;
    l->una = tcp->ack;
    if (l->floored && diff(tcp->ack, l->floor) > 0) {
        l->floored = false;
    }
    pass_holes(l, tcp->ack);
    if (diff(tcp->ack, l->next) > 0) {
        l->sum.unseen++;
        l->next = tcp->ack;
    }
}

void qoe_loss_ack(struct qoe_loss *l, const struct tcp_segment *tcp, uint32_t now_us)
{
    if ((tcp->flags & (TCP_SYN | TCP_RST | TCP_FIN)) == 0) {
        follow_window(l, tcp, now_us);
    }
    if ((tcp->flags & TCP_ACK) != 0 && (tcp->flags & TCP_RST) == 0 && l->started) {
        follow_ack(l, tcp);
    }
}

uint32_t qoe_needless(const struct qoe_counts *c)
{
    uint32_t told = c->refused < c->retransmitted ? c->refused : c->retransmitted;
    return told > c->needless ? told : c->needless;
}

struct qoe_counts qoe_counts_since(const struct qoe_counts *now, const struct qoe_counts *then)
{
    return (struct qoe_counts){
        .data = now->data - then->data,
        .retransmitted = now->retransmitted - then->retransmitted,
        .needless = now->needless - then->needless,
        .refused = now->refused - then->refused,
        .lost_before = now->lost_before - then->lost_before,
        .out_of_order = now->out_of_order - then->out_of_order,
        .duplicated = now->duplicated - then->duplicated,
        .zero_window_ms = now->zero_window_ms - then->zero_window_ms,
        .acks = now->acks - then->acks,
        .unseen = now->unseen - then->unseen,
    };
}
