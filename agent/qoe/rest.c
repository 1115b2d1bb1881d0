#include "agent/qoe/rest.h"

#include <string.h>

/* Nobody reads what lies beyond the count of a ring; as zeros it takes no room. */
static void tidy_rtt(struct qoe_rtt *r)
{
    memset(r->edge + r->edges, 0, (QOE_EDGES - r->edges) * sizeof *r->edge);
    memset(r->stamp + r->stamps, 0, (QOE_STAMPS - r->stamps) * sizeof *r->stamp);
    struct qoe_samples *s = &r->trips.window;
    memset(s->code + s->used, 0, (QOE_SAMPLES - s->used) * sizeof *s->code);
}

static void tidy_loss(struct qoe_loss *l)
{
    memset(l->hole + l->holes, 0, (QOE_HOLES - l->holes) * sizeof *l->hole);
}

size_t qoe_tcp_rest(struct qoe_tcp *q, uint8_t *out)
{
    for (unsigned i = 0; i < 2; i++) {
        tidy_rtt(&q->rtt[i]);
        tidy_loss(&q->loss[i]);
    }
    return squeeze(q, sizeof *q, out);
}

void qoe_tcp_wake(struct qoe_tcp *q, const uint8_t *in)
{
    unsqueeze(in, q, sizeof *q);
}
