/* What two records of one flow say of its quality together. */
#include "common/wire/flows.h"

/* The mean of two, weighted; what is 0 or none on one side is the other's. */
static uint32_t mean(uint32_t a, uint32_t a_weight, uint32_t b, uint32_t b_weight)
{
    uint64_t weight = (uint64_t)a_weight + b_weight;
    return weight == 0 ? b : (uint32_t)(((uint64_t)a * a_weight + (uint64_t)b * b_weight) / weight);
}

static void verdict_add(const struct quality *a, uint32_t a_segments, struct quality *b,
                        uint32_t b_segments)
{
    if (a->score == QUALITY_SCORE_NONE) {
        bool tells = b->score == QUALITY_SCORE_NONE && a->unjudged > b->unjudged;
        b->unjudged = tells ? a->unjudged : b->unjudged;
        return;
    }
    struct quality sum = *b;
    if (b->score == QUALITY_SCORE_NONE || a->worst < b->worst) {
        sum = *a; /* with its reason */
    }
    if (b->score != QUALITY_SCORE_NONE) {
        sum.score = (uint8_t)mean(a->score, a_segments, b->score, b_segments);
        sum.confidence = a->confidence > b->confidence ? a->confidence : b->confidence;
    }
    *b = sum;
}

static uint16_t worse_mos(uint16_t a, uint16_t b)
{
    return a != 0 && (b == 0 || a < b) ? a : b;
}

static void media_add(const struct flow_media *a, struct flow_media *b)
{
    if (b->streams == 0) {
        *b = *a;
        return;
    }
    b->jitter_us = mean(a->jitter_us, a->packets, b->jitter_us, b->packets);
    b->burst = (uint16_t)mean(a->burst, a->lost, b->burst, b->lost);
    b->mos =
        (uint16_t)mean(a->mos, a->mos == 0 ? 0 : a->packets, b->mos, b->mos == 0 ? 0 : b->packets);
    b->mos_worst = worse_mos(a->mos_worst, b->mos_worst);
    b->packets += a->packets;
    b->lost += a->lost;
    b->duplicated += a->duplicated;
    b->late += a->late;
    b->discarded += a->discarded;
    b->jitter_max_us = a->jitter_max_us > b->jitter_max_us ? a->jitter_max_us : b->jitter_max_us;
    b->gap_ms = a->gap_ms > b->gap_ms ? a->gap_ms : b->gap_ms;
}

/* What the record says of a side's trips; without all of them, each counts as their median. */
static struct latencies trips_of(const struct flow_record *r, int side)
{
    struct latencies trips = r->trips[side];
    if (trips.total == 0) {
        latencies_add(&trips, r->rtt[side].median_us, r->rtt[side].samples);
    }
    return trips;
}

static void trips_add(const struct flow_record *earlier, struct flow_record *later, int side)
{
    const struct flow_rtt *a = &earlier->rtt[side];
    struct flow_rtt *b = &later->rtt[side];
    struct latencies trips = trips_of(earlier, side);
    struct latencies newer = trips_of(later, side);
    latencies_merge(&trips, &newer);
    later->trips[side] = trips;
    uint32_t median_us = latencies_median(&trips);
    b->median_us = trips.total != 0 && median_us < b->min_us ? b->min_us : median_us;
    b->var_us = mean(a->var_us, a->samples, b->var_us, b->samples);
    b->samples += a->samples;
}

void flow_record_add_quality(const struct flow_record *earlier, struct flow_record *later)
{
    for (int i = 0; i < 2; i++) {
        const struct flow_segments *s = &earlier->segments[i];
        struct flow_segments *sum = &later->segments[i];
        verdict_add(&earlier->quality[i], s->data + earlier->media[i].packets, &later->quality[i],
                    sum->data + later->media[i].packets);
        media_add(&earlier->media[i], &later->media[i]);
        sum->data += s->data;
        sum->lost_before += s->lost_before;
        sum->needless += s->needless;
        sum->duplicated += s->duplicated;
        sum->zero_window_ms += s->zero_window_ms;
        trips_add(earlier, later, i);
    }
    later->rtt_by = earlier->rtt_by > later->rtt_by ? earlier->rtt_by : later->rtt_by;
    const struct flow_dns *dns = &earlier->dns;
    later->dns.answer_us =
        mean(dns->answer_us, dns->questions, later->dns.answer_us, later->dns.questions);
    later->dns.questions += dns->questions;
    later->dns.failed += dns->failed;
    later->dns.unanswered += dns->unanswered;
}
