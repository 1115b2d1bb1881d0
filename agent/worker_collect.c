/*
 * The way of an exported flow through the engine: it enters the same table as captured ones, under
 * its exporter's number so that the same traffic seen twice stays two flows, and leaves it by the
 * same records. What only packets tell (quality, content) stays unknown.
 */
#include "agent/decode/decode.h"
#include "agent/flow/parts.h"
#include "agent/worker_parts.h"

#include "common/tunnel.h"

enum {
    PORT_SYSTEM_END = 1024, /* IANA: below are system ports */
    PORT_EPHEMERAL = 32768, /* from here on clients choose theirs (Linux; IANA: 49152) */
};

/* The first packet of the flow as far as a record tells it. */
static struct packet packet_of(const struct collected *c, uint64_t now_ns)
{
    struct packet p = {
        .time_ns = now_ns,
        .ends = {.src = c->src,
                 .dst = c->dst,
                 .src_port = c->src_port,
                 .dst_port = c->dst_port,
                 .vlan = c->vlan,
                 .family = c->family,
                 .protocol = c->protocol,
                 .origin = origin_of_exporter(c->exporter)},
        .src_mac = c->src_mac,
        .dst_mac = c->dst_mac,
    };
    if (c->protocol == PROTO_ICMP || c->protocol == PROTO_ICMPV6) {
        decode_icmp_ends(&p, (uint8_t)c->src_port, (uint8_t)c->dst_port);
    }
    return p;
}

/* No record says who began; ports do, where one of them is a server's. */
static enum flow_dir direction_of(const struct packet *p)
{
    uint16_t src = p->ends.src_port;
    uint16_t dst = p->ends.dst_port;
    if (p->ends.protocol != PROTO_TCP && p->ends.protocol != PROTO_UDP) {
        return flow_first_direction(p);
    }
    bool from_server = (src < PORT_SYSTEM_END && dst >= PORT_SYSTEM_END) ||
                       (src < PORT_EPHEMERAL && dst >= PORT_EPHEMERAL);
    return from_server ? DIR_S2C : DIR_C2S;
}

static void guess(struct worker *w, struct flow *f, const struct packet *p)
{
    struct dpi_result result;
    dpi_guess(w->dpi, &p->ends, &result);
    worker_note_verdict(w->table, f, &result);
    f->dpi.done = true;
}

static struct flow *begin_flow(struct worker *w, const struct collected *c, const struct packet *p,
                               enum flow_dir *dir)
{
    *dir = direction_of(p);
    struct flow_key key = worker_key_of(&p->ends, *dir);
    struct flow *f = worker_add_flow(w, &key);
    struct flow_exported *x = f == NULL ? NULL : flow_table_exported(w->table, f);
    if (x == NULL) {
        if (f != NULL) { /* nowhere to write what it is told by */
            flow_table_remove(w->table, f);
            w->refused++;
        }
        return NULL;
    }
    const struct exporter_view *exporter = collector_exporter(w->collector, c->exporter);
    x->exporter = exporter->addr;
    x->family = exporter->family;
    x->first_ns = c->first_ns;
    x->last_ns = c->last_ns;
    flow_begin(f, worker_next_id(w), (uint8_t)w->reading, p, *dir);
    f->status = FLOW_ACTIVE;
    guess(w, f, p);
    return f;
}

/* The same packets told a second time, as they left the exporter after they were told coming in. */
static bool is_duplicate(struct flow_exported *x, const struct collected *c, enum flow_dir dir)
{
    if (c->metered == COLLECT_METER_UNTOLD) {
        return false;
    }
    if (x->metered[dir] == COLLECT_METER_UNTOLD) {
        x->metered[dir] = c->metered;
    }
    return x->metered[dir] != c->metered;
}

/* What is new of a count that runs since the flow's beginning. */
static uint64_t delta(uint64_t *seen, uint64_t now)
{
    uint64_t news = now >= *seen ? now - *seen : now;
    *seen = now;
    return news;
}

static void add_counts(struct worker *w, struct flow *f, struct flow_exported *x,
                       const struct collected *c, enum flow_dir dir)
{
    for (unsigned i = 0; i < 2; i++) {
        enum flow_dir to = i == 0 ? dir : dir == DIR_C2S ? DIR_S2C : DIR_C2S;
        uint64_t bytes = c->totals ? delta(&x->totals.bytes[to], c->bytes[i]) : c->bytes[i];
        uint64_t packets = c->totals ? delta(&x->totals.packets[to], c->packets[i]) : c->packets[i];
        f->sum.bytes[to] += bytes;
        f->sum.packets[to] += packets;
        f->tcp_flags[to] |= c->tcp_flags[i];
        w->sources[w->reading].bytes[to] += bytes;
        w->sources[w->reading].packets += packets;
        w->bytes += bytes;
        w->packets += packets;
    }
}

static void note_exported(struct flow_exported *x, const struct collected *c, enum flow_dir dir)
{
    bool from_client = dir == DIR_C2S;
    uint32_t input = from_client ? c->input_if : c->output_if;
    uint32_t output = from_client ? c->output_if : c->input_if;
    x->input_if = input != 0 ? input : x->input_if;
    x->output_if = output != 0 ? output : x->output_if;
    x->sampling = c->sampling;
    x->first_ns = c->first_ns < x->first_ns ? c->first_ns : x->first_ns;
    x->last_ns = c->last_ns > x->last_ns ? c->last_ns : x->last_ns;
}

/* The account's period is what the record tells of, so that rates are those of then. */
static void open_account(struct flow *f, const struct collected *c, uint64_t now_ns)
{
    uint64_t span_ns = c->last_ns - c->first_ns;
    if (f->account_begun && now_ns - f->report_ns < span_ns) {
        span_ns = now_ns - f->report_ns; /* the rest was told before */
    }
    if (!f->account_open) {
        f->account_open = true;
        f->account_ns = now_ns > span_ns ? now_ns - span_ns : 0;
    }
}

/* How a TCP flow ended, by the flags of all its packets. */
static enum flow_status tcp_status(const struct flow *f)
{
    unsigned client = f->tcp_flags[DIR_C2S];
    unsigned server = f->tcp_flags[DIR_S2C];
    bool never_agreed = (client & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    if (never_agreed) {
        return (server & TCP_RST) != 0        ? FLOW_REFUSED
               : f->sum.packets[DIR_S2C] == 0 ? FLOW_NO_ANSWER
                                              : FLOW_IDLE;
    }
    if (((client | server) & TCP_RST) != 0) {
        return FLOW_RESET;
    }
    return ((client | server) & TCP_FIN) != 0 ? FLOW_CLOSED : FLOW_IDLE;
}

/* The reverse direction may come after the first told the end: the status is then judged anew. */
static void note_end(struct flow *f, const struct collected *c, uint64_t now_ns)
{
    if (c->end == COLLECT_END_ACTIVE) {
        return;
    }
    enum flow_status status =
        f->key.protocol == PROTO_TCP && c->flags_told ? tcp_status(f) : FLOW_IDLE;
    flow_end(f, status, now_ns);
    if (!f->final_sent) {
        f->status = (uint8_t)status;
    }
}

static void on_flow(const struct collected *c, void *arg)
{
    struct worker *w = arg;
    struct packet p = packet_of(c, w->clock_ns);
    enum flow_dir dir;
    struct flow *f = flow_table_find(w->table, flow_table_tag(w->table, &p.ends), &p.ends, &dir);
    f = f != NULL ? f : begin_flow(w, c, &p, &dir);
    if (f == NULL) {
        return;
    }
    struct flow_exported *x = flow_table_exported(w->table, f);
    if (is_duplicate(x, c, dir)) {
        collector_note_duplicate(w->collector, c->exporter);
        return;
    }
    f->last_ns = w->clock_ns;
    open_account(f, c, w->clock_ns);
    add_counts(w, f, x, c, dir);
    note_exported(x, c, dir);
    note_end(f, c, w->clock_ns);
    flow_expiry_plan(w->expiry, f, w->clock_ns);
}

void worker_collect(const struct packet_view *view, void *arg)
{
    struct worker *w = arg;
    const struct collect_from from = {.addr = view->sender->addr,
                                      .family = view->sender->family,
                                      .source = (uint8_t)w->reading,
                                      .port = view->sender->port,
                                      .sampling = view->sender->sampling};
    if (view->time_ns > w->clock_ns) {
        w->clock_ns = view->time_ns;
    }
    if (!view->sender->allowed) {
        collector_refuse(w->collector, &from, view->time_ns);
        return;
    }
    /* What is not readable is counted with its exporter. */
    (void)collector_datagram(w->collector, &from, view->bytes, view->caplen, view->time_ns, on_flow,
                             w);
}

void worker_tell_exporters(struct worker *w)
{
    const struct exporter_view *view = NULL;
    for (unsigned i = 0; w->collector != NULL && (view = collector_view(w->collector, i)) != NULL;
         i++) {
        struct exporter_view *slot = ring_reserve(w->lane->exporters);
        if (slot == NULL) {
            return; /* control is behind: the next second tells all there is */
        }
        *slot = *view;
        ring_commit(w->lane->exporters);
        w->emitter.pending = true;
    }
}
