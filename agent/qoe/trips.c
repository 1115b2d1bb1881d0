#include "agent/qoe/trips.h"

enum { LONGEST_US = 10 * 1000 * 1000 };

void qoe_trips_add(struct qoe_trips *t, uint32_t us)
{
    if (us == 0 || us > LONGEST_US) {
        return;
    }
    qoe_samples_add(&t->window, us);
    if (t->last_us != 0) {
        t->var_sum += us > t->last_us ? us - t->last_us : t->last_us - us;
        t->pairs++;
    }
    t->last_us = us;
    if (t->min_us == 0 || us < t->min_us) {
        t->min_us = us;
    }
}

struct qoe_rtt_window qoe_trips_close(struct qoe_trips *t, uint32_t least)
{
    struct qoe_rtt_window w = {.median_us = t->median_us};
    if (t->window.seen == 0 || t->window.seen < least) {
        return w;
    }
    w.fresh = true;
    w.samples = t->window.seen;
    w.median_us = t->median_us = qoe_samples_median(&t->window);
    if (t->pairs >= QOE_MIN_PAIRS) {
        w.var_known = true;
        w.var_us = (uint32_t)(t->var_sum / t->pairs);
    }
    t->span.median_sum += (uint64_t)w.median_us * w.samples;
    t->span.samples += w.samples;
    t->span.var_sum += t->var_sum;
    t->span.pairs += t->pairs;
    t->window = (struct qoe_samples){0};
    t->var_sum = 0;
    t->pairs = 0;
    return w;
}

void qoe_trips_told(struct qoe_trips *t)
{
    if (t->span.samples != 0) {
        t->before = t->span;
        t->span = (struct qoe_rtt_span){0};
    }
}

void qoe_trips_fill(const struct qoe_trips *t, bool news, struct flow_rtt *out)
{
    const struct qoe_rtt_span *s = news || t->span.samples != 0 ? &t->span : &t->before;
    *out = (struct flow_rtt){.min_us = t->min_us, .samples = s->samples};
    if (s->samples != 0) {
        out->median_us = (uint32_t)(s->median_sum / s->samples);
    }
    if (s->pairs >= QOE_MIN_PAIRS) {
        out->var_us = (uint32_t)(s->var_sum / s->pairs);
    }
}
