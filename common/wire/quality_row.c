#include "common/wire/quality_row.h"

#include "common/wire/fields.h"

#include <netinet/in.h>
#include <stdio.h>

/* Sets a member, unless it is 0 and that means unknown. */
static void set(json_t *row, const char *key, uint64_t value)
{
    (void)json_object_set_new(row, key, json_integer((json_int_t)value)); /* no memory: fewer */
}

static void set_known(json_t *row, const char *key, uint64_t value)
{
    if (value != 0) {
        set(row, key, value);
    }
}

static void set_both(json_t *row, const char *name, uint64_t c2s, uint64_t s2c)
{
    char key[64];
    (void)snprintf(key, sizeof key, "%s_c2s", name); /* our own short names */
    set(row, key, c2s);
    (void)snprintf(key, sizeof key, "%s_s2c", name);
    set(row, key, s2c);
}

static json_t *verdict(const struct quality *q)
{
    enum quality_label label = quality_label_of(q->score);
    json_t *v = json_pack("{s:s, s:s}", "label", quality_label_name(label), "confidence",
                          quality_confidence_name((enum quality_confidence)q->confidence));
    if (label == QUALITY_NONE) {
        if (q->unjudged != UNJUDGED_NONE) {
            const char *why = quality_unjudged_name((enum quality_unjudged)q->unjudged);
            (void)json_object_set_new(v, "unjudged", json_string(why)); /* no memory: fewer */
        }
        return v;
    }
    set(v, "score", q->score);
    set(v, "worst", q->worst);
    if (q->metric != METRIC_NONE) {
        const char *reason = quality_metric_name((enum quality_metric)q->metric);
        const char *blame = quality_blame_name((enum quality_blame)q->blame);
        (void)json_object_set_new(v, "reason", json_string(reason)); /* no memory: fewer */
        (void)json_object_set_new(v, "blame", json_string(blame));
        set(v, "value", q->value);
        set(v, "of", q->of);
    }
    return v;
}

static void set_verdicts(json_t *row, const struct flow_record *r)
{
    unsigned worse = quality_worse(r->quality[DIR_C2S].score, r->quality[DIR_S2C].score);
    json_t *quality = json_pack("{s:s, s:i, s:o, s:o}", "class",
                                quality_class_name((enum quality_class)r->quality_class), "profile",
                                (int)r->quality_profile, "c2s", verdict(&r->quality[DIR_C2S]),
                                "s2c", verdict(&r->quality[DIR_S2C]));
    (void)json_object_set_new(row, "quality", quality); /* no memory: fewer */
    if (worse != QUALITY_SCORE_NONE) {
        set(row, "penalty", 100 - worse);
    }
}

static uint32_t first_known(uint32_t a, uint32_t b)
{
    return a != 0 ? a : b;
}

static void set_side(json_t *row, const char *side, const struct flow_rtt *rtt,
                     uint32_t handshake_us)
{
    const struct {
        const char *head, *tail;
        uint32_t value;
    } members[] = {
        {"rtt", "us", first_known(rtt->median_us, handshake_us)},
        {"rtt", "min_us", first_known(rtt->min_us, handshake_us)},
        {"rtt", "var_us", rtt->var_us},
        {"rtt", "samples", rtt->samples},
        {"handshake", "us", handshake_us},
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        char key[64]; /* of our own short names */
        (void)snprintf(key, sizeof key, "%s_%s_%s", members[i].head, side, members[i].tail);
        set_known(row, key, members[i].value);
    }
}

/* QUIC tells only round trips; of RTP they come from RTCP. */
static void set_sides(json_t *row, const struct flow_record *r)
{
    bool shaken = r->handshake_client_us != 0 || r->handshake_server_us != 0;
    bool alone = r->rtt[SIDE_CLIENT].samples + r->rtt[SIDE_SERVER].samples == 0;
    const char *by = flow_rtt_by_name(shaken && alone ? RTT_BY_HANDSHAKE : r->rtt_by);
    if (by != NULL) {
        (void)json_object_set_new(row, "rtt_by", json_string(by)); /* no memory: fewer */
    }
    set_side(row, "client", &r->rtt[SIDE_CLIENT], r->handshake_client_us);
    set_side(row, "server", &r->rtt[SIDE_SERVER], r->handshake_server_us);
}

static void set_tcp(json_t *row, const struct flow_record *r)
{
    const struct flow_segments *c2s = &r->segments[DIR_C2S];
    const struct flow_segments *s2c = &r->segments[DIR_S2C];
    set_both(row, "segments", c2s->data, s2c->data);
    set_both(row, "lost_before", c2s->lost_before, s2c->lost_before);
    set_both(row, "needless", c2s->needless, s2c->needless);
    set_both(row, "duplicated", c2s->duplicated, s2c->duplicated);
    set_both(row, "zero_window_ms", c2s->zero_window_ms, s2c->zero_window_ms);
    set_sides(row, r);
}

static void set_dns(json_t *row, const struct flow_dns *dns)
{
    set(row, "dns_questions", dns->questions);
    set(row, "dns_failed", dns->failed);
    set(row, "dns_unanswered", dns->unanswered);
    set_known(row, "dns_answer_us", dns->answer_us);
}

static json_t *media_of(const struct flow_media *m)
{
    json_t *row = json_object();
    set(row, "ssrc", m->ssrc);
    set(row, "payload_type", m->payload_type);
    if (m->codec[0] != '\0') {
        (void)json_object_set_new(row, "codec", json_string(m->codec)); /* no memory: fewer */
    }
    set_known(row, "clock_hz", m->clock_hz);
    set(row, "streams", m->streams);
    set(row, "packets", m->packets);
    set(row, "lost", m->lost);
    set(row, "duplicated", m->duplicated);
    set(row, "late", m->late);
    set(row, "discarded", m->discarded);
    set_known(row, "burst", m->burst);
    if (m->clock_hz != 0) {
        set(row, "jitter_us", m->jitter_us);
        set(row, "jitter_max_us", m->jitter_max_us);
    }
    set(row, "gap_ms", m->gap_ms);
    set_known(row, "mos", m->mos);
    set_known(row, "mos_worst", m->mos_worst);
    set_known(row, "mos_reported", m->mos_reported);
    return row;
}

static void set_media(json_t *row, const struct flow_record *r)
{
    static const char *const names[] = {"c2s", "s2c"};
    json_t *media = json_object();
    if (r->call_state != CALL_NONE) {
        enum flow_call_state state = (enum flow_call_state)r->call_state;
        /* No memory: fewer. */
        (void)json_object_set_new(media, "call_id", fields_string(r->call_id));
        (void)json_object_set_new(media, "call", json_string(flow_call_name(state)));
        (void)json_object_set_new(media, "held", json_boolean(r->call_held));
    }
    for (unsigned dir = 0; dir < 2; dir++) {
        if (r->media[dir].streams != 0) {
            (void)json_object_set_new(media, names[dir], media_of(&r->media[dir]));
        }
    }
    (void)json_object_set_new(row, "media", media);
}

json_t *quality_row(const struct flow_record *r)
{
    json_t *row = json_object();
    if (r->quality_class == CLASS_NONE) {
        return row;
    }
    set_verdicts(row, r);
    if (r->key.protocol == IPPROTO_TCP) {
        set_tcp(row, r);
    } else if (r->quality_class == CLASS_DNS) {
        set_dns(row, &r->dns);
    } else {
        set_sides(row, r);
    }
    if (r->media[DIR_C2S].streams != 0 || r->media[DIR_S2C].streams != 0) {
        set_media(row, r);
    }
    return row;
}

static size_t put_verdict(const struct quality *q, char *buf, size_t size)
{
    enum quality_label label = quality_label_of(q->score);
    int len = label == QUALITY_NONE
                  ? snprintf(buf, size, "-")
                  : snprintf(buf, size, "%s %u", quality_label_name(label), q->score);
    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

/* Why neither direction has a score: what is not plain to see. */
static const char *unjudged_text(const struct quality *q)
{
    bool capture = q[0].unjudged == UNJUDGED_CAPTURE || q[1].unjudged == UNJUDGED_CAPTURE;
    return capture ? "not judged: capture incomplete" : "";
}

void quality_text(const struct flow_record *r, char *buf, size_t size)
{
    const struct quality *q = r->quality;
    if (q[0].score == QUALITY_SCORE_NONE && q[1].score == QUALITY_SCORE_NONE) {
        (void)snprintf(buf, size, "%s", unjudged_text(q)); /* fits, or is cut */
        return;
    }
    buf[0] = '\0';
    size_t len = put_verdict(&q[DIR_C2S], buf, size);
    len += (size_t)snprintf(buf + len, size - len, " / ");
    (void)put_verdict(&q[DIR_S2C], buf + len, size - len);
}
