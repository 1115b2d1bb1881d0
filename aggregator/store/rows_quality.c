#include "aggregator/store/rows_quality.h"

#include <netinet/in.h>
#include <string.h>

enum {
    VERDICT_COLUMNS = 16,
    SEGMENT_COLUMNS = 10,
    SIDE_COLUMNS = 8,
    DNS_COLUMNS = 4,
    UNJUDGED_COLUMNS = 2,
    TRIPS_COLUMNS = 3,
    BIN_BYTES = 6,
};

_Static_assert((int)VERDICT_COLUMNS + (int)SEGMENT_COLUMNS + (int)SIDE_COLUMNS + (int)DNS_COLUMNS +
                       (int)UNJUDGED_COLUMNS + (int)TRIPS_COLUMNS ==
                   (int)ROWS_QUALITY_COLUMNS,
               "every column is filled");

static void nulls(struct copy *c, int count)
{
    for (int i = 0; i < count; i++) {
        copy_null(c);
    }
}

/* Columns are signed; nothing that a minute can hold comes near their end. */
static void number(struct copy *c, uint32_t value)
{
    copy_i32(c, value > INT32_MAX ? INT32_MAX : (int32_t)value);
}

static void number_or_null(struct copy *c, uint32_t value)
{
    if (value == 0) {
        copy_null(c);
    } else {
        number(c, value);
    }
}

static void score_or_null(struct copy *c, uint8_t score)
{
    if (score == QUALITY_SCORE_NONE) {
        copy_null(c);
    } else {
        copy_i16(c, score);
    }
}

static void verdicts(struct copy *c, const struct flow_record *r)
{
    const struct quality *c2s = &r->quality[DIR_C2S];
    const struct quality *s2c = &r->quality[DIR_S2C];
    copy_i16(c, r->quality_class);
    copy_i16(c, r->quality_profile);
    score_or_null(c, c2s->score);
    score_or_null(c, s2c->score);
    score_or_null(c, c2s->worst);
    score_or_null(c, s2c->worst);
    copy_i16(c, c2s->metric);
    copy_i16(c, s2c->metric);
    number(c, c2s->value);
    number(c, s2c->value);
    number(c, c2s->of);
    number(c, s2c->of);
    copy_i16(c, c2s->blame);
    copy_i16(c, s2c->blame);
    copy_i16(c, c2s->confidence);
    copy_i16(c, s2c->confidence);
}

static void segments(struct copy *c, const struct flow_record *r)
{
    const struct flow_segments *c2s = &r->segments[DIR_C2S];
    const struct flow_segments *s2c = &r->segments[DIR_S2C];
    number(c, c2s->data);
    number(c, s2c->data);
    number(c, c2s->lost_before);
    number(c, s2c->lost_before);
    number(c, c2s->needless);
    number(c, s2c->needless);
    number(c, c2s->duplicated);
    number(c, s2c->duplicated);
    number(c, c2s->zero_window_ms);
    number(c, s2c->zero_window_ms);
}

/* Of TCP, of QUIC, and of RTP that RTCP tells of; DNS has none. */
static void sides(struct copy *c, const struct flow_record *r)
{
    for (int side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        number_or_null(c, r->rtt[side].median_us);
        number_or_null(c, r->rtt[side].min_us);
        number_or_null(c, r->rtt[side].var_us);
        number_or_null(c, r->rtt[side].samples);
    }
}

static void dns(struct copy *c, const struct flow_dns *dns_sum)
{
    number(c, dns_sum->questions);
    number(c, dns_sum->failed);
    number(c, dns_sum->unanswered);
    number_or_null(c, dns_sum->answer_us);
}

static void unjudged(struct copy *c, const struct flow_record *r)
{
    copy_i16(c, r->quality[DIR_C2S].unjudged);
    copy_i16(c, r->quality[DIR_S2C].unjudged);
}

/* As trips_median of migration 0015 reads them. */
static void trips(struct copy *c, const struct latencies *l)
{
    uint8_t bytes[LATENCY_BINS * BIN_BYTES];
    uint8_t *at = bytes;
    if (l->used == 0) {
        copy_null(c);
        return;
    }
    for (unsigned i = 0; i < l->used; i++) {
        uint16_t code = htons(l->code[i]);
        uint32_t count = htonl(l->count[i]);
        memcpy(at, &code, sizeof code);
        memcpy(at + sizeof code, &count, sizeof count);
        at += BIN_BYTES;
    }
    copy_bytes(c, bytes, (size_t)(at - bytes));
}

void rows_quality_copy(struct copy *c, const struct flow_record *r)
{
    if (r->quality_class == CLASS_NONE) {
        nulls(c, ROWS_QUALITY_COLUMNS);
        return;
    }
    verdicts(c, r);
    if (r->key.protocol == IPPROTO_TCP) {
        segments(c, r);
    } else {
        nulls(c, SEGMENT_COLUMNS);
    }
    sides(c, r);
    if (r->quality_class == CLASS_DNS) {
        dns(c, &r->dns);
    } else {
        nulls(c, DNS_COLUMNS);
    }
    unjudged(c, r);
    trips(c, &r->trips[SIDE_CLIENT]);
    trips(c, &r->trips[SIDE_SERVER]);
    if (r->rtt_by == RTT_BY_NONE) {
        copy_null(c);
    } else {
        copy_i16(c, r->rtt_by);
    }
}
