#include "agent/flow/flow.h"

#include <string.h>

/* Some systems repeat a SYN that was refused, for about a second. */
#define RETRY_NS 3000000000ull

enum {
    WELL_KNOWN = 1024, /* ports below it are servers', when a flow is found in its middle */
    FEW_PACKETS = 5,   /* a client that is refused does not try much oftener */
};

/* Status after a RST: refused when nothing was ever agreed on. */
static enum flow_status status_of_reset(const struct flow *f)
{
    return f->status == FLOW_OPENING ? FLOW_REFUSED : FLOW_RESET;
}

static bool is_syn(const struct packet *p)
{
    return (p->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

enum flow_dir flow_first_direction(const struct packet *p)
{
    uint8_t flags = p->tcp.flags & (TCP_SYN | TCP_ACK);
    bool well_known = p->ends.src_port < WELL_KNOWN && p->ends.dst_port >= WELL_KNOWN;
    bool tcp_server = flags == (TCP_SYN | TCP_ACK) || (flags != TCP_SYN && well_known);
    bool from_server = p->answers || (p->ends.protocol == PROTO_TCP && tcp_server);
    return from_server ? DIR_S2C : DIR_C2S;
}

void flow_begin(struct flow *f, uint64_t id, uint8_t source, const struct packet *p,
                enum flow_dir dir)
{
    bool from_client = dir == DIR_C2S;
    f->id = id;
    f->source = source;
    f->first_ns = p->began_ns != 0 ? p->began_ns : p->time_ns;
    f->last_ns = p->time_ns;
    f->report_ns = p->time_ns;
    f->client_mac = from_client ? p->src_mac : p->dst_mac;
    f->server_mac = from_client ? p->dst_mac : p->src_mac;
    f->status = p->ends.protocol == PROTO_TCP && is_syn(p) ? FLOW_OPENING : FLOW_ACTIVE;
    f->tunnel_id = p->tunnel_told;
    bool dns = p->ends.protocol == PROTO_UDP &&
               (p->ends.src_port == QOE_DNS_PORT || p->ends.dst_port == QOE_DNS_PORT);
    f->talk = dns ? TALK_DNS : TALK_UNKNOWN;
    f->quality_class = p->ends.protocol == PROTO_TCP ? CLASS_WEB : dns ? CLASS_DNS : CLASS_NONE;
}

/* Cooked captures tell only the sender's address: the other side's comes with its first packet. */
static void learn_mac(struct flow *f, const struct packet *p, enum flow_dir dir)
{
    static const struct mac none;
    struct mac *mine = dir == DIR_C2S ? &f->client_mac : &f->server_mac;
    if (memcmp(mine, &none, sizeof none) == 0) {
        *mine = p->src_mac;
    }
}

static void follow_tcp(struct flow *f, const struct packet *p, enum flow_dir dir)
{
    uint8_t flags = p->tcp.flags;
    f->tcp_flags[dir] |= flags;
    if ((flags & TCP_RST) != 0) {
        flow_end(f, status_of_reset(f), p->time_ns);
        return;
    }
    if (f->status == FLOW_OPENING && !is_syn(p)) {
        f->status = FLOW_ACTIVE;
    }
    if ((flags & TCP_FIN) != 0) {
        f->fin_seen = (f->fin_seen | 1u << dir) & 3u;
    }
    if (f->fin_seen == 3) {
        flow_end(f, FLOW_CLOSED, p->time_ns);
    }
}

/* A packet of a flow that was refused: whether the flow is in use after all. */
static bool is_used_after_all(struct flow *f, enum flow_dir dir)
{
    if (dir == DIR_C2S) {
        f->after_refusal++; /* no overflow: it stops to be refused, or its last record leaves */
    }
    return dir == DIR_S2C || f->after_refusal > FEW_PACKETS;
}

static void go_on(struct flow *f)
{
    f->status = FLOW_ACTIVE;
    f->end_ns = 0;
    if (f->account_ended) { /* control has heard of its end: then of another beginning */
        f->account_begun = false;
        f->account_ended = false;
    }
}

bool flow_note(struct flow *f, const struct packet *p, enum flow_dir dir)
{
    bool open = f->account_open;
    uint64_t end_ns = f->end_ns;
    bool first = f->sum.packets[dir] == 0;
    f->sum.bytes[dir] += p->ip_len + p->more_bytes;
    f->sum.packets[dir] += 1u + p->more_packets;
    if (p->time_ns > f->last_ns) {
        f->last_ns = p->time_ns;
    }
    if (!open) {
        f->account_open = true;
        f->account_ns = p->time_ns;
    }
    if (first) {
        learn_mac(f, p, dir);
    }
    if (p->ends.protocol == PROTO_TCP && !p->later_fragment) {
        follow_tcp(f, p, dir);
    }
    if (f->status == FLOW_REFUSED && p->ends.protocol != PROTO_TCP && !f->final_sent &&
        is_used_after_all(f, dir)) {
        go_on(f);
    }
    return !open || f->end_ns != end_ns;
}

void flow_end(struct flow *f, enum flow_status status, uint64_t now_ns)
{
    if (f->end_ns != 0) {
        return;
    }
    f->status = (uint8_t)status;
    f->end_ns = now_ns == 0 ? 1 : now_ns;
}

void flow_refuse(struct flow *f, uint64_t now_ns)
{
    if (f->sum.packets[DIR_S2C] == 0 && f->sum.packets[DIR_C2S] <= FEW_PACKETS) {
        flow_end(f, FLOW_REFUSED, now_ns);
    }
}

bool flow_is_reused(const struct flow *f, const struct packet *p)
{
    if (p->ends.protocol != PROTO_TCP || p->later_fragment || !is_syn(p)) {
        return false;
    }
    bool long_over = f->end_ns != 0 && p->time_ns > f->end_ns + RETRY_NS;
    if (f->handshake.syn_seen && !long_over) {
        return p->tcp.seq != f->handshake.syn_seq; /* else the same SYN once more */
    }
    return f->end_ns != 0 || !f->handshake.syn_ack_seen; /* captured after its answer: no new one */
}

bool flow_has_news(const struct flow *f)
{
    return f->sum.packets[0] != f->reported.packets[0] ||
           f->sum.packets[1] != f->reported.packets[1];
}

bool flow_owes_account(const struct flow *f)
{
    return f->account_open || (f->end_ns != 0 && f->account_begun && !f->account_ended);
}

static void shift(uint64_t *time_ns, uint64_t by_ns)
{
    *time_ns = *time_ns > by_ns ? *time_ns - by_ns : 0;
}

void flow_shift_back(struct flow *f, uint64_t by_ns)
{
    shift(&f->first_ns, by_ns);
    shift(&f->last_ns, by_ns);
    shift(&f->end_ns, by_ns); /* 0, still open, stays 0 */
    shift(&f->report_ns, by_ns);
    shift(&f->account_ns, by_ns);
    f->handshake.syn_us -= (uint32_t)(by_ns / 1000);
    f->handshake.syn_ack_us -= (uint32_t)(by_ns / 1000);
}

uint64_t flow_bps(const struct flow *f, uint64_t now_ns)
{
    const uint64_t fresh_ns = 5000000000ull; /* two account periods and a little */
    return now_ns > f->last_ns + fresh_ns ? 0 : (uint64_t)f->bps;
}
