/*
 * RTP has no magic number. A stream is taken for one after five packets of one SSRC in a row whose
 * numbers go up by one to three and whose time stamps do not fall; after two where SDP announced
 * the place, or another stream of the flow is sure. What the port carries beside (STUN, DTLS, TURN:
 * RFC 7983) and RTCP (RFC 5761) are told apart by their first bytes.
 *
 * Windows of ten seconds, each stream judged by itself. Blame: what is missing or uneven at the tap
 * came from the sender's side; what a receiver reports beyond that was lost on its own.
 */
#include "agent/qoe/media.h"

#include <string.h>

enum {
    WINDOW_US = 10 * 1000 * 1000,
    RUN_BLIND = 5,
    RUN_TOLD = 2, /* MIN_SEQUENTIAL of RFC 3550 */
    RUN_STEP = 3,
    RUN_BEHIND = 16, /* while a stream is young */
    TRIES = 32,
    FINE_POINTS = 80,
};

int qoe_media_pool_init(struct qoe_media_pool *pool, uint32_t max, struct err *e)
{
    *pool = (struct qoe_media_pool){0};
    if (slab_init(&pool->flows, sizeof(struct qoe_media), max, e) != 0 ||
        slab_init(&pool->streams, sizeof(struct qoe_rtp), 2 * max, e) != 0 ||
        (pool->calls = calls_new(e)) == NULL) {
        qoe_media_pool_done(pool);
        return -1;
    }
    return 0;
}

size_t qoe_media_pool_bytes(uint32_t flows)
{
    return (size_t)flows * slab_slot(sizeof(struct qoe_media)) +
           2 * (size_t)flows * slab_slot(sizeof(struct qoe_rtp)) + calls_bytes();
}

void qoe_media_pool_done(struct qoe_media_pool *pool)
{
    slab_done(&pool->flows);
    slab_done(&pool->streams);
    calls_free(pool->calls);
    pool->calls = NULL;
}

static bool is_rtcp(const struct packet *p)
{
    return p->payload[1] >= RTCP_FIRST && p->payload[1] <= RTCP_LAST;
}

bool qoe_media_seems(const struct packet *p)
{
    struct rtp_packet rtp;
    return p->payload_len >= 2 && !is_rtcp(p) && rtp_read(p->payload, p->payload_len, &rtp);
}

struct qoe_media *qoe_media_take(struct qoe_media_pool *pool, uint32_t *handle)
{
    *handle = slab_take(&pool->flows);
    if (*handle == 0) {
        pool->refused++;
        return NULL;
    }
    struct qoe_media *m = slab_at(&pool->flows, *handle);
    *m = (struct qoe_media){0};
    for (unsigned dir = 0; dir < 2; dir++) {
        m->before[dir] = qoe_span_sum(&m->span[dir]);
    }
    return m;
}

static struct qoe_rtp *stream_at(const struct qoe_media_pool *pool, uint32_t handle)
{
    return handle == 0 ? NULL : slab_at(&pool->streams, handle);
}

static void drop_streams(struct qoe_media_pool *pool, uint32_t *first)
{
    while (*first != 0) {
        uint32_t handle = *first;
        *first = stream_at(pool, handle)->next;
        slab_put(&pool->streams, handle);
    }
}

void qoe_media_put(struct qoe_media_pool *pool, uint32_t handle)
{
    struct qoe_media *m = slab_at(&pool->flows, handle);
    drop_streams(pool, &m->first[0]);
    drop_streams(pool, &m->first[1]);
    slab_put(&pool->flows, handle);
}

/* The stream with this SSRC; NULL and how many others there are. */
static struct qoe_rtp *find_stream(const struct qoe_media_pool *pool, const struct qoe_media *m,
                                   unsigned dir, uint32_t ssrc, unsigned *others)
{
    *others = 0;
    for (struct qoe_rtp *s = stream_at(pool, m->first[dir]); s != NULL;
         s = stream_at(pool, s->next)) {
        if (s->ssrc == ssrc) {
            return s;
        }
        ++*others;
    }
    return NULL;
}

/* Streams that never became sure make room first. */
static void drop_unsure(struct qoe_media_pool *pool, uint32_t *link)
{
    while (*link != 0) {
        struct qoe_rtp *s = stream_at(pool, *link);
        if (s->run != QOE_RTP_SURE) {
            uint32_t handle = *link;
            *link = s->next;
            slab_put(&pool->streams, handle);
        } else {
            link = &s->next;
        }
    }
}

static void learn_codec(const struct qoe_media_pool *pool, const struct qoe_media *m, unsigned dir,
                        struct qoe_rtp *s)
{
    uint32_t clock_hz;
    enum codec codec = calls_codec(pool->calls, m->call, dir != m->call_dir, s->type, &clock_hz);
    qoe_rtp_learn(s, codec, clock_hz);
}

static void begin_stream(struct qoe_media_pool *pool, struct qoe_media *m, unsigned dir,
                         const struct rtp_packet *rtp, uint64_t now_ns)
{
    unsigned count;
    (void)find_stream(pool, m, dir, rtp->ssrc, &count);
    if (count >= QOE_MEDIA_STREAMS) {
        drop_unsure(pool, &m->first[dir]);
        (void)find_stream(pool, m, dir, rtp->ssrc, &count);
    }
    uint32_t handle = count < QOE_MEDIA_STREAMS ? slab_take(&pool->streams) : 0;
    if (handle == 0) {
        pool->refused++;
        m->spared = (uint8_t)(m->spared + (m->spared < UINT8_MAX ? 1 : 0));
        return;
    }
    struct qoe_rtp *s = slab_at(&pool->streams, handle);
    qoe_rtp_begin(s, rtp, now_ns);
    learn_codec(pool, m, dir, s);
    s->next = m->first[dir];
    m->first[dir] = handle;
}

/* Of those before, but on its way for longer: proves nothing, and says nothing against the run. */
static bool is_behind(const struct qoe_rtp *s, const struct rtp_packet *rtp)
{
    uint16_t behind = (uint16_t)((uint16_t)s->highest - rtp->seq);
    return behind > 0 && behind <= RUN_BEHIND && (int32_t)(rtp->stamp - s->stamp) <= 0;
}

/* A further packet of a stream that is not sure yet; true when it breaks the run. */
static bool breaks_run(const struct qoe_rtp *s, const struct rtp_packet *rtp)
{
    uint16_t step = (uint16_t)(rtp->seq - (uint16_t)s->highest);
    return step == 0 || step > RUN_STEP || (int32_t)(rtp->stamp - s->stamp) < 0;
}

static void settle_class(struct qoe_media *m, const struct qoe_rtp *s)
{
    if (m->class == CLASS_NONE || codec_kind((enum codec)s->codec) == MEDIA_AUDIO) {
        bool video = codec_kind((enum codec)s->codec) == MEDIA_VIDEO;
        m->class = video ? CLASS_VIDEO_CALL : CLASS_VOICE;
    }
}

static void grow_run(struct qoe_media *m, struct qoe_rtp *s)
{
    unsigned enough = m->sure || m->call.room != 0 ? RUN_TOLD : RUN_BLIND;
    if (++s->run >= enough) {
        s->run = QOE_RTP_SURE;
        m->sure = true;
        settle_class(m, s);
    }
}

static void note_rtp(struct qoe_media_pool *pool, struct qoe_media *m, unsigned dir,
                     const struct rtp_packet *rtp, uint64_t now_ns)
{
    unsigned others;
    struct qoe_rtp *s = find_stream(pool, m, dir, rtp->ssrc, &others);
    if (s == NULL) {
        begin_stream(pool, m, dir, rtp, now_ns);
        return;
    }
    if (s->run == QOE_RTP_SURE) {
        qoe_rtp_note(s, rtp, now_ns);
        return;
    }
    if (is_behind(s, rtp)) {
        qoe_rtp_note(s, rtp, now_ns);
        return;
    }
    if (breaks_run(s, rtp)) {
        uint32_t next = s->next;
        qoe_rtp_begin(s, rtp, now_ns);
        s->next = next;
        learn_codec(pool, m, dir, s);
        return;
    }
    qoe_rtp_note(s, rtp, now_ns);
    grow_run(m, s);
}

/* The call may have been announced after its media began. */
static void find_call(struct qoe_media_pool *pool, struct qoe_media *m, const struct packet *p,
                      unsigned to)
{
    if (calls_at(pool->calls, m->call) != NULL) {
        return;
    }
    const struct endpoints *ends = &p->ends;
    m->call_dir = (uint8_t)to;
    m->call = calls_find(pool->calls, ends->family, &ends->dst, ends->dst_port);
    if (m->call.room == 0) {
        m->call_dir = (uint8_t)(1 - to);
        m->call = calls_find(pool->calls, ends->family, &ends->src, ends->src_port);
    }
    if (m->call.room == 0) {
        return;
    }
    for (unsigned dir = 0; dir < 2; dir++) {
        for (struct qoe_rtp *s = stream_at(pool, m->first[dir]); s != NULL;
             s = stream_at(pool, s->next)) {
            learn_codec(pool, m, dir, s);
            if (s->run == QOE_RTP_SURE) {
                settle_class(m, s);
            }
        }
    }
}

/* Losses since the report before: at the first nobody knows when they were. */
static void note_heard(struct qoe_rtp_heard *heard, const struct rtcp_report *report)
{
    uint32_t of = report->highest - heard->highest;
    if (heard->once && of > 0 && of < INT32_MAX) {
        int32_t lost = report->lost - heard->lost;
        heard->window_of += of;
        heard->window_lost += lost > 0 ? (uint32_t)lost : 0;
    }
    heard->once = true;
    heard->lost = report->lost;
    heard->highest = report->highest;
}

static void note_trip(struct qoe_media *m, const struct rtcp_report *report, unsigned dir,
                      uint32_t now_us)
{
    const struct qoe_sender_report *sent = &m->report[1 - dir];
    if (report->sender_stamp != 0 && report->sender_stamp == sent->stamp) {
        uint64_t held_us = (uint64_t)report->delay * 1000000 / 65536;
        uint32_t gone_us = now_us - sent->at_us;
        qoe_trips_add(&m->trips[dir], gone_us > held_us ? gone_us - (uint32_t)held_us : 0);
    }
}

void qoe_media_note_rtcp(struct qoe_media_pool *pool, struct qoe_media *m, const struct packet *p,
                         unsigned dir)
{
    struct rtcp_packet rtcp;
    unsigned others;
    uint32_t now_us = (uint32_t)(p->time_ns / 1000);
    if (!m->sure || !rtcp_read(p->payload, p->payload_len, &rtcp)) {
        return;
    }
    for (unsigned i = 0; i < rtcp.reports; i++) {
        struct qoe_rtp *s = find_stream(pool, m, 1 - dir, rtcp.report[i].about, &others);
        if (s != NULL) {
            note_trip(m, &rtcp.report[i], dir, now_us);
            note_heard(&s->heard, &rtcp.report[i]);
        }
    }
    if (rtcp.sends) {
        m->report[dir] = (struct qoe_sender_report){.stamp = rtcp.sender_stamp, .at_us = now_us};
    }
    struct qoe_rtp *rated = find_stream(pool, m, 1 - dir, rtcp.rated, &others);
    if (rtcp.mos != 0 && rated != NULL) {
        rated->mos_reported = (uint16_t)(rtcp.mos * 10);
    }
}

static void follow_time(struct qoe_media_pool *pool, struct qoe_media *m, const struct packet *p,
                        unsigned dir)
{
    uint32_t now_us = (uint32_t)(p->time_ns / 1000);
    if (m->last_us == 0) {
        m->window_us = now_us;
        find_call(pool, m, p, dir);
    }
    if ((int32_t)(now_us - m->window_us) >= WINDOW_US) {
        find_call(pool, m, p, dir);
        qoe_media_close(pool, m, false);
        m->window_us = now_us;
    }
    m->last_us = now_us;
}

bool qoe_media_note(struct qoe_media_pool *pool, struct qoe_media *m, const struct packet *p,
                    unsigned dir)
{
    struct rtp_packet rtp;
    if (p->payload_len < 2) {
        return true;
    }
    follow_time(pool, m, p, dir);
    if (is_rtcp(p)) {
        qoe_media_note_rtcp(pool, m, p, dir);
        return true;
    }
    if (!rtp_read(p->payload, p->payload_len, &rtp)) {
        return true;
    }
    note_rtp(pool, m, dir, &rtp, p->time_ns);
    if (!m->sure) {
        find_call(pool, m, p, dir);
        m->tried++;
    }
    return m->sure || m->tried < TRIES;
}

/* Which side of the tap cost the points of this window. */
static enum quality_blame blame_of(const struct qoe_rtp_window *w, enum quality_metric reason,
                                   const struct qoe_rtt_window *trips, unsigned dir)
{
    enum quality_blame sender = dir == 0 ? BLAME_CLIENT_SIDE : BLAME_SERVER_SIDE;
    enum quality_blame receiver = dir == 0 ? BLAME_SERVER_SIDE : BLAME_CLIENT_SIDE;
    if (reason == METRIC_RTT) {
        if (trips[0].median_us > 2 * trips[1].median_us) {
            return BLAME_CLIENT_SIDE;
        }
        return trips[1].median_us > 2 * trips[0].median_us ? BLAME_SERVER_SIDE : BLAME_BOTH_SIDES;
    }
    if (reason == METRIC_RTP_JITTER || w->lost_behind == 0) {
        return sender;
    }
    uint32_t before = w->lost + (reason == METRIC_MOS ? w->discarded : 0);
    return w->lost_behind > before ? receiver : BLAME_BOTH_SIDES;
}

static void judge_stream(struct qoe_media *m, struct qoe_rtp *s, unsigned dir,
                         const struct qoe_rtt_window *trips, bool last)
{
    const struct qoe_rtp_far far = {
        .rtt_us = trips[0].median_us + trips[1].median_us,
        .lost = s->heard.window_lost,
        .of = s->heard.window_of,
    };
    struct qoe_rtp_window w = qoe_rtp_close(s, &far, last);
    if (w.packets == 0) {
        return;
    }
    bool video = codec_kind((enum codec)s->codec) == MEDIA_VIDEO;
    struct qoe_window window = {
        .class = video ? CLASS_VIDEO_CALL : CLASS_VOICE,
        .segments = w.packets,
        .samples = w.packets,
        .measures = w.measures,
    };
    struct qoe_verdict v = qoe_judge(window.class, &window.measures);
    window.blame = v.score >= FINE_POINTS ? BLAME_NONE
                                          : blame_of(&w, (enum quality_metric)v.metric, trips, dir);
    qoe_span_add(&m->span[dir], &window);
    s->heard.window_lost = s->heard.window_of = 0;
}

void qoe_media_close(struct qoe_media_pool *pool, struct qoe_media *m, bool last)
{
    struct qoe_rtt_window trips[2];
    for (unsigned side = 0; side < 2; side++) {
        trips[side] = qoe_trips_close(&m->trips[side], 1); /* reports come every few seconds */
    }
    for (unsigned dir = 0; dir < 2; dir++) {
        for (struct qoe_rtp *s = stream_at(pool, m->first[dir]); s != NULL;
             s = stream_at(pool, s->next)) {
            if (s->run == QOE_RTP_SURE) {
                judge_stream(m, s, dir, trips, last);
            }
        }
    }
    m->window_us = m->last_us;
}

void qoe_media_told(struct qoe_media_pool *pool, struct qoe_media *m)
{
    for (unsigned i = 0; i < 2; i++) {
        if (m->span[i].weight != 0) {
            m->before[i] = qoe_span_sum(&m->span[i]);
            m->span[i] = (struct qoe_span){0};
        }
        qoe_trips_told(&m->trips[i]);
        for (struct qoe_rtp *s = stream_at(pool, m->first[i]); s != NULL;
             s = stream_at(pool, s->next)) {
            qoe_rtp_told(s);
        }
    }
    m->spared = 0;
}

void qoe_media_time_moved(struct qoe_media_pool *pool, struct qoe_media *m)
{
    m->last_us = 0;
    for (unsigned i = 0; i < 2; i++) {
        m->report[i].stamp = 0;
        for (struct qoe_rtp *s = stream_at(pool, m->first[i]); s != NULL;
             s = stream_at(pool, s->next)) {
            qoe_rtp_time_moved(s);
        }
    }
}

/* The stream that stands for its direction: of most packets. */
static const struct qoe_rtp *main_stream(const struct qoe_rtp *streams, unsigned count,
                                         enum qoe_reach reach)
{
    const struct qoe_rtp *best = NULL;
    uint32_t most = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct qoe_rtp *s = &streams[i];
        uint32_t packets = s->sum.received - (reach == QOE_NEWS ? s->told.received : 0);
        if (best == NULL || packets > most) {
            best = s;
            most = packets;
        }
    }
    return best;
}

static uint32_t burst_hundredths(const struct qoe_rtp_sum *sum)
{
    uint32_t packets = sum->received + sum->lost;
    if (sum->bursts == 0 || packets == 0) {
        return 0;
    }
    uint64_t mean = (uint64_t)sum->lost * 100 / sum->bursts;
    uint64_t ratio = mean * sum->received / packets;
    return ratio < 100 ? 100 : ratio > UINT16_MAX ? UINT16_MAX : (uint32_t)ratio;
}

static void fill_pace(const struct qoe_rtp *s, enum qoe_reach reach, struct flow_media *out)
{
    out->ssrc = s->ssrc;
    out->payload_type = s->type;
    out->clock_hz = s->clock_hz;
    out->mos_reported = s->mos_reported;
    out->gap_ms = s->gap_us / 1000;
    const char *name = codec_name((enum codec)s->codec);
    memcpy(out->codec, name, strlen(name));
    if (s->since.packets != 0) {
        out->jitter_us = qoe_rtp_jitter_us(&s->since);
        out->jitter_max_us = s->since.jitter_max_ns / 1000;
    } else if (reach == QOE_NEWEST) {
        out->jitter_us = out->jitter_max_us = s->jitter_ns / 1000;
    }
    if (s->mos_weight != 0) {
        out->mos = (uint16_t)(s->mos_points / s->mos_weight);
        out->mos_worst = s->mos_worst;
    } else if (reach == QOE_NEWEST) {
        out->mos = out->mos_worst = s->mos_before;
    }
}

static void fill_counts(const struct qoe_rtp *streams, unsigned count, enum qoe_reach reach,
                        struct flow_media *out)
{
    static const struct qoe_rtp_sum none;
    struct qoe_rtp_sum all = {0};
    for (unsigned i = 0; i < count; i++) {
        const struct qoe_rtp *s = &streams[i];
        struct qoe_rtp_sum sum = qoe_rtp_since(&s->sum, reach == QOE_NEWS ? &s->told : &none);
        all.received += sum.received;
        all.lost += sum.lost;
        all.bursts += sum.bursts;
        all.duplicated += sum.duplicated;
        all.late += sum.late;
        all.discarded += sum.discarded;
    }
    out->packets = all.received;
    out->lost = all.lost;
    out->duplicated = all.duplicated;
    out->late = all.late;
    out->discarded = all.discarded;
    out->burst = (uint16_t)burst_hundredths(&all);
}

/* The sure streams of a direction, copied. */
static unsigned copy_streams(const struct qoe_media_pool *pool, const struct qoe_media *m,
                             unsigned dir, struct qoe_rtp *out)
{
    unsigned count = 0;
    for (const struct qoe_rtp *s = stream_at(pool, m->first[dir]);
         s != NULL && count < QOE_MEDIA_STREAMS; s = stream_at(pool, s->next)) {
        if (s->run == QOE_RTP_SURE) {
            out[count++] = *s;
        }
    }
    return count;
}

static void fill_call(const struct qoe_media_pool *pool, const struct qoe_media *m,
                      struct flow_record *r)
{
    const struct call *call = calls_at(pool->calls, m->call);
    if (call == NULL) {
        return;
    }
    memcpy(r->call_id, call->id, sizeof r->call_id);
    r->call_state = call->state;
    r->call_held = call->held != 0;
}

static struct quality quality_of(const struct qoe_media *m, unsigned dir, enum qoe_reach reach)
{
    bool news = m->span[dir].weight != 0 || reach == QOE_NEWS;
    return news ? qoe_span_sum(&m->span[dir]) : m->before[dir];
}

void qoe_media_fill(const struct qoe_media_pool *pool, const struct qoe_media *m,
                    enum qoe_reach reach, struct flow_record *r)
{
    struct qoe_media by_now = *m;
    struct qoe_rtp streams[QOE_MEDIA_STREAMS];
    struct qoe_rtt_window trips[2];
    for (unsigned side = 0; side < 2; side++) {
        trips[side] = qoe_trips_close(&by_now.trips[side], 1);
        qoe_trips_fill(&m->trips[side], reach == QOE_NEWS, side, r);
    }
    for (unsigned dir = 0; dir < 2; dir++) {
        unsigned count = copy_streams(pool, m, dir, streams);
        /* For the eye of a person the open window is judged as well, on the copies. */
        for (unsigned i = 0; reach == QOE_NEWEST && i < count; i++) {
            judge_stream(&by_now, &streams[i], dir, trips, true);
        }
        r->quality[dir] = quality_of(&by_now, dir, reach);
        const struct qoe_rtp *main = main_stream(streams, count, reach);
        r->media[dir] = (struct flow_media){.streams = (uint8_t)count};
        if (main != NULL) {
            fill_pace(main, reach, &r->media[dir]);
            fill_counts(streams, count, reach, &r->media[dir]);
        }
    }
    fill_call(pool, m, r);
}
