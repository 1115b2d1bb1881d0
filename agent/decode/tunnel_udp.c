/* Tunnels in UDP, each by its port: VXLAN, GENEVE, GTP-U, CAPWAP data, L2TP. */
#include "agent/decode/tunnel.h"

enum tunnel_port {
    PORT_L2TP = 1701,
    PORT_GTPU = 2152,
    PORT_VXLAN = 4789,
    PORT_CAPWAP_DATA = 5247,
    PORT_GENEVE = 6081,
    PORT_VXLAN_LINUX = 8472, /* Linux's own before RFC 7348; flannel still uses it */
};

enum {
    VXLAN_HAS_ID = 0x08,
    GENEVE_VERSION = 0xc0,
    GENEVE_OPTIONS = 0x3f, /* in words of four bytes */
    GENEVE_CONTROL = 0x80,
    TYPE_ETHERNET = 0x6558,
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    GTP_VERSION_1 = 0x30, /* version and protocol type: GTP, not GTP' */
    GTP_VERSION_MASK = 0xf0,
    GTP_HAS_MORE = 0x07, /* extension, sequence, N-PDU number: any of them brings all */
    GTP_HAS_EXTENSION = 0x04,
    GTP_TPDU = 0xff,
    MAX_GTP_EXTENSIONS = 8,
    CAPWAP_CLEAR = 0x00,     /* version 0, type 0; type 1 is DTLS */
    CAPWAP_BINDING = 0x3e00, /* what the radios are */
    CAPWAP_WLAN = 0x0200,
    CAPWAP_NATIVE = 0x0100,  /* a frame as it was on the air */
    CAPWAP_NOT_DATA = 0x088, /* a fragment, or a keep-alive */
    L2TP_CONTROL = 0x8000,
    L2TP_LENGTH = 0x4000,
    L2TP_SEQUENCE = 0x0800,
    L2TP_OFFSET = 0x0200,
    L2TP_VERSION = 0x000f,
};

static bool open_vxlan(struct reader *r, struct tunnel *t)
{
    unsigned flags = reader_u8(r);
    reader_skip(r, 3); /* reserved; a group policy where that is used */
    uint32_t id = reader_be32(r);
    *t =
        (struct tunnel){.kind = TUNNEL_VXLAN, .apart = true, .id = id >> 8, .form = INNER_ETHERNET};
    return !r->bad && (flags & VXLAN_HAS_ID) != 0 && (id & 0xff) == 0;
}

static bool open_geneve(struct reader *r, struct tunnel *t)
{
    unsigned first = reader_u8(r);
    unsigned flags = reader_u8(r);
    unsigned type = reader_be16(r);
    uint32_t id = reader_be32(r);
    reader_skip(r, (size_t)(first & GENEVE_OPTIONS) * 4);
    *t = (struct tunnel){.kind = TUNNEL_GENEVE,
                         .apart = true,
                         .id = id >> 8,
                         .form = type == TYPE_ETHERNET ? INNER_ETHERNET : INNER_IP};
    bool known = type == TYPE_ETHERNET || type == TYPE_IPV4 || type == TYPE_IPV6;
    return !r->bad && known && (first & GENEVE_VERSION) == 0 && (flags & GENEVE_CONTROL) == 0;
}

/* Each extension tells its own length in words, and in its last byte what comes next. */
static bool pass_gtp_extensions(struct reader *r)
{
    unsigned next = reader_u8(r);
    for (unsigned count = 0; next != 0; count++) {
        size_t len = (size_t)reader_u8(r) * 4;
        if (len < 4 || count == MAX_GTP_EXTENSIONS) {
            return false;
        }
        reader_skip(r, len - 2);
        next = reader_u8(r);
    }
    return !r->bad;
}

static bool open_gtpu(struct reader *r, struct tunnel *t)
{
    unsigned flags = reader_u8(r);
    unsigned message = reader_u8(r);
    reader_skip(r, 2); /* length: UDP tells it too */
    *t = (struct tunnel){.kind = TUNNEL_GTPU, .id = reader_be32(r), .form = INNER_IP};
    if (r->bad || (flags & GTP_VERSION_MASK) != GTP_VERSION_1 || message != GTP_TPDU) {
        return false;
    }
    if ((flags & GTP_HAS_MORE) == 0) {
        return true;
    }
    reader_skip(r, 3); /* sequence, N-PDU number */
    if ((flags & GTP_HAS_EXTENSION) == 0) {
        reader_skip(r, 1);
        return !r->bad;
    }
    return pass_gtp_extensions(r);
}

static bool open_capwap(struct reader *r, struct tunnel *t)
{
    const uint8_t *start = r->at;
    unsigned preamble = reader_u8(r);
    unsigned lengths = reader_u8(r); /* of the header, in words; then the radio */
    unsigned flags = reader_be16(r);
    size_t header = (size_t)(lengths >> 3) * 4;
    size_t passed = (size_t)(r->at - start);
    if (r->bad || preamble != CAPWAP_CLEAR || header < 8 || (flags & CAPWAP_NOT_DATA) != 0) {
        return false;
    }
    reader_skip(r, header - passed);
    bool native = (flags & CAPWAP_NATIVE) != 0;
    *t = (struct tunnel){.kind = TUNNEL_CAPWAP, .form = native ? INNER_WLAN : INNER_ETHERNET};
    return !r->bad && (!native || (flags & CAPWAP_BINDING) == CAPWAP_WLAN);
}

static bool open_l2tp(struct reader *r, struct tunnel *t)
{
    unsigned flags = reader_be16(r);
    if ((flags & L2TP_CONTROL) != 0 || (flags & L2TP_VERSION) != 2) {
        return false;
    }
    reader_skip(r, (flags & L2TP_LENGTH) != 0 ? 2 : 0);
    *t = (struct tunnel){.kind = TUNNEL_L2TP, .id = reader_be32(r), .form = INNER_PPP};
    reader_skip(r, (flags & L2TP_SEQUENCE) != 0 ? 4 : 0);
    if ((flags & L2TP_OFFSET) != 0) {
        reader_skip(r, reader_be16(r));
    }
    return !r->bad;
}

/* Some are only sent to the port (from one that spreads load), the others between two. */
bool tunnel_open_udp(struct reader *r, const struct packet *p, struct tunnel *t)
{
    switch (p->ends.dst_port) {
    case PORT_VXLAN:
    case PORT_VXLAN_LINUX: return open_vxlan(r, t);
    case PORT_GENEVE: return open_geneve(r, t);
    case PORT_GTPU: return open_gtpu(r, t);
    case PORT_CAPWAP_DATA: return open_capwap(r, t);
    case PORT_L2TP: return open_l2tp(r, t);
    default: break;
    }
    switch (p->ends.src_port) {
    case PORT_GTPU: return open_gtpu(r, t);
    case PORT_CAPWAP_DATA: return open_capwap(r, t);
    case PORT_L2TP: return open_l2tp(r, t);
    default: return false;
    }
}
