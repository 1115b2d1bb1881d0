#include "agent/qoe/span.h"

void qoe_span_add(struct qoe_span *s, const struct qoe_window *w)
{
    struct qoe_verdict v = qoe_judge(w->class, &w->measures);
    if (v.score == QUALITY_SCORE_NONE) {
        return;
    }
    bool first = s->weight == 0;
    uint32_t weight = w->segments == 0 ? 1 : w->segments;
    s->points += (uint64_t)v.score * weight;
    s->weight += weight;
    s->segments += w->segments;
    s->samples += w->samples;
    if (first || v.score < s->worst.score) {
        s->worst = v;
        s->blame = v.metric == METRIC_NONE ? BLAME_NONE : (uint8_t)w->blame;
        s->value = w->measures.value[v.metric];
        s->of = w->measures.of[v.metric];
    }
}

void qoe_span_withhold(struct qoe_span *s, uint32_t segments, uint32_t samples)
{
    bool enough = qoe_confidence(METRIC_NONE, segments, samples) != CONFIDENCE_NONE;
    s->hidden = s->hidden || enough;
}

struct quality qoe_span_sum(const struct qoe_span *s)
{
    enum quality_confidence confidence =
        qoe_confidence((enum quality_metric)s->worst.metric, s->segments, s->samples);
    if (s->weight == 0 || confidence == CONFIDENCE_NONE) {
        return quality_without_score(s->hidden ? UNJUDGED_CAPTURE : UNJUDGED_LITTLE);
    }
    return (struct quality){
        .score = (uint8_t)((s->points + s->weight / 2) / s->weight),
        .worst = s->worst.score,
        .metric = s->worst.metric,
        .blame = s->blame,
        .confidence = (uint8_t)confidence,
        .value = s->value,
        .of = s->of,
    };
}
