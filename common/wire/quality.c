#include "common/wire/quality.h"

#include <stddef.h>
#include <string.h>

/* The lowest scores of the labels: 30 is still Poor, 31 is Fair. */
enum { EXCELLENT_FROM = 80, GOOD_FROM = 60, FAIR_FROM = 31, SCORE_MAX = 100 };

static const char *const label_names[] = {
    [QUALITY_NONE] = "none", [QUALITY_POOR] = "poor",           [QUALITY_FAIR] = "fair",
    [QUALITY_GOOD] = "good", [QUALITY_EXCELLENT] = "excellent",
};

static const char *const metric_names[QUALITY_METRICS] = {
    [METRIC_NONE] = "none",
    [METRIC_RTT] = "rtt",
    [METRIC_RTT_VAR] = "rtt_var",
    [METRIC_LOSS] = "loss",
    [METRIC_OUT_OF_ORDER] = "out_of_order",
    [METRIC_ZERO_WINDOW] = "zero_window",
    [METRIC_DNS_ANSWER] = "dns_answer",
    [METRIC_DNS_FAILED] = "dns_failed",
    [METRIC_MOS] = "mos",
    [METRIC_RTP_JITTER] = "rtp_jitter",
    [METRIC_PACKET_LOSS] = "packet_loss",
};

static const char *const blame_names[] = {
    [BLAME_NONE] = "none",
    [BLAME_CLIENT_SIDE] = "client_side",
    [BLAME_SERVER_SIDE] = "server_side",
    [BLAME_BOTH_SIDES] = "both_sides",
    [BLAME_CLIENT_HOST] = "client_host",
    [BLAME_SERVER_HOST] = "server_host",
};

static const char *const confidence_names[] = {
    [CONFIDENCE_NONE] = "none",
    [CONFIDENCE_LOW] = "low",
    [CONFIDENCE_MEDIUM] = "medium",
    [CONFIDENCE_HIGH] = "high",
};

static const char *const unjudged_names[] = {
    [UNJUDGED_NONE] = "none",
    [UNJUDGED_LITTLE] = "too_little",
    [UNJUDGED_CAPTURE] = "capture_incomplete",
    [UNJUDGED_CLASS] = "class",
};

static const char *const class_names[QUALITY_CLASSES] = {
    [CLASS_NONE] = "none",
    [CLASS_WEB] = "web",
    [CLASS_INTERACTIVE] = "interactive",
    [CLASS_BULK] = "bulk",
    [CLASS_DNS] = "dns",
    [CLASS_VOICE] = "voice",
    [CLASS_VIDEO_CALL] = "video_call",
};

#define NAME_OF(names, number)                                                                     \
    ((size_t)(number) < sizeof(names) / sizeof(names)[0] ? (names)[number] : "unknown")

enum quality_label quality_label_of(unsigned score)
{
    if (score > SCORE_MAX) {
        return QUALITY_NONE;
    }
    if (score >= EXCELLENT_FROM) {
        return QUALITY_EXCELLENT;
    }
    if (score >= GOOD_FROM) {
        return QUALITY_GOOD;
    }
    return score >= FAIR_FROM ? QUALITY_FAIR : QUALITY_POOR;
}

const char *quality_label_name(enum quality_label label)
{
    return NAME_OF(label_names, label);
}

const char *quality_metric_name(enum quality_metric metric)
{
    return NAME_OF(metric_names, metric);
}

const char *quality_blame_name(enum quality_blame blame)
{
    return NAME_OF(blame_names, blame);
}

const char *quality_confidence_name(enum quality_confidence confidence)
{
    return NAME_OF(confidence_names, confidence);
}

const char *quality_class_name(enum quality_class class)
{
    return NAME_OF(class_names, class);
}

const char *quality_unjudged_name(enum quality_unjudged unjudged)
{
    return NAME_OF(unjudged_names, unjudged);
}

struct quality quality_without_score(enum quality_unjudged why)
{
    return (struct quality){
        .score = QUALITY_SCORE_NONE, .worst = QUALITY_SCORE_NONE, .unjudged = (uint8_t)why};
}

int quality_label_by_name(const char *name)
{
    for (int label = QUALITY_NONE; label <= QUALITY_EXCELLENT; label++) {
        if (strcmp(label_names[label], name) == 0) {
            return label;
        }
    }
    return -1;
}

unsigned quality_worse(unsigned a, unsigned b)
{
    return a < b ? a : b; /* QUALITY_SCORE_NONE is the highest */
}

bool quality_is_sound(const struct quality *q)
{
    bool judged = q->score <= SCORE_MAX && q->worst <= q->score && q->unjudged == UNJUDGED_NONE;
    bool none = q->score == QUALITY_SCORE_NONE && q->worst == QUALITY_SCORE_NONE &&
                q->unjudged <= UNJUDGED_CLASS;
    return (judged || none) && q->metric < QUALITY_METRICS && q->blame <= BLAME_SERVER_HOST &&
           q->confidence <= CONFIDENCE_HIGH;
}

void quality_label_range(enum quality_label label, int *low, int *high)
{
    static const int from[] = {
        [QUALITY_NONE] = -1,
        [QUALITY_POOR] = 0,
        [QUALITY_FAIR] = FAIR_FROM,
        [QUALITY_GOOD] = GOOD_FROM,
        [QUALITY_EXCELLENT] = EXCELLENT_FROM,
    };
    *low = from[label];
    *high = label == QUALITY_EXCELLENT ? SCORE_MAX : from[label + 1] - 1;
}
