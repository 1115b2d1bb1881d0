#include "agent/qoe/score.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define QOE_MS(ms)           ((uint32_t)((ms)*1000))
#define QOE_MOS(mos)         ((uint32_t)((mos)*1000 + 0.5))
#define QOE_PERCENT(percent) ((uint32_t)((percent)*10000 + 0.5))

#define PPM 1000000ull

static const int knot_worth[QOE_KNOTS] = {10000, 8000, 6000, 3000, 0}; /* hundredths of a point */

struct row {
    uint32_t at[QOE_KNOTS];
};

#define QOE_ROW(class, metric, unit, v100, v80, v60, v30, v0)                                      \
    [class][metric] = {{unit(v100), unit(v80), unit(v60), unit(v30), unit(v0)}},
static const struct row profile[QUALITY_CLASSES][QUALITY_METRICS] = {
#include "agent/qoe/profile.def"
};
#undef QOE_ROW

uint32_t qoe_knot(enum quality_class class, enum quality_metric metric, unsigned knot)
{
    return profile[class][metric].at[knot];
}

/* Of MOS more is better: its row runs downwards. */
static bool is_worse(const uint32_t *at, uint32_t value, unsigned knot)
{
    return at[0] > at[QOE_KNOTS - 1] ? value < at[knot] : value > at[knot];
}

int qoe_worth(enum quality_class class, enum quality_metric metric, uint32_t value)
{
    const uint32_t *at = profile[class][metric].at;
    if (at[QOE_KNOTS - 1] == 0) {
        return -1;
    }
    unsigned i = 0;
    while (i < QOE_KNOTS && is_worse(at, value, i)) {
        i++;
    }
    if (i == 0 || i == QOE_KNOTS) {
        return i == 0 ? knot_worth[0] : 0;
    }
    int64_t drop = knot_worth[i - 1] - knot_worth[i];
    int64_t way = (int64_t)value - at[i - 1];
    return knot_worth[i - 1] - (int)(drop * way / ((int64_t)at[i] - at[i - 1]));
}

void qoe_measure_time(struct qoe_measures *m, enum quality_metric metric, uint32_t us)
{
    m->value[metric] = us;
    m->of[metric] = 0;
    m->known |= 1u << metric;
}

void qoe_measure_share(struct qoe_measures *m, enum quality_metric metric, uint32_t events,
                       uint32_t of)
{
    m->value[metric] = events;
    m->of[metric] = of;
    m->known |= 1u << metric;
}

struct qoe_verdict qoe_judge(enum quality_class class, const struct qoe_measures *m)
{
    int lowest = knot_worth[0];
    struct qoe_verdict v = {.score = QUALITY_SCORE_NONE, .metric = METRIC_NONE};
    bool judged = false;
    for (unsigned metric = METRIC_RTT; metric < QUALITY_METRICS; metric++) {
        if ((m->known >> metric & 1) == 0) {
            continue;
        }
        uint64_t value = m->value[metric];
        if (m->of[metric] != 0) {
            value = value * PPM / m->of[metric];
        }
        uint32_t clamped = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
        int worth = qoe_worth(class, (enum quality_metric)metric, clamped);
        judged = judged || worth >= 0;
        if (worth >= 0 && worth < lowest) {
            lowest = worth;
            v.metric = (uint8_t)metric;
        }
    }
    if (judged) {
        v.score = (uint8_t)((lowest + 50) / 100);
    }
    return v;
}

enum quality_confidence qoe_confidence(enum quality_metric decided, uint32_t segments,
                                       uint32_t samples)
{
    bool by_time = decided == METRIC_RTT || decided == METRIC_RTT_VAR || decided == METRIC_NONE;
    bool by_share = !by_time || decided == METRIC_NONE; /* 100 points speak of both */
    if (segments < 20 && samples < 3) {
        return CONFIDENCE_NONE;
    }
    if ((by_time && samples < 5) || (by_share && segments < 50)) {
        return CONFIDENCE_LOW;
    }
    return segments >= 200 && samples >= 10 ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

static bool is_one_of(const char *word, const char *const *list)
{
    while (*list != NULL && strcmp(*list, word) != 0) {
        list++;
    }
    return *list != NULL;
}

enum quality_class qoe_class_of(const char *category, const char *protocol)
{
    static const char *const interactive[] = {"RemoteAccess", "Game", "VoIP", "Chat", NULL};
    static const char *const bulk[] = {"Download",       "FileSharing", "DataTransfer",
                                       "SoftwareUpdate", "Streaming",   "Video",
                                       "Music",          "Media",       NULL};
    static const char *const bulk_protocols[] = {"SMBv1", "SMBv23", NULL}; /* "System" to nDPI */
    if (is_one_of(category, interactive)) {
        return CLASS_INTERACTIVE;
    }
    bool is_bulk = is_one_of(category, bulk) || is_one_of(protocol, bulk_protocols);
    return is_bulk ? CLASS_BULK : CLASS_WEB;
}
