#include "agent/qoe/trips.h"

enum { LONGEST_US = 10 * 1000 * 1000 };

void qoe_trips_add(struct qoe_trips *t, uint32_t us)
{
    if (us == 0 || us > LONGEST_US) {
        return;
    }
    qoe_samples_add(&t->window, us);
    latencies_add(&t->sum.trips, us, 1);
    if (t->last_us != 0) {
        uint32_t by = us > t->last_us ? us - t->last_us : t->last_us - us;
        t->var_sum += by;
        t->pairs++;
        t->sum.var_sum += by;
        t->sum.pairs++;
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
    t->window = (struct qoe_samples){0};
    t->var_sum = 0;
    t->pairs = 0;
    return w;
}

static struct flow_rtt figures(const struct qoe_trips *t)
{
    const struct qoe_trips_sum *s = &t->sum;
    uint32_t median_us = latencies_median(&s->trips);
    bool coded = s->trips.total != 0 && median_us < t->min_us; /* a code loses up to 0.05 % */
    return (struct flow_rtt){
        .median_us = coded ? t->min_us : median_us,
        .min_us = t->min_us,
        .var_us = s->pairs >= QOE_MIN_PAIRS ? (uint32_t)(s->var_sum / s->pairs) : 0,
        .samples = s->trips.total,
    };
}

void qoe_trips_told(struct qoe_trips *t)
{
    if (t->sum.trips.total != 0) {
        t->before = figures(t);
        t->sum = (struct qoe_trips_sum){0};
    }
}

void qoe_trips_fill(const struct qoe_trips *t, bool news, unsigned side, struct flow_record *r)
{
    r->rtt[side] = news || t->sum.trips.total != 0 ? figures(t) : t->before;
    r->rtt[side].min_us = t->min_us;
    if (news) {
        r->trips[side] = t->sum.trips;
    } else {
        latencies_clear(&r->trips[side]);
    }
}
