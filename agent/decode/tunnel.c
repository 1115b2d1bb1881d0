/*
 * Packets in packets: what an IP packet carries when it is an envelope. Those that have an IP
 * protocol number of their own are GRE and IP itself; the rest are known by their UDP port and
 * must then look right in every bit that their definition fixes. A packet inside that does not
 * decode leaves the envelope as it is.
 */
#include "agent/decode/tunnel.h"

enum gre_flag {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000, /* RFC 1701; withdrawn by RFC 2784 */
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_ACK = 0x0080, /* version 1 alone */
    GRE_VERSION = 0x0007,
};

enum gre_type {
    GRE_IPV4 = 0x0800,
    GRE_IPV6 = 0x86dd,
    GRE_ETHERNET = 0x6558,
    GRE_PPP = 0x880b,
    GRE_MPLS = 0x8847,
    GRE_MPLS_MULTI = 0x8848,
    GRE_ERSPAN = 0x88be,   /* types I and II */
    GRE_ERSPAN_3 = 0x22eb, /* type III */
};

enum {
    ERSPAN_SESSION = 0x3ff, /* the low bits of the second half word */
    ERSPAN_FRAME_TYPE = 0x7c00,
    ERSPAN_SUBHEADER = 0x0001,
    ERSPAN_SUBHEADER_SIZE = 8,
    ERSPAN_2_REST = 4, /* port index */
    ERSPAN_3_REST = 6, /* time stamp, security group */
};

/* Version, VLAN of the mirror, then class, truncation and session. */
static uint32_t pass_erspan_head(struct reader *r)
{
    reader_skip(r, 2);
    return reader_be16(r) & ERSPAN_SESSION;
}

static bool open_erspan(struct reader *r, struct tunnel *t, bool third, bool sequence)
{
    t->kind = TUNNEL_ERSPAN;
    t->form = INNER_ETHERNET;
    t->apart = true;
    if (third) {
        t->id = pass_erspan_head(r);
        reader_skip(r, ERSPAN_3_REST);
        unsigned flags = reader_be16(r);
        if ((flags & ERSPAN_FRAME_TYPE) != 0) {
            return false; /* not an Ethernet frame */
        }
        reader_skip(r, (flags & ERSPAN_SUBHEADER) != 0 ? ERSPAN_SUBHEADER_SIZE : 0);
    } else if (sequence) {
        t->id = pass_erspan_head(r);
        reader_skip(r, ERSPAN_2_REST);
    } /* type I has no header of its own */
    return !r->bad;
}

/* PPTP (RFC 2637): the key is a length and a call number, which differs by direction. */
static bool open_pptp(struct reader *r, unsigned flags, unsigned type, struct tunnel *t)
{
    if (type != GRE_PPP || (flags & GRE_KEY) == 0 || (flags & GRE_SEQUENCE) == 0) {
        return false; /* without a sequence it only acknowledges */
    }
    reader_skip(r, 4);
    reader_skip(r, 4);
    reader_skip(r, (flags & GRE_ACK) != 0 ? 4 : 0);
    t->form = INNER_PPP;
    return !r->bad;
}

static bool open_gre_type(struct reader *r, unsigned flags, unsigned type, struct tunnel *t)
{
    switch ((enum gre_type)type) {
    case GRE_IPV4:
    case GRE_IPV6: t->form = INNER_IP; return true;
    case GRE_ETHERNET: t->form = INNER_ETHERNET; return true;
    case GRE_PPP: t->form = INNER_PPP; return true;
    case GRE_MPLS:
    case GRE_MPLS_MULTI: t->form = INNER_MPLS; return true;
    case GRE_ERSPAN: return open_erspan(r, t, false, (flags & GRE_SEQUENCE) != 0);
    case GRE_ERSPAN_3: return open_erspan(r, t, true, true);
    }
    return false;
}

static bool open_gre(struct reader *r, struct tunnel *t)
{
    unsigned flags = reader_be16(r);
    unsigned type = reader_be16(r);
    *t = (struct tunnel){.kind = TUNNEL_GRE};
    if ((flags & GRE_VERSION) == 1) {
        return open_pptp(r, flags, type, t);
    }
    if ((flags & (GRE_VERSION | GRE_ROUTING)) != 0) {
        return false;
    }
    reader_skip(r, (flags & GRE_CHECKSUM) != 0 ? 4 : 0);
    if ((flags & GRE_KEY) != 0) {
        t->id = reader_be32(r);
        t->apart = true;
    }
    reader_skip(r, (flags & GRE_SEQUENCE) != 0 ? 4 : 0);
    return !r->bad && open_gre_type(r, flags, type, t);
}

static bool open_any(struct reader *r, const struct packet *p, struct tunnel *t)
{
    switch (p->ends.protocol) {
    case PROTO_IPV4_IN_IP:
    case PROTO_IPV6_IN_IP: *t = (struct tunnel){.kind = TUNNEL_IPIP, .form = INNER_IP}; return true;
    case PROTO_GRE: return open_gre(r, t);
    case PROTO_UDP: return tunnel_open_udp(r, p, t);
    default: return false;
    }
}

static enum decode_result pass_inner_link(struct reader *r, enum inner_form form, struct packet *p)
{
    uint16_t ethertype = 0;
    switch (form) {
    case INNER_IP: return decode_version(r, &ethertype);
    case INNER_ETHERNET: return decode_ethernet(r, p, &ethertype);
    case INNER_PPP: return decode_ppp(r, &ethertype);
    case INNER_MPLS: return decode_mpls(r, p, &ethertype, false);
    case INNER_WLAN: return decode_wlan(r, p, &ethertype);
    }
    return DECODE_LINK;
}

/* The network that keeps equal addresses apart stays that of the innermost tunnel that names one.
 */
static void name_tunnel(const struct tunnel *t, const struct packet *outer, struct packet *inner)
{
    if (inner->ends.origin != 0) {
        return; /* PPPoE in the frame inside */
    }
    bool keeps = (outer->ends.origin & ORIGIN_ID_MASK) != 0 && !t->apart;
    uint32_t own = origin_of_tunnel(t->kind, t->apart ? t->id : 0);
    inner->ends.origin = keeps ? outer->ends.origin : own;
    inner->tunnel_told = keeps ? outer->tunnel_told : t->id;
}

bool decode_tunnel(unsigned tunnels, const struct packet *p, struct reader *r, struct packet *inner)
{
    struct tunnel t;
    if (p->payload == NULL || p->fragment) {
        return false;
    }
    *r = reader_of(p->payload, p->payload_len);
    if (!open_any(r, p, &t) || (tunnels & TUNNEL_BIT(t.kind)) == 0) {
        return false;
    }
    *inner = (struct packet){.time_ns = p->time_ns,
                             .began_ns = p->began_ns,
                             .source = p->source,
                             .frames = p->frames,
                             .frame_len = p->frame_len};
    if (pass_inner_link(r, t.form, inner) != DECODE_OK) {
        return false;
    }
    name_tunnel(&t, p, inner);
    return true;
}
