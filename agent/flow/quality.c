#include "agent/flow/quality.h"

#include "agent/decode/rtp.h"
#include "agent/flow/parts.h"

#include <string.h>

/* A flow that may become RTP is watched for so long; a call over WebRTC sends others first. */
enum { YOUNG_PACKETS = 64 };

static void note_tcp(struct flow_table *t, struct flow *f, const struct packet *p,
                     enum flow_dir dir)
{
    if (!f->handshake.done) {
        qoe_handshake_note(&f->handshake, &p->tcp, dir, p->time_ns);
    }
    if (f->holds == PART_NONE && p->tcp.len == 0) {
        return; /* a scan or a refusal needs no state */
    }
    bool made;
    struct qoe_tcp *q = flow_table_tcp(t, f, &made);
    if (q == NULL) {
        return; /* counted there */
    }
    if (made) {
        qoe_tcp_begin(q, &f->handshake);
    }
    qoe_tcp_note(q, &f->handshake, p, dir, (enum quality_class)f->quality_class);
}

static void note_dns(struct flow_table *t, struct flow *f, const struct packet *p)
{
    struct qoe_dns *q = flow_table_dns(t, f);
    if (q != NULL) { /* else counted there */
        qoe_dns_note(q, p);
    }
}

static void note_quic(struct flow_table *t, struct flow *f, const struct packet *p,
                      enum flow_dir dir)
{
    bool made;
    struct qoe_quic *q = flow_table_quic(t, f, &made);
    if (q == NULL) {
        return; /* counted there */
    }
    if (made) {
        qoe_quic_begin(q);
        f->quality_class = CLASS_WEB;
    }
    qoe_quic_note(q, p, dir, (enum quality_class)f->quality_class);
    f->handshake.client_us = q->client_us;
    f->handshake.server_us = q->server_us;
}

static void note_media(struct flow_table *t, struct flow *f, const struct packet *p,
                       enum flow_dir dir)
{
    struct qoe_media *m = flow_table_media(t, f);
    if (m == NULL) {
        return; /* counted there */
    }
    if (qoe_media_note(flow_table_media_pool(t), m, p, dir)) {
        f->quality_class = m->class;
    } else {
        flow_table_media_drop(t, f);
    }
}

/* RTCP on the odd port beside its RTP (RFC 3550 section 11). */
static void note_rtcp(struct flow_table *t, const struct packet *p)
{
    struct endpoints ends = p->ends;
    enum flow_dir dir;
    if ((ends.src_port & ends.dst_port & 1) == 0) {
        return;
    }
    ends.src_port--;
    ends.dst_port--;
    struct flow *rtp = flow_table_find(t, flow_table_tag(t, &ends), &ends, &dir);
    struct qoe_media *m = rtp == NULL ? NULL : flow_table_media_of(t, rtp);
    if (m != NULL) {
        qoe_media_note_rtcp(flow_table_media_pool(t), m, p, dir);
    }
}

static void note_sip(struct flow_table *t, const struct packet *p)
{
    struct sip_message m;
    if (sip_begins(p->payload, p->payload_len) && sip_read(p->payload, p->payload_len, &m)) {
        calls_note(flow_table_media_pool(t)->calls, &m, p->time_ns);
    }
}

/* What a UDP flow is, shows in its first packets. */
static void note_unknown(struct flow_table *t, struct flow *f, const struct packet *p,
                         enum flow_dir dir)
{
    uint64_t packets = f->sum.packets[DIR_C2S] + f->sum.packets[DIR_S2C];
    if (packets > YOUNG_PACKETS) {
        return;
    }
    if (packets == 1 && dir == DIR_C2S && qoe_quic_begins(p)) {
        note_quic(t, f, p, dir);
    } else if (sip_begins(p->payload, p->payload_len)) {
        f->talk = TALK_SIP;
        note_sip(t, p);
    } else if (qoe_media_seems(p)) {
        note_media(t, f, p, dir);
    }
}

static void note_udp(struct flow_table *t, struct flow *f, const struct packet *p,
                     enum flow_dir dir)
{
    if (p->payload_len == 0) {
        return;
    }
    if (f->talk == TALK_DNS) {
        note_dns(t, f, p);
    } else if (f->talk == TALK_SIP) {
        note_sip(t, p);
    } else if (f->holds == PART_QUIC) {
        note_quic(t, f, p, dir);
    } else if (f->holds == PART_MEDIA) {
        note_media(t, f, p, dir);
    } else if (rtcp_begins(p->payload, p->payload_len)) {
        note_rtcp(t, p);
    } else {
        note_unknown(t, f, p, dir);
    }
}

void flow_quality_note(struct flow_table *t, struct flow *f, const struct packet *p,
                       enum flow_dir dir)
{
    if (p->later_fragment) {
        return;
    }
    if (p->ends.protocol == PROTO_TCP) {
        note_tcp(t, f, p, dir);
    } else if (p->ends.protocol == PROTO_UDP) {
        note_udp(t, f, p, dir);
    }
}

bool flow_quality_concerns_all(const struct packet *p)
{
    return p->ends.protocol == PROTO_UDP && !p->later_fragment &&
           sip_begins(p->payload, p->payload_len);
}

void flow_quality_overhear(struct flow_table *t, const struct packet *p)
{
    note_sip(t, p);
}

void flow_quality_settle(struct flow_table *t, struct flow *f, uint64_t now_ns)
{
    enum quality_class class = (enum quality_class)f->quality_class;
    bool ended = f->end_ns != 0;
    switch ((enum flow_part)f->holds) {
    case PART_NONE:
    case PART_EXPORTED: break;
    case PART_TCP:
    case PART_TCP_REST: qoe_tcp_close(flow_table_tcp_awake(t, f), class, ended); break;
    case PART_QUIC: qoe_quic_close(flow_table_quic_of(t, f), class, ended); break;
    case PART_MEDIA:
        qoe_media_close(flow_table_media_pool(t), flow_table_media_of(t, f), ended);
        break;
    case PART_DNS:
        qoe_dns_close(flow_table_dns_of(t, f), now_ns,
                      f->status == FLOW_IDLE || f->status == FLOW_REFUSED);
        break;
    }
}

void flow_quality_told(struct flow_table *t, struct flow *f)
{
    switch ((enum flow_part)f->holds) {
    case PART_NONE:
    case PART_EXPORTED: break;
    case PART_TCP:
    case PART_TCP_REST: qoe_tcp_told(flow_table_tcp_awake(t, f)); break;
    case PART_DNS: qoe_dns_told(flow_table_dns_of(t, f)); break;
    case PART_QUIC: qoe_quic_told(flow_table_quic_of(t, f)); break;
    case PART_MEDIA: qoe_media_told(flow_table_media_pool(t), flow_table_media_of(t, f)); break;
    }
}

void flow_quality_time_moved(struct flow_table *t, struct flow *f)
{
    switch ((enum flow_part)f->holds) {
    case PART_NONE:
    case PART_EXPORTED: break;
    case PART_TCP:
    case PART_TCP_REST: qoe_tcp_time_moved(flow_table_tcp_awake(t, f)); break;
    case PART_DNS: qoe_dns_time_moved(flow_table_dns_of(t, f)); break;
    case PART_QUIC: qoe_quic_time_moved(flow_table_quic_of(t, f)); break;
    case PART_MEDIA:
        qoe_media_time_moved(flow_table_media_pool(t), flow_table_media_of(t, f));
        break;
    }
}

/* A flow that was not judged yet is judged by what its open window holds, on a copy. */
static bool is_unjudged(const struct qoe_tcp *q)
{
    for (unsigned dir = 0; dir < 2; dir++) {
        if (qoe_tcp_quality(q, dir, QOE_NEWEST).score != QUALITY_SCORE_NONE) {
            return false;
        }
    }
    return true;
}

static void fill_segments(const struct qoe_tcp *q, enum qoe_reach reach, struct flow_record *r)
{
    for (unsigned dir = 0; dir < 2; dir++) {
        struct qoe_counts c = q->loss[dir].sum;
        uint32_t needless = qoe_needless(&c);
        if (reach == QOE_NEWS) {
            needless -= qoe_needless(&q->told[dir]);
            c = qoe_counts_since(&c, &q->told[dir]);
        }
        r->retransmitted[dir] = c.retransmitted;
        r->out_of_order[dir] = c.out_of_order;
        r->segments[dir] = (struct flow_segments){
            .data = c.data,
            .lost_before = c.lost_before,
            .needless = needless,
            .duplicated = c.duplicated,
            .zero_window_ms = c.zero_window_ms,
        };
    }
}

static void tell_by(struct flow_record *r, enum flow_rtt_by by)
{
    bool any = r->rtt[SIDE_CLIENT].samples + r->rtt[SIDE_SERVER].samples != 0;
    r->rtt_by = any ? (uint8_t)by : (uint8_t)RTT_BY_NONE;
}

static void fill_tcp(const struct qoe_tcp *q, enum qoe_reach reach, struct flow_record *r)
{
    fill_segments(q, reach, r);
    for (unsigned i = 0; i < 2; i++) {
        qoe_trips_fill(&q->rtt[i].trips, reach == QOE_NEWS, i, r);
        r->quality[i] = qoe_tcp_quality(q, i, reach);
    }
    tell_by(r, RTT_BY_ACK);
}

static void fill_quic(const struct qoe_quic *live, enum quality_class class, enum qoe_reach reach,
                      struct flow_record *r)
{
    struct qoe_quic by_now = *live;
    if (reach == QOE_NEWEST) {
        qoe_quic_close(&by_now, class, true);
    }
    for (unsigned i = 0; i < 2; i++) {
        qoe_trips_fill(&by_now.trips[i], reach == QOE_NEWS, i, r);
        r->quality[i] = qoe_quic_quality(&by_now, i, reach);
    }
    tell_by(r, live->spun ? RTT_BY_SPIN_BIT : RTT_BY_HANDSHAKE);
}

static void fill_dns(const struct qoe_dns *q, enum qoe_reach reach, struct flow_record *r)
{
    const struct qoe_dns_sum *sum = qoe_dns_figures(q, reach);
    r->dns = (struct flow_dns){
        .questions = sum->questions,
        .failed = sum->failed,
        .unanswered = sum->unanswered,
        .answer_us = qoe_samples_median(&sum->answers),
    };
    r->quality[DIR_C2S] = r->quality[DIR_S2C] = qoe_dns_judge(sum);
}

/* Until something of it is judged. */
static void clear(struct flow_record *r, enum quality_unjudged why)
{
    for (unsigned i = 0; i < 2; i++) {
        r->retransmitted[i] = 0;
        r->out_of_order[i] = 0;
        r->segments[i] = (struct flow_segments){0};
        r->rtt[i] = (struct flow_rtt){0};
        latencies_clear(&r->trips[i]);
        r->quality[i] = quality_without_score(why);
    }
    r->rtt_by = RTT_BY_NONE;
    r->dns = (struct flow_dns){0};
    for (unsigned i = 0; i < 2; i++) {
        r->media[i] = (struct flow_media){0};
    }
    memset(r->call_id, 0, sizeof r->call_id);
    r->call_state = CALL_NONE;
    r->call_held = false;
}

void flow_quality_clear(struct flow_record *r)
{
    clear(r, UNJUDGED_LITTLE);
}

/* What an exporter tells of was never seen, so it cannot be judged. */
static uint8_t class_of(const struct flow *f)
{
    return f->holds != PART_EXPORTED ? f->quality_class : (uint8_t)CLASS_NONE;
}

void flow_quality_fill(const struct flow_table *t, const struct flow *f, enum qoe_reach reach,
                       struct flow_record *r)
{
    const struct qoe_tcp *tcp = flow_table_tcp_of(t, f);
    const struct qoe_dns *dns = flow_table_dns_of(t, f);
    const struct qoe_quic *quic = flow_table_quic_of(t, f);
    const struct qoe_media *media = flow_table_media_of(t, f);
    r->quality_class = class_of(f);
    clear(r, r->quality_class == CLASS_NONE ? UNJUDGED_CLASS : UNJUDGED_LITTLE);
    r->quality_profile = r->quality_class == CLASS_NONE ? 0 : QOE_PROFILE;
    if (tcp != NULL && reach == QOE_NEWEST && is_unjudged(tcp)) {
        struct qoe_tcp by_now = *tcp;
        qoe_tcp_close(&by_now, (enum quality_class)f->quality_class, true);
        fill_tcp(&by_now, reach, r);
    } else if (tcp != NULL) {
        fill_tcp(tcp, reach, r);
    } else if (dns != NULL) {
        fill_dns(dns, reach, r);
    } else if (quic != NULL) {
        fill_quic(quic, (enum quality_class)f->quality_class, reach, r);
    } else if (media != NULL) {
        qoe_media_fill(flow_table_media_pool_of(t), media, reach, r);
        tell_by(r, RTT_BY_RTCP);
    }
}

unsigned flow_quality_score(const struct flow_table *t, const struct flow *f)
{
    struct flow_record r;
    if (f->holds == PART_NONE) {
        return QUALITY_SCORE_NONE;
    }
    flow_quality_fill(t, f, QOE_NEWEST, &r);
    return quality_worse(r.quality[DIR_C2S].score, r.quality[DIR_S2C].score);
}

struct qoe_counts flow_quality_counts(const struct flow_table *t, const struct flow *f)
{
    struct qoe_counts sum = {0};
    const struct qoe_tcp *tcp = flow_table_tcp_of(t, f);
    for (unsigned dir = 0; tcp != NULL && dir < 2; dir++) {
        sum.retransmitted += tcp->loss[dir].sum.retransmitted;
        sum.out_of_order += tcp->loss[dir].sum.out_of_order;
    }
    return sum;
}

uint32_t flow_quality_rtt_us(const struct flow_table *t, const struct flow *f, enum qoe_side side)
{
    struct flow_record r;
    flow_quality_fill(t, f, QOE_NEWEST, &r);
    uint32_t handshake_us = side == QOE_CLIENT ? f->handshake.client_us : f->handshake.server_us;
    return r.rtt[side].median_us != 0 ? r.rtt[side].median_us : handshake_us;
}
