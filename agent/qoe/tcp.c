/*
 * Windows of ten seconds with data. A window needs 3 round trips of a side to be judged by them, 5
 * for their variation, and 20 data segments of a direction to be judged by its losses: below that
 * one loss would read as 5 %. What is too little stays for the next window.
 *
 * Deviations from the plain scheme, all where a figure would else be missing or wrong:
 *   - A side without round trips of its own in a window (a long download sends nothing to the
 *     server) takes its newest median from before; when there never was one the other side stands
 *     alone, and the round trip is a lower bound.
 *   - rtt_var is the sum of what the sides vary by, each against its own last sample, since
 *     samples of the two sides are not pairs.
 *   - The score of a flow covers the time since its last record (at most a minute), so that a long
 *     flow says how it is now; the centre adds records up.
 *   - When over 0.5 % of the ACKs are for bytes that the tap never saw, or one direction is not
 *     seen at all, losses are those of the capture and nothing is judged.
 * Blame compares the two sides by their own round trips and losses; 15 points apart one is guilty.
 */
#include "agent/qoe/tcp.h"

enum {
    WINDOW_US = 10 * 1000 * 1000,
    SILENCE_US = 60 * 1000 * 1000, /* after it, what was on its way is forgotten */
    MIN_SEGMENTS = 20,
    ZERO_WINDOW_FROM_MS = 1000, /* a share of a shorter time says nothing */
    UNSEEN_PER_MILLE = 5,
    BLAME_POINTS = 15,
    FINE_POINTS = 80,
};

static uint32_t us_of(uint64_t ns)
{
    return (uint32_t)(ns / 1000);
}

void qoe_tcp_begin(struct qoe_tcp *q, const struct qoe_handshake *h)
{
    *q = (struct qoe_tcp){0};
    for (unsigned dir = 0; dir < 2; dir++) {
        q->before[dir] = qoe_span_sum(&q->span[dir]);
    }
    if (h->syn_seen) {
        qoe_loss_start(&q->loss[0], h->syn_seq + 1);
    }
    if (h->syn_ack_seen) {
        qoe_loss_start(&q->loss[1], h->syn_ack_seq + 1);
    }
    qoe_trips_add(&q->rtt[QOE_CLIENT].trips, h->client_us);
    qoe_trips_add(&q->rtt[QOE_SERVER].trips, h->server_us);
}

/* Data of a direction is acknowledged from its far side. */
static enum qoe_side far_side(unsigned dir)
{
    return dir == 0 ? QOE_SERVER : QOE_CLIENT;
}

static void follow_time(struct qoe_tcp *q, uint32_t now_us, enum quality_class class)
{
    if (!q->open) {
        q->open = true;
        q->window_us = q->last_us = q->begun_us[0] = q->begun_us[1] = now_us;
    }
    if (now_us - q->last_us > SILENCE_US && (int32_t)(now_us - q->last_us) > 0) {
        qoe_rtt_forget(&q->rtt[QOE_CLIENT]);
        qoe_rtt_forget(&q->rtt[QOE_SERVER]);
    }
    if ((int32_t)(now_us - q->window_us) >= WINDOW_US) {
        qoe_tcp_close(q, class, false);
        q->window_us = now_us;
    }
    q->last_us = now_us;
}

void qoe_tcp_note(struct qoe_tcp *q, const struct qoe_handshake *h, const struct packet *p,
                  unsigned dir, enum quality_class class)
{
    const struct tcp_segment *tcp = &p->tcp;
    const struct qoe_sight sight = {
        .now_us = us_of(p->time_ns),
        .rtt_us = h->client_us != 0 && h->server_us != 0 ? h->client_us + h->server_us : 0,
        .ident = (uint16_t)p->fragment_id,
        .mss = h->mss[dir],
    };
    follow_time(q, sight.now_us, class);
    struct qoe_rtt *towards = &q->rtt[far_side(dir)];
    struct qoe_rtt *from = &q->rtt[far_side(1 - dir)];
    qoe_loss_ack(&q->loss[1 - dir], tcp, sight.now_us);
    qoe_rtt_ack(from, tcp, sight.now_us);
    uint32_t end = tcp->seq + tcp->len + ((tcp->flags & TCP_FIN) != 0 ? 1 : 0);
    switch (qoe_loss_note(&q->loss[dir], tcp, &sight)) {
    case QOE_NOTHING: break;
    case QOE_NEW: qoe_rtt_arm(towards, tcp, end, sight.now_us); break;
    case QOE_NEW_AFTER_HOLE:
        qoe_rtt_doubt(towards);
        qoe_rtt_arm(towards, tcp, end, sight.now_us);
        break;
    case QOE_OLD: qoe_rtt_doubt(towards); break;
    }
}

/* A window being closed. */
struct closing {
    struct qoe_counts counts[2];
    struct qoe_rtt_window rtt[2];
    uint32_t length_ms[2];
};

static bool tap_is_blind(const struct closing *c)
{
    for (unsigned dir = 0; dir < 2; dir++) {
        if ((uint64_t)c->counts[dir].unseen * 1000 >
            (uint64_t)c->counts[dir].acks * UNSEEN_PER_MILLE) {
            return true;
        }
    }
    return false;
}

static void measure_rtt(const struct closing *c, struct qoe_measures *m)
{
    const struct qoe_rtt_window *client = &c->rtt[QOE_CLIENT];
    const struct qoe_rtt_window *server = &c->rtt[QOE_SERVER];
    if (client->fresh || server->fresh) {
        qoe_measure_time(m, METRIC_RTT, client->median_us + server->median_us);
    }
    if (client->var_known || server->var_known) {
        qoe_measure_time(m, METRIC_RTT_VAR, client->var_us + server->var_us);
    }
}

static uint32_t bad_segments(const struct qoe_counts *c)
{
    return c->retransmitted + c->lost_before;
}

static void measure_losses(const struct closing *c, unsigned dir, struct qoe_measures *m)
{
    const struct qoe_counts *counts = &c->counts[dir];
    if (counts->data >= MIN_SEGMENTS) {
        qoe_measure_share(m, METRIC_LOSS, bad_segments(counts), counts->data);
        qoe_measure_share(m, METRIC_OUT_OF_ORDER, counts->out_of_order, counts->data);
    }
    if (counts->data > 0 && c->length_ms[dir] >= ZERO_WINDOW_FROM_MS) {
        qoe_measure_share(m, METRIC_ZERO_WINDOW, counts->zero_window_ms, c->length_ms[dir]);
    }
}

/* The score of one side of the tap by what was lost on it and the way to it and back. */
static unsigned side_score(const struct closing *c, enum qoe_side side, enum quality_class class)
{
    const struct qoe_counts *away = &c->counts[side == QOE_CLIENT ? 0 : 1]; /* from that side */
    const struct qoe_counts *to = &c->counts[side == QOE_CLIENT ? 1 : 0];
    struct qoe_measures m = {0};
    uint32_t segments = away->data + to->data;
    if (c->rtt[side].fresh) {
        qoe_measure_time(&m, METRIC_RTT, c->rtt[side].median_us);
    }
    if (segments >= MIN_SEGMENTS) {
        uint32_t lost = away->lost_before + to->retransmitted - qoe_needless(to);
        qoe_measure_share(&m, METRIC_LOSS, lost, segments);
    }
    unsigned score = qoe_judge(class, &m).score;
    return score == QUALITY_SCORE_NONE ? 100 : score;
}

static enum quality_blame blame_of(const struct closing *c, enum quality_class class)
{
    unsigned client = side_score(c, QOE_CLIENT, class);
    unsigned server = side_score(c, QOE_SERVER, class);
    if (client >= FINE_POINTS && server >= FINE_POINTS) {
        return BLAME_NONE;
    }
    if (client + BLAME_POINTS < server) {
        return BLAME_CLIENT_SIDE;
    }
    return server + BLAME_POINTS < client ? BLAME_SERVER_SIDE : BLAME_BOTH_SIDES;
}

/* The round trip is the sum of two: the side with fewer samples decides how sure it is. */
static uint32_t fewer_samples(const struct closing *c)
{
    uint32_t client = c->rtt[QOE_CLIENT].samples;
    uint32_t server = c->rtt[QOE_SERVER].samples;
    if (client == 0 || server == 0) {
        return client + server;
    }
    return client < server ? client : server;
}

/* Of the direction that has more. */
static uint32_t more_segments(const struct closing *c)
{
    return c->counts[0].data > c->counts[1].data ? c->counts[0].data : c->counts[1].data;
}

static void judge(struct qoe_tcp *q, const struct closing *c, unsigned dir,
                  enum quality_class class)
{
    struct qoe_window w = {
        .class = class,
        .blame = blame_of(c, class),
        .segments = c->counts[dir].data,
        .samples = fewer_samples(c),
    };
    measure_rtt(c, &w.measures);
    measure_losses(c, dir, &w.measures);
    struct qoe_verdict v = qoe_judge(class, &w.measures);
    if (v.score >= FINE_POINTS) {
        w.blame = BLAME_NONE; /* the other direction's trouble */
    } else if (v.metric == METRIC_ZERO_WINDOW) {
        w.blame = dir == 0 ? BLAME_SERVER_HOST : BLAME_CLIENT_HOST; /* who did not take it */
    }
    qoe_span_add(&q->span[dir], &w);
}

void qoe_tcp_close(struct qoe_tcp *q, enum quality_class class, bool last)
{
    struct closing c = {0};
    bool both_seen = q->loss[0].started && q->loss[1].started;
    for (unsigned i = 0; i < 2; i++) {
        qoe_loss_settle(&q->loss[i], q->last_us);
        c.counts[i] = qoe_counts_since(&q->loss[i].sum, &q->begun[i]);
        c.length_ms[i] = (q->last_us - q->begun_us[i]) / 1000;
        c.rtt[i] = qoe_rtt_close(&q->rtt[i], last);
    }
    bool withheld = !both_seen || tap_is_blind(&c);
    for (unsigned dir = 0; dir < 2; dir++) {
        if (withheld) {
            qoe_span_withhold(&q->span[dir], more_segments(&c), fewer_samples(&c));
        } else {
            judge(q, &c, dir, class);
        }
        if (c.counts[dir].data >= MIN_SEGMENTS) {
            q->begun[dir] = q->loss[dir].sum;
            q->begun_us[dir] = q->last_us;
        }
    }
    q->window_us = q->last_us;
}

void qoe_tcp_told(struct qoe_tcp *q)
{
    for (unsigned i = 0; i < 2; i++) {
        q->told[i] = q->loss[i].sum;
        if (q->span[i].weight != 0 || q->span[i].hidden) {
            q->before[i] = qoe_span_sum(&q->span[i]);
            q->span[i] = (struct qoe_span){0};
        }
        qoe_trips_told(&q->rtt[i].trips);
    }
}

void qoe_tcp_time_moved(struct qoe_tcp *q)
{
    q->open = false;
    for (unsigned i = 0; i < 2; i++) {
        qoe_rtt_forget(&q->rtt[i]);
        q->loss[i].zero = false;
    }
}

struct quality qoe_tcp_quality(const struct qoe_tcp *q, unsigned dir, enum qoe_reach reach)
{
    const struct qoe_span *s = &q->span[dir];
    bool news = s->weight != 0 || s->hidden || reach == QOE_NEWS;
    return news ? qoe_span_sum(s) : q->before[dir];
}
