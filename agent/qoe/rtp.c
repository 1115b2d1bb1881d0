/*
 * Sequence numbers by RFC 3550 appendix A.1 (MAX_DROPOUT 3000, MAX_MISORDER 100), jitter by A.8.
 * Loss is not "expected less received" of A.3, where a copy hides a loss: each packet has a bit in
 * a window of 64, and is lost when it leaves the window without having come.
 *
 * Jitter is kept in nanoseconds. Copies and packets with the time stamp of the one before (the
 * parts of a video frame) tell nothing of it, nor does the first after a long silence.
 *
 * A payload type whose clock nobody told is guessed from how fast its time stamps run.
 */
#include "agent/qoe/rtp.h"

#include "agent/qoe/emodel.h"

#define MS_NS 1000000ll
#define S_NS  1000000000ll

enum {
    MAX_DROPOUT = 3000,
    MAX_MISORDER = 100,
    SEQ_MOD = 1 << 16,
    NO_JUMP = SEQ_MOD,
    WINDOW_BITS = 64,
    MIN_PACKETS = 20, /* a window needs so many to be judged: below, one loss would read as 5 % */
    GUESS_AFTER = 16,
    UNKNOWN_DELAY_MS = 50, /* one way, when no round trip was seen */
    BUFFER_LEAST_MS = 20,  /* a receiver waits twice the jitter, within these */
    BUFFER_MOST_MS = 200,
};

void qoe_rtp_begin(struct qoe_rtp *s, const struct rtp_packet *rtp, uint64_t now_ns)
{
    *s = (struct qoe_rtp){
        .seen = 1,
        .at_ns = now_ns,
        .first_ns = now_ns,
        .ssrc = rtp->ssrc,
        .base = SEQ_MOD + rtp->seq,
        .highest = SEQ_MOD + rtp->seq, /* so that what came before the first is no underflow */
        .jump = NO_JUMP,
        .stamp = rtp->stamp,
        .first_stamp = rtp->stamp,
        .sum.received = 1,
        .type = rtp->type,
        .run = 1,
        .window = {.packets = 1, .media_bytes = rtp->media_len},
        .since = {.packets = 1, .media_bytes = rtp->media_len},
    };
    s->codec = (uint8_t)codec_of_payload_type(rtp->type, &s->clock_hz);
}

void qoe_rtp_learn(struct qoe_rtp *s, enum codec codec, uint32_t clock_hz)
{
    if (codec != CODEC_UNKNOWN) {
        s->codec = (uint8_t)codec;
    }
    if (clock_hz != 0) {
        s->clock_hz = clock_hz;
    }
}

static void count_missing(struct qoe_rtp *s, uint32_t packets)
{
    if (packets == 0) {
        return;
    }
    s->sum.lost += packets;
    s->sum.bursts += s->in_burst ? 0 : 1;
    s->in_burst = true;
}

/* The oldest `count` of the window leave it. */
static void retire(struct qoe_rtp *s, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t age = WINDOW_BITS - 1 - i;
        bool before_us = s->highest - s->base < age;
        if (before_us) {
            continue;
        }
        if ((s->seen >> age & 1) == 0) {
            count_missing(s, 1);
        } else {
            s->in_burst = false;
        }
    }
}

static void advance(struct qoe_rtp *s, uint32_t steps)
{
    if (steps < WINDOW_BITS) {
        retire(s, steps);
        s->seen <<= steps;
    } else {
        retire(s, WINDOW_BITS);
        count_missing(s, steps - WINDOW_BITS);
        s->seen = 0;
    }
    s->highest += steps;
    s->seen |= 1;
}

void qoe_rtp_flush(struct qoe_rtp *s)
{
    retire(s, WINDOW_BITS);
    s->seen = UINT64_MAX;
}

/* Behind the highest: late, or a copy. True when it is a packet that we had not. */
static bool fill_in(struct qoe_rtp *s, uint32_t behind)
{
    if (behind >= WINDOW_BITS) {
        s->sum.late++; /* and lost already: no receiver waits so long */
        return true;
    }
    if ((s->seen >> behind & 1) != 0) {
        s->sum.duplicated++;
        return false;
    }
    s->seen |= 1ull << behind;
    s->sum.late++;
    s->sum.received++;
    if (s->highest - behind < s->base) {
        s->base = s->highest - behind;
    }
    return true;
}

/* True when the packet counts as a new one of the stream. */
static bool place(struct qoe_rtp *s, const struct rtp_packet *rtp)
{
    uint32_t ahead = (uint32_t)(rtp->seq - (uint16_t)s->highest) & (SEQ_MOD - 1);
    if (ahead == 0) {
        s->sum.duplicated++;
        return false;
    }
    if (ahead < MAX_DROPOUT) {
        advance(s, ahead);
        s->sum.received++;
        s->jump = NO_JUMP;
        return true;
    }
    if (ahead > SEQ_MOD - MAX_MISORDER) {
        return fill_in(s, SEQ_MOD - ahead);
    }
    if (rtp->seq != s->jump) {
        s->jump = (rtp->seq + 1u) & (SEQ_MOD - 1);
        return false;
    }
    qoe_rtp_flush(s); /* two in a row: the sender began anew */
    s->base = s->highest = SEQ_MOD + rtp->seq;
    s->seen = 1;
    s->in_burst = false;
    s->jump = NO_JUMP;
    s->sum.received++;
    return true;
}

/* Which of the usual clocks runs like this one, within a tenth; 0: none. */
static uint32_t nearest_clock(uint64_t hz)
{
    static const uint32_t usual[] = {8000, 16000, 24000, 32000, 48000, 90000};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (hz > usual[i] - usual[i] / 10u && hz < usual[i] + usual[i] / 10u) {
            return usual[i];
        }
    }
    return 0;
}

static void guess_clock(struct qoe_rtp *s)
{
    uint64_t span_ns = s->at_ns - s->first_ns;
    if (s->sum.received < GUESS_AFTER || span_ns < 200 * (uint64_t)MS_NS) {
        return;
    }
    uint64_t units = s->stamp - s->first_stamp;
    uint32_t clock_hz = nearest_clock(units * (uint64_t)S_NS / span_ns);
    s->clock_hz = clock_hz;
    if (clock_hz != 0 && s->codec == CODEC_UNKNOWN) {
        s->codec = clock_hz == 90000 ? CODEC_OTHER_VIDEO : CODEC_OTHER_AUDIO;
    }
    s->first_ns = s->at_ns; /* when it was none: once more over another span */
    s->first_stamp = s->stamp;
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? (uint64_t)-value : (uint64_t)value;
}

static uint64_t buffer_ns(const struct qoe_rtp *s)
{
    uint64_t wanted = 2ull * s->jitter_ns;
    uint64_t least = BUFFER_LEAST_MS * (uint64_t)MS_NS;
    uint64_t most = BUFFER_MOST_MS * (uint64_t)MS_NS;
    return wanted < least ? least : wanted > most ? most : wanted;
}

static void note_delay(struct qoe_rtp *s, int64_t change_ns)
{
    s->transit_ns += change_ns;
    if (s->transit_ns < s->least_ns) {
        s->least_ns = s->transit_ns;
    }
    if (s->transit_ns < s->base_ns) {
        s->base_ns = s->transit_ns;
    }
    if (codec_kind((enum codec)s->codec) == MEDIA_AUDIO &&
        (uint64_t)(s->transit_ns - s->base_ns) > buffer_ns(s)) {
        s->sum.discarded++;
    }
}

static void keep_jitter(struct qoe_rtp_pace *pace, uint32_t jitter_ns, uint32_t media_len)
{
    pace->jitter_sum_ns += jitter_ns;
    pace->packets++;
    pace->media_bytes += media_len;
    if (jitter_ns > pace->jitter_max_ns) {
        pace->jitter_max_ns = jitter_ns;
    }
}

/* D of RFC 3550 A.8, and the jitter with it. */
static void note_pace(struct qoe_rtp *s, const struct rtp_packet *rtp, uint64_t now_ns)
{
    int64_t gone_ns = (int64_t)(now_ns - s->at_ns);
    int32_t units = (int32_t)(rtp->stamp - s->stamp);
    if (units == 0 || s->clock_hz == 0) {
        return;
    }
    int64_t told_ns = (int64_t)units * S_NS / (int64_t)s->clock_hz;
    int64_t change_ns = gone_ns - told_ns;
    bool pause = rtp->marker && gone_ns > S_NS;
    if (pause || magnitude(change_ns) > 10 * (uint64_t)S_NS) {
        s->transit_ns = s->least_ns = s->base_ns = 0;
        return;
    }
    int64_t jitter = s->jitter_ns;
    jitter += ((int64_t)magnitude(change_ns) - jitter) / 16;
    s->jitter_ns = (uint32_t)jitter;
    note_delay(s, change_ns);
}

static void note_step(struct qoe_rtp *s, const struct rtp_packet *rtp)
{
    uint32_t step = rtp->stamp - s->stamp;
    if (step != 0 && step < INT32_MAX && (s->step == 0 || step < s->step)) {
        s->step = step;
    }
}

static void note_gap(struct qoe_rtp *s, uint64_t now_ns)
{
    uint64_t gap_us = now_ns > s->at_ns ? (now_ns - s->at_ns) / 1000 : 0;
    if (!s->comfort && gap_us > s->gap_us) {
        s->gap_us = gap_us > UINT32_MAX ? UINT32_MAX : (uint32_t)gap_us;
    }
}

void qoe_rtp_note(struct qoe_rtp *s, const struct rtp_packet *rtp, uint64_t now_ns)
{
    if (!place(s, rtp)) {
        return;
    }
    uint32_t clock_hz = 0;
    if (codec_of_payload_type(rtp->type, &clock_hz) == CODEC_COMFORT_NOISE) {
        s->comfort = true;
    } else if (rtp->type != s->type && s->codec == CODEC_UNKNOWN) {
        s->type = rtp->type;
    }
    if (s->at_ns == 0) {
        s->first_ns = now_ns;
        s->first_stamp = rtp->stamp;
    } else {
        note_gap(s, now_ns);
        note_pace(s, rtp, now_ns);
    }
    note_step(s, rtp);
    s->at_ns = now_ns;
    s->stamp = rtp->stamp;
    if (s->clock_hz == 0) {
        guess_clock(s);
    }
    keep_jitter(&s->window, s->jitter_ns, rtp->media_len);
    keep_jitter(&s->since, s->jitter_ns, rtp->media_len);
}

struct qoe_rtp_sum qoe_rtp_since(const struct qoe_rtp_sum *now, const struct qoe_rtp_sum *then)
{
    return (struct qoe_rtp_sum){
        .received = now->received - then->received,
        .lost = now->lost - then->lost,
        .bursts = now->bursts - then->bursts,
        .duplicated = now->duplicated - then->duplicated,
        .late = now->late - then->late,
        .discarded = now->discarded - then->discarded,
    };
}

uint32_t qoe_rtp_jitter_us(const struct qoe_rtp_pace *pace)
{
    return pace->packets == 0 ? 0 : (uint32_t)(pace->jitter_sum_ns / pace->packets / 1000);
}

/* BurstR of G.107: how much longer runs of lost packets are than chance would make them. */
static double burst_ratio(const struct qoe_rtp_sum *w, uint32_t packets)
{
    if (w->bursts == 0 || w->lost >= packets) {
        return 1;
    }
    double seen = (double)w->lost / w->bursts;
    double ratio = seen * (1 - (double)w->lost / packets);
    return ratio < 1 ? 1 : ratio;
}

static double kbps_of(const struct qoe_rtp *s)
{
    const struct qoe_rtp_pace *w = &s->window;
    if (s->step == 0 || s->clock_hz == 0 || w->packets == 0) {
        return 0;
    }
    double packet_ms = 1000.0 * s->step / s->clock_hz;
    return 8.0 * w->media_bytes / w->packets / packet_ms;
}

static double delay_ms_of(const struct qoe_rtp *s, const struct qoe_rtp_far *far, double ahead_ms)
{
    double way_ms = far->rtt_us == 0 ? UNKNOWN_DELAY_MS : far->rtt_us / 2000.0;
    double wait_ms = 2.0 * qoe_rtp_jitter_us(&s->window) / 1000.0;
    wait_ms = wait_ms < BUFFER_LEAST_MS  ? BUFFER_LEAST_MS
              : wait_ms > BUFFER_MOST_MS ? BUFFER_MOST_MS
                                         : wait_ms;
    double packet_ms = s->step == 0 || s->clock_hz == 0 ? 20 : 1000.0 * s->step / s->clock_hz;
    return way_ms + wait_ms + (packet_ms > 100 ? 20 : packet_ms) + ahead_ms;
}

static void judge_voice(struct qoe_rtp *s, const struct qoe_rtp_sum *w,
                        const struct qoe_rtp_far *far, struct qoe_rtp_window *out)
{
    const struct emodel_codec codec = emodel_codec_of((enum codec)s->codec, kbps_of(s));
    uint64_t unheard = (uint64_t)out->lost + out->lost_behind + out->discarded;
    double share = unheard > out->packets ? 1 : (double)unheard / out->packets;
    double rating = emodel_rating(&codec, 100 * share, burst_ratio(w, out->packets),
                                  delay_ms_of(s, far, codec.ahead_ms));
    uint32_t mos = emodel_mos(rating);
    qoe_measure_time(&out->measures, METRIC_MOS, mos);
    s->mos_points += (uint64_t)mos * out->packets;
    s->mos_weight += out->packets;
    s->mos_before = (uint16_t)mos;
    if (s->mos_worst == 0 || mos < s->mos_worst) {
        s->mos_worst = (uint16_t)mos;
    }
}

static void judge(struct qoe_rtp *s, const struct qoe_rtp_sum *w, const struct qoe_rtp_far *far,
                  struct qoe_rtp_window *out)
{
    uint64_t told = far->of == 0 ? 0 : (uint64_t)out->packets * far->lost / far->of;
    told = told > out->packets ? out->packets : told;
    out->lost_behind = told > out->lost ? (uint32_t)told - out->lost : 0;
    qoe_measure_share(&out->measures, METRIC_PACKET_LOSS, out->lost + out->lost_behind,
                      out->packets);
    if (s->clock_hz != 0) {
        qoe_measure_time(&out->measures, METRIC_RTP_JITTER, qoe_rtp_jitter_us(&s->window));
    }
    if (far->rtt_us != 0) {
        qoe_measure_time(&out->measures, METRIC_RTT, far->rtt_us);
    }
    if (codec_kind((enum codec)s->codec) == MEDIA_AUDIO) {
        judge_voice(s, w, far, out);
    }
}

struct qoe_rtp_window qoe_rtp_close(struct qoe_rtp *s, const struct qoe_rtp_far *far, bool last)
{
    struct qoe_rtp_window out = {0};
    if (last) {
        qoe_rtp_flush(s);
    }
    struct qoe_rtp_sum w = qoe_rtp_since(&s->sum, &s->begun);
    uint32_t packets = w.received + w.lost;
    if (packets < MIN_PACKETS) {
        return out;
    }
    out.packets = packets;
    out.lost = w.lost;
    out.discarded = w.discarded;
    judge(s, &w, far, &out);
    s->begun = s->sum;
    s->window = (struct qoe_rtp_pace){0};
    s->base_ns = s->least_ns;
    s->least_ns = s->transit_ns;
    return out;
}

void qoe_rtp_told(struct qoe_rtp *s)
{
    s->told = s->sum;
    s->since = (struct qoe_rtp_pace){0};
    s->mos_points = s->mos_weight = 0;
    s->mos_worst = 0;
    s->gap_us = 0;
}

void qoe_rtp_time_moved(struct qoe_rtp *s)
{
    s->at_ns = 0;
}
