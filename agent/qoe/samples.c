#include "agent/qoe/samples.h"

#include "common/latency.h"

enum { STRIDE_MAX = 31 };

static void thin_out(struct qoe_samples *s)
{
    for (unsigned i = 0; i < QOE_SAMPLES / 2; i++) {
        s->code[i] = s->code[2 * i];
    }
    s->used = QOE_SAMPLES / 2;
    s->stride++;
}

void qoe_samples_add(struct qoe_samples *s, uint32_t us)
{
    uint32_t number = s->seen++;
    if ((number & ((1u << s->stride) - 1)) != 0) {
        return;
    }
    if (s->used == QOE_SAMPLES && s->stride < STRIDE_MAX) {
        thin_out(s); /* the number is a multiple of the new stride as well: the room is even */
    }
    s->code[s->used++] = latency_code(us);
}

uint32_t qoe_samples_median(const struct qoe_samples *s)
{
    uint16_t sorted[QOE_SAMPLES];
    if (s->used == 0) {
        return 0;
    }
    for (unsigned i = 0; i < s->used; i++) {
        unsigned at = i;
        for (; at > 0 && sorted[at - 1] > s->code[i]; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = s->code[i];
    }
    return latency_us(sorted[(s->used - 1) / 2]);
}
