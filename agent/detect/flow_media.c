/*
 * Calls and other RTP that go badly, judged by each record of a flow: at most a minute of it. Only
 * directions of which enough was seen (medium confidence). What a worse kind tells is not told by
 * the milder one as well.
 *
 * Sources of the limits: MOS 3.6 and 3.1 are the bands "some" and "many users dissatisfied" of
 * ITU-T G.107 annex B; 30 ms of jitter and 1 % of loss are what a receiver's buffer and concealment
 * hide.
 */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"

#include <stdbool.h>
#include <stdio.h>

enum {
    MOS_LOW = 3600, /* thousandths */
    MOS_BAD = 3100,
    JITTER_HIGH_US = 30000,
    LOSS_HIGH_PERCENT = 1,
    ONE_WAY_MS = 5000,
    GAP_MS = 2000,
};

static const char *const directions[] = {"client to server", "server to client"};

static void put(const struct record *record, uint16_t kind, unsigned dir, bool bad,
                const char *detail, const struct finding_sink *out)
{
    struct finding f = {
        .kind = kind,
        .action = bad ? FINDING_BAD : FINDING_GOOD,
        .entity = ENTITY_FLOW,
        .at_ns = record->at_ns,
        .flow = &record->flow,
    };
    (void)snprintf(f.entity_id, sizeof f.entity_id, "%llu",
                   (unsigned long long)record->flow.flow_id);
    (void)snprintf(f.key, sizeof f.key, "%s", dir == DIR_C2S ? "c2s" : "s2c");
    (void)snprintf(f.detail, sizeof f.detail, "%s; %s%s%s", detail, directions[dir],
                   record->flow.call_id[0] != '\0' ? "; call " : "", record->flow.call_id);
    finding_put(out, &f);
}

static void judge_mos(const struct record *record, unsigned dir, const struct finding_sink *out)
{
    char detail[120];
    const struct flow_media *m = &record->flow.media[dir];
    if (m->mos_worst == 0) {
        return;
    }
    bool bad = m->mos_worst < MOS_BAD;
    int limit = bad ? MOS_BAD : MOS_LOW;
    (void)snprintf(detail, sizeof detail, "MOS %u.%02u over ten seconds, at least %d.%d wanted; %s",
                   m->mos_worst / 1000u, m->mos_worst % 1000u / 10, limit / 1000,
                   limit % 1000 / 100, m->codec);
    put(record, ALERT_RTP_MOS_BAD, dir, bad, detail, out);
    put(record, ALERT_RTP_MOS_LOW, dir, !bad && m->mos_worst < MOS_LOW, detail, out);
}

static void judge_jitter(const struct record *record, unsigned dir, const struct finding_sink *out)
{
    char detail[120];
    const struct flow_media *m = &record->flow.media[dir];
    if (m->clock_hz == 0) {
        return;
    }
    (void)snprintf(detail, sizeof detail, "jitter %u.%u ms, at most %d ms wanted",
                   m->jitter_us / 1000, m->jitter_us % 1000 / 100, JITTER_HIGH_US / 1000);
    put(record, ALERT_RTP_JITTER_HIGH, dir, m->jitter_us > JITTER_HIGH_US, detail, out);
}

static void judge_loss(const struct record *record, unsigned dir, const struct finding_sink *out)
{
    char detail[120];
    const struct flow_media *m = &record->flow.media[dir];
    uint64_t all = (uint64_t)m->packets + m->lost;
    (void)snprintf(detail, sizeof detail, "%u of %llu RTP packets lost, at most %d %% wanted",
                   m->lost, (unsigned long long)all, LOSS_HIGH_PERCENT);
    put(record, ALERT_RTP_LOSS_HIGH, dir, (uint64_t)m->lost * 100 > all * LOSS_HIGH_PERCENT, detail,
        out);
}

/* Silence in a call that is up and not on hold; codecs that pause by themselves say so. */
static void judge_gap(const struct record *record, unsigned dir, const struct finding_sink *out)
{
    char detail[120];
    const struct flow_record *r = &record->flow;
    if (r->call_state != CALL_UP || r->call_held) {
        return;
    }
    (void)snprintf(detail, sizeof detail, "nothing came for %u.%u s, at most %d s wanted",
                   r->media[dir].gap_ms / 1000, r->media[dir].gap_ms % 1000 / 100, GAP_MS / 1000);
    put(record, ALERT_RTP_STREAM_GAP, dir, r->media[dir].gap_ms > GAP_MS, detail, out);
}

/* dir is the direction from which nothing comes. */
static void judge_one_way(const struct record *record, unsigned dir, const struct finding_sink *out)
{
    char detail[120];
    const struct flow_record *r = &record->flow;
    uint64_t age_ms = (r->last_ns - r->first_ns) / 1000000;
    if (r->call_state != CALL_UP || r->call_held || age_ms < ONE_WAY_MS) {
        return;
    }
    bool silent = r->media[dir].packets == 0 && r->media[1 - dir].packets != 0;
    (void)snprintf(detail, sizeof detail, "the call is up for %llu s and no speech comes",
                   (unsigned long long)(age_ms / 1000));
    put(record, ALERT_RTP_ONE_WAY_AUDIO, dir, silent, detail, out);
}

static void observe(void *state, const struct record *record, const struct finding_sink *out)
{
    (void)state; /* every record speaks for itself */
    const struct flow_record *r = &record->flow;
    bool rtp = r->media[DIR_C2S].streams != 0 || r->media[DIR_S2C].streams != 0;
    if (record->kind != RECORD_FLOW || !rtp) {
        return;
    }
    for (unsigned dir = 0; dir < 2; dir++) {
        judge_one_way(record, dir, out);
        if (r->quality[dir].confidence >= CONFIDENCE_MEDIUM) {
            judge_mos(record, dir, out);
            judge_jitter(record, dir, out);
            judge_loss(record, dir, out);
            judge_gap(record, dir, out);
        }
    }
}

static const uint16_t kinds[] = {
    ALERT_RTP_MOS_LOW,
    ALERT_RTP_MOS_BAD,
    ALERT_RTP_JITTER_HIGH,
    ALERT_RTP_LOSS_HIGH,
    ALERT_RTP_ONE_WAY_AUDIO,
    ALERT_RTP_STREAM_GAP,
    0,
};

const struct detector detector_flow_media = {
    .name = "flow_media",
    .kinds = kinds,
    .observe = observe,
};
