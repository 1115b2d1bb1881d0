/*
 * From the fields of a record to a flow in our units: times in UTC by our clock, counts scaled by
 * the sampling rate, and how the flow ended where the exporter does not tell.
 */
#include "agent/collect/inner.h"

#include <string.h>

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_ICMPV6 = 58, FLAG_FIN = 1, FLAG_RST = 4 };

#define NS_OF_US    1000ull
#define NS_OF_MS    1000000ull
#define NS_OF_S     1000000000ull
#define NTP_EPOCH_S 2208988800ull /* 1900 to 1970 */
/* An exporter whose clock differs by more has its times moved to ours. */
#define SKEW_NS (5 * NS_OF_S)
/* Flows that ended longer ago are dated by their arrival: the exporter's times mean nothing. */
#define OLDEST_NS (3600 * NS_OF_S)
/* Idle flows are told 10 s or more after their last packet, pieces of living ones at once. */
#define IDLE_NS  (5 * NS_OF_S)
#define RATE_MAX 1000000u /* more is a misreading: nobody samples one in a million */

static uint64_t ntp_ns(uint64_t ntp)
{
    uint64_t s = ntp >> 32;
    uint64_t fraction = ntp & UINT32_MAX;
    return s < NTP_EPOCH_S ? 0 : (s - NTP_EPOCH_S) * NS_OF_S + (fraction * NS_OF_S >> 32);
}

/* A time given in ms since boot, which wraps after 49 days. */
static uint64_t uptime_ns(const struct message *m, const struct fields *f, enum field field)
{
    uint64_t boot_ns = m->boot_ns != 0 ? m->boot_ns : m->stream->boot_ns;
    boot_ns = fields_have(f, FIELD_BOOT_MS) ? f->number[FIELD_BOOT_MS] * NS_OF_MS : boot_ns;
    if (boot_ns == 0 || boot_ns > m->export_ns) {
        return 0;
    }
    uint32_t now_ms = (uint32_t)((m->export_ns - boot_ns) / NS_OF_MS);
    int32_t ago_ms = (int32_t)(now_ms - (uint32_t)f->number[field]);
    return m->export_ns - (uint64_t)((int64_t)ago_ms * (int64_t)NS_OF_MS);
}

/* Seconds, ms and so on stand in this order for the first packet, each one before the last's. */
static uint64_t time_of(const struct message *m, const struct fields *f, bool last)
{
    unsigned next = last ? 1 : 0;
    if (fields_have(f, FIELD_FIRST_NTP + next)) {
        return ntp_ns(f->number[FIELD_FIRST_NTP + next]);
    }
    if (fields_have(f, FIELD_FIRST_MS + next)) {
        return f->number[FIELD_FIRST_MS + next] * NS_OF_MS;
    }
    if (fields_have(f, FIELD_FIRST_DELTA_US + next)) {
        return m->export_ns - f->number[FIELD_FIRST_DELTA_US + next] * NS_OF_US;
    }
    if (fields_have(f, FIELD_FIRST_UPTIME + next)) {
        return uptime_ns(m, f, FIELD_FIRST_UPTIME + next);
    }
    return fields_number(f, FIELD_FIRST_S + next) * NS_OF_S;
}

static uint64_t duration_of(const struct fields *f)
{
    if (fields_have(f, FIELD_DURATION_US)) {
        return f->number[FIELD_DURATION_US] * NS_OF_US;
    }
    return fields_number(f, FIELD_DURATION_MS) * NS_OF_MS;
}

/* Moves the exporter's time to our clock. */
static uint64_t our_time(const struct message *m, uint64_t their_ns)
{
    int64_t skew_ns = (int64_t)(m->export_ns - m->now_ns);
    bool differs = skew_ns > (int64_t)SKEW_NS || skew_ns < -(int64_t)SKEW_NS;
    return differs ? their_ns - (uint64_t)skew_ns : their_ns;
}

static void set_times(const struct message *m, const struct fields *f, struct collected *flow)
{
    uint64_t first = time_of(m, f, false);
    uint64_t last = time_of(m, f, true);
    uint64_t duration = duration_of(f);
    if (last == 0) {
        last = first == 0 ? m->export_ns : first + duration;
    }
    if (first == 0 || first > last) {
        first = last > duration ? last - duration : last;
    }
    uint64_t length = last - first;
    last = our_time(m, last);
    if (last > m->now_ns || m->now_ns - last > OLDEST_NS) {
        last = m->now_ns;
    }
    flow->last_ns = last;
    flow->first_ns = length < last ? last - length : last;
}

static uint32_t rate_of(const struct fields *f)
{
    uint64_t rate = fields_number(f, FIELD_SAMPLE_INTERVAL);
    uint64_t packets = fields_number(f, FIELD_SAMPLE_PACKETS);
    uint64_t size = fields_number(f, FIELD_SAMPLE_SIZE);
    if (packets > 0) {
        uint64_t space = fields_number(f, FIELD_SAMPLE_SPACE);
        /*
         * Without a space it is an interval (RFC 5477, section 8.2.2 wants both, exporters that
         * come from NetFlow tell the period alone).
         */
        rate = fields_have(f, FIELD_SAMPLE_SPACE) && space < RATE_MAX ? (packets + space) / packets
                                                                      : packets;
    } else if (size > 0) {
        rate = fields_number(f, FIELD_SAMPLE_POPULATION) / size;
    }
    return rate > RATE_MAX ? 0 : (uint32_t)rate;
}

static uint32_t announced_rate(const struct message *m, uint64_t id)
{
    for (unsigned i = 0; i < SAMPLERS; i++) {
        const struct sampler *s = &m->exporter->samplers[i];
        if (s->stream == m->stream->serial && s->id == id) {
            return s->rate;
        }
    }
    return 0;
}

/* The operator's word, then the record's, its sampler's, the stream's, the header's. */
static uint32_t sampling_of(const struct message *m, const struct fields *f)
{
    uint64_t sampler = fields_number(f, FIELD_SAMPLER);
    uint32_t rate = m->from->sampling;
    rate = rate != 0 ? rate : rate_of(f);
    rate = rate == 0 && sampler != 0 ? announced_rate(m, sampler) : rate;
    rate = rate != 0 ? rate : announced_rate(m, 0);
    rate = rate != 0 ? rate : m->header_rate;
    return rate == 0 ? 1 : rate;
}

/* Counts beyond what a record can carry are no counts. */
static uint64_t scaled(uint64_t count, uint32_t rate)
{
    uint64_t product = 0;
    bool overflows = __builtin_mul_overflow(count, (uint64_t)rate, &product);
    return overflows || product > INT64_MAX ? 0 : product;
}

static uint64_t first_of(const struct fields *f, enum field a, enum field b)
{
    return fields_have(f, a) ? f->number[a] : fields_number(f, b);
}

static void set_counts(const struct fields *f, struct collected *flow)
{
    bool deltas = fields_have(f, FIELD_OCTETS) || fields_have(f, FIELD_OCTETS_OUT) ||
                  fields_have(f, FIELD_PACKETS) || fields_have(f, FIELD_PACKETS_OUT);
    flow->totals = !deltas;
    uint64_t bytes[2] = {first_of(f, FIELD_OCTETS, FIELD_OCTETS_OUT),
                         fields_number(f, FIELD_REVERSE_OCTETS)};
    uint64_t packets[2] = {first_of(f, FIELD_PACKETS, FIELD_PACKETS_OUT),
                           fields_number(f, FIELD_REVERSE_PACKETS)};
    if (flow->totals) {
        bytes[0] = fields_number(f, FIELD_OCTETS_TOTAL);
        bytes[1] = fields_number(f, FIELD_REVERSE_OCTETS_TOTAL);
        packets[0] = fields_number(f, FIELD_PACKETS_TOTAL);
        packets[1] = fields_number(f, FIELD_REVERSE_PACKETS_TOTAL);
    }
    for (unsigned dir = 0; dir < 2; dir++) {
        flow->bytes[dir] = scaled(bytes[dir], flow->sampling);
        flow->packets[dir] = scaled(packets[dir], flow->sampling);
    }
}

/* As in agent/decode/icmp.c, a flow of ICMP has its type and code for ports. */
static void set_ports(const struct fields *f, struct collected *flow)
{
    flow->src_port = (uint16_t)fields_number(f, FIELD_SRC_PORT);
    flow->dst_port = (uint16_t)fields_number(f, FIELD_DST_PORT);
    if (flow->protocol != PROTO_ICMP && flow->protocol != PROTO_ICMPV6) {
        return;
    }
    uint64_t both = fields_number(f, FIELD_ICMP_TYPE_CODE);
    if (fields_have(f, FIELD_ICMP_TYPE)) {
        both = f->number[FIELD_ICMP_TYPE] << 8 | (fields_number(f, FIELD_ICMP_CODE) & 0xff);
    } else if (!fields_have(f, FIELD_ICMP_TYPE_CODE)) {
        both = flow->dst_port;
    }
    flow->src_port = (uint16_t)(both >> 8 & 0xff);
    flow->dst_port = (uint16_t)(both & 0xff);
}

static uint8_t end_of(const struct message *m, const struct fields *f, const struct collected *flow)
{
    uint64_t reason = fields_number(f, FIELD_END_REASON);
    unsigned flags = flow->tcp_flags[0] | flow->tcp_flags[1];
    if (reason >= COLLECT_END_IDLE && reason <= COLLECT_END_ROOM) {
        return (uint8_t)reason;
    }
    if (flow->protocol == PROTO_TCP && (flags & (FLAG_FIN | FLAG_RST)) != 0) {
        return COLLECT_END_SEEN;
    }
    uint64_t told_ns = our_time(m, m->export_ns);
    return told_ns > flow->last_ns + IDLE_NS ? COLLECT_END_IDLE : COLLECT_END_ACTIVE;
}

static void set_flags(const struct fields *f, struct collected *flow)
{
    flow->flags_told = fields_have(f, FIELD_TCP_FLAGS);
    flow->tcp_flags[0] = (uint8_t)fields_number(f, FIELD_TCP_FLAGS);
    flow->tcp_flags[1] = (uint8_t)fields_number(f, FIELD_REVERSE_TCP_FLAGS);
}

void record_take(struct message *m, const struct fields *f)
{
    m->records++;
    m->flows++;
    if (f->src_family == 0 || f->src_family != f->dst_family) {
        return; /* events, counters, layer 2: nothing that is a flow of ours */
    }
    struct collected flow = {
        .exporter = m->exporter->view.number,
        .family = f->src_family,
        .protocol = (uint8_t)fields_number(f, FIELD_PROTOCOL),
        .src = f->src,
        .dst = f->dst,
        .vlan = (uint16_t)(fields_number(f, FIELD_VLAN) & 0xfff),
        .src_mac = f->src_mac,
        .dst_mac = f->dst_mac,
        .input_if = (uint32_t)fields_number(f, FIELD_INPUT_IF),
        .output_if = (uint32_t)fields_number(f, FIELD_OUTPUT_IF),
        .sampling = sampling_of(m, f),
    };
    if (fields_have(f, FIELD_DIRECTION)) {
        flow.metered =
            f->number[FIELD_DIRECTION] == 0 ? COLLECT_METER_INGRESS : COLLECT_METER_EGRESS;
    }
    set_ports(f, &flow);
    set_flags(f, &flow);
    set_times(m, f, &flow);
    set_counts(f, &flow);
    flow.end = end_of(m, f, &flow);
    m->exporter->view.flows++;
    m->exporter->view.sampling = flow.sampling;
    m->fn(&flow, m->arg);
}

void record_take_options(struct message *m, const struct fields *f)
{
    uint32_t rate = rate_of(f);
    m->records++;
    if (rate > 0) {
        exporter_set_sampler(m, fields_number(f, FIELD_SAMPLER), rate);
    }
    if (fields_have(f, FIELD_BOOT_MS)) {
        m->stream->boot_ns = f->number[FIELD_BOOT_MS] * NS_OF_MS;
    }
}

bool record_read_set(struct message *m, uint16_t id, struct reader *r)
{
    const struct template_key key = {
        .owner = m->exporter->view.number, .id = id, .stream = m->stream->serial};
    const struct template *one = templates_find(m->collector->templates, key, m->now_ns);
    if (one == NULL) {
        m->exporter->view.untemplated++;
        m->untemplated = true;
        return true;
    }
    while (reader_left(r) >= one->least) {
        struct fields f;
        if (!template_read(one, r, &f)) {
            return false;
        }
        if (one->options) {
            record_take_options(m, &f);
        } else {
            record_take(m, &f);
        }
    }
    return true; /* less than a record is left: padding */
}
