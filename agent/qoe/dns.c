/*
 * A question is told from an answer by the QR bit, and they belong together by their id (RFC 1035
 * section 4.1.1). Time counts from the first asking: that is what a person waits for when a
 * resolver asks again. Four questions wait at a time; of more, only the number is kept.
 */
#include "agent/qoe/dns.h"

#include "common/reader.h"

enum { HEADER_LEN = 12, FLAG_ANSWER = 0x8000, RCODE_MASK = 0x000f, TIMEOUT_US = 5000000 };
enum { RCODE_NOERROR = 0, RCODE_NXDOMAIN = 3 };

static uint32_t us_of(uint64_t ns)
{
    return (uint32_t)(ns / 1000);
}

static struct qoe_question *find(struct qoe_dns *q, uint16_t id)
{
    for (unsigned i = 0; i < QOE_DNS_OPEN; i++) {
        if (q->open[i].used && q->open[i].id == id) {
            return &q->open[i];
        }
    }
    return NULL;
}

static void note_question(struct qoe_dns *q, uint16_t id, uint32_t now_us)
{
    if (find(q, id) != NULL) {
        return; /* asked again */
    }
    q->sum.questions++;
    for (unsigned i = 0; i < QOE_DNS_OPEN; i++) {
        if (!q->open[i].used) {
            q->open[i] = (struct qoe_question){.at_us = now_us, .id = id, .used = true};
            return;
        }
    }
}

static void note_answer(struct qoe_dns *q, uint16_t id, unsigned rcode, uint32_t now_us)
{
    struct qoe_question *question = find(q, id);
    if (question == NULL) {
        return;
    }
    uint32_t us = now_us - question->at_us;
    question->used = false;
    if ((int32_t)us < 0) {
        return; /* the clock stepped back in between */
    }
    qoe_samples_add(&q->sum.answers, us == 0 ? 1 : us);
    if (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN) {
        q->sum.failed++;
    }
}

static void give_up(struct qoe_dns *q, uint32_t now_us, bool over)
{
    for (unsigned i = 0; i < QOE_DNS_OPEN; i++) {
        int32_t age_us = (int32_t)(now_us - q->open[i].at_us);
        if (q->open[i].used && (over || age_us >= TIMEOUT_US)) {
            q->open[i].used = false;
            q->sum.unanswered++;
        }
    }
}

void qoe_dns_note(struct qoe_dns *q, const struct packet *p)
{
    struct reader r = reader_of(p->payload, p->payload_len);
    uint16_t id = reader_be16(&r);
    unsigned flags = reader_be16(&r);
    reader_skip(&r, HEADER_LEN - 4);
    if (r.bad) {
        return;
    }
    uint32_t now_us = us_of(p->time_ns);
    if ((flags & FLAG_ANSWER) != 0) {
        note_answer(q, id, flags & RCODE_MASK, now_us);
        return;
    }
    give_up(q, now_us, false);
    note_question(q, id, now_us);
}

void qoe_dns_close(struct qoe_dns *q, uint64_t now_ns, bool over)
{
    give_up(q, us_of(now_ns), over);
}

static bool tells_something(const struct qoe_dns_sum *sum)
{
    return sum->answers.seen > 0 || sum->unanswered > 0;
}

void qoe_dns_told(struct qoe_dns *q)
{
    if (tells_something(&q->sum)) {
        q->before = q->sum;
    }
    q->sum = (struct qoe_dns_sum){0};
}

void qoe_dns_time_moved(struct qoe_dns *q)
{
    for (unsigned i = 0; i < QOE_DNS_OPEN; i++) {
        q->open[i].used = false;
    }
}

const struct qoe_dns_sum *qoe_dns_figures(const struct qoe_dns *q, enum qoe_reach reach)
{
    return reach == QOE_NEWS || tells_something(&q->sum) ? &q->sum : &q->before;
}

static uint8_t confidence_of(uint32_t outcomes)
{
    if (outcomes < 5) {
        return CONFIDENCE_LOW;
    }
    return outcomes < 10 ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH;
}

struct quality qoe_dns_judge(const struct qoe_dns_sum *sum)
{
    uint32_t outcomes = sum->answers.seen + sum->unanswered;
    if (outcomes == 0) {
        return quality_without_score(UNJUDGED_LITTLE);
    }
    struct qoe_measures m = {0};
    if (sum->answers.seen > 0) {
        qoe_measure_time(&m, METRIC_DNS_ANSWER, qoe_samples_median(&sum->answers));
    }
    qoe_measure_share(&m, METRIC_DNS_FAILED, sum->failed + sum->unanswered, outcomes);
    struct qoe_verdict v = qoe_judge(CLASS_DNS, &m);
    return (struct quality){
        .score = v.score,
        .worst = v.score,
        .metric = v.metric,
        .confidence = confidence_of(outcomes),
        .value = m.value[v.metric],
        .of = m.of[v.metric],
    };
}
