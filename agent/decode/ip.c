/*
 * IPv4 (RFC 791) and IPv6 (RFC 8200) headers, with options, extension headers and fragments.
 * What lies behind the IP length, such as Ethernet padding, is cut off here.
 */
#include "agent/decode/decode.h"

enum {
    IPV4_MIN_HEADER = 20,
    IPV4_MORE_FRAGMENTS = 0x2000,
    IPV4_OFFSET_MASK = 0x1fff,
    IPV6_HEADER = 40,
    IPV6_NEXT_HEADER = 6, /* where it tells what follows */
    IPV6_OFFSET_MASK = 0xfff8,
    IPV6_MORE_FRAGMENTS = 0x0001,
    MAX_EXTENSION_HEADERS = 8, /* RFC 8200 names six, each once but one */
};

enum ipv6_extension {
    EXT_HOP_BY_HOP = 0,
    EXT_ROUTING = 43,
    EXT_FRAGMENT = 44,
    EXT_AUTH = 51,
    EXT_DESTINATION = 60,
    EXT_MOBILITY = 135,
    EXT_HIP = 139,
    EXT_SHIM6 = 140,
};

/* Notes the packet's bounds and cuts the reader to them. ip_len was checked against the wire. */
static void bound(struct reader *r, const uint8_t *start, size_t ip_len, struct packet *p)
{
    size_t captured = (size_t)(r->end - start);
    p->ip = start;
    p->ip_len = (uint32_t)ip_len;
    p->ip_captured = (uint32_t)(captured < ip_len ? captured : ip_len);
    r->end = start + p->ip_captured;
}

static enum decode_result decode_ipv4(struct reader *r, size_t wire_len, struct packet *p)
{
    const uint8_t *start = r->at;
    size_t header = (size_t)(reader_u8(r) & 0x0f) * 4;
    reader_skip(r, 1);
    size_t total = reader_be16(r);
    p->fragment_id = reader_be16(r);
    unsigned fragment = reader_be16(r);
    reader_skip(r, 1); /* time to live */
    p->ends.protocol = reader_u8(r);
    reader_skip(r, 2); /* checksum: offloading makes it wrong on the sending host */
    read_addr(r, 4, &p->ends.src);
    read_addr(r, 4, &p->ends.dst);
    if (r->bad) {
        return DECODE_SHORT;
    }
    if (total == 0) {
        total = wire_len; /* a segment larger than the field, put together by the sender's kernel */
    }
    if (header < IPV4_MIN_HEADER || total < header || total > wire_len) {
        return DECODE_MALFORMED;
    }
    bound(r, start, total, p);
    reader_skip(r, header - IPV4_MIN_HEADER);
    if (r->bad) {
        return DECODE_SHORT;
    }
    p->ends.family = ADDR_IPV4;
    p->fragment = (fragment & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK)) != 0;
    p->later_fragment = (fragment & IPV4_OFFSET_MASK) != 0;
    p->more_fragments = (fragment & IPV4_MORE_FRAGMENTS) != 0;
    p->fragment_at = (uint16_t)((fragment & IPV4_OFFSET_MASK) * 8);
    p->fragment_head = (uint16_t)header;
    return decode_transport(r, total - header, p);
}

static bool is_extension(uint8_t next)
{
    switch ((enum ipv6_extension)next) {
    case EXT_HOP_BY_HOP:
    case EXT_ROUTING:
    case EXT_FRAGMENT:
    case EXT_AUTH:
    case EXT_DESTINATION:
    case EXT_MOBILITY:
    case EXT_HIP:
    case EXT_SHIM6: return true;
    }
    return false;
}

/* Passes one extension header; returns the protocol of the next. */
static uint8_t pass_extension(struct reader *r, uint8_t kind, struct packet *p)
{
    uint8_t next = reader_u8(r);
    size_t len = reader_u8(r);
    if (kind == EXT_FRAGMENT) {
        unsigned offset = reader_be16(r);
        p->fragment_id = reader_be32(r);
        p->fragment = (offset & (IPV6_OFFSET_MASK | IPV6_MORE_FRAGMENTS)) != 0;
        p->later_fragment = (offset & IPV6_OFFSET_MASK) != 0;
        p->more_fragments = (offset & IPV6_MORE_FRAGMENTS) != 0;
        p->fragment_at = (uint16_t)(offset & IPV6_OFFSET_MASK);
        return next;
    }
    size_t size = kind == EXT_AUTH ? (len + 2) * 4 : (len + 1) * 8;
    reader_skip(r, size - 2);
    return next;
}

static enum decode_result pass_extensions(struct reader *r, struct packet *p)
{
    unsigned headers = 0;
    size_t told_at = IPV6_NEXT_HEADER; /* which byte names the header in hand */
    while (is_extension(p->ends.protocol) && !p->later_fragment) {
        if (headers++ == MAX_EXTENSION_HEADERS) {
            return DECODE_DEEP;
        }
        size_t at = (size_t)(r->at - p->ip);
        bool splits = p->ends.protocol == EXT_FRAGMENT && !p->fragment;
        p->ends.protocol = pass_extension(r, p->ends.protocol, p);
        if (r->bad) {
            return DECODE_SHORT;
        }
        if (splits) {
            p->fragment_next = (uint16_t)told_at;
            p->fragment_head = (uint16_t)(r->at - p->ip);
        }
        told_at = at;
    }
    return DECODE_OK;
}

static enum decode_result decode_ipv6(struct reader *r, size_t wire_len, struct packet *p)
{
    const uint8_t *start = r->at;
    reader_skip(r, 4); /* version, traffic class, flow label */
    size_t payload = reader_be16(r);
    p->ends.protocol = reader_u8(r);
    reader_skip(r, 1); /* hop limit */
    read_addr(r, 16, &p->ends.src);
    read_addr(r, 16, &p->ends.dst);
    if (r->bad) {
        return DECODE_SHORT;
    }
    size_t total = payload == 0 ? wire_len : IPV6_HEADER + payload; /* 0: jumbogram */
    if (total > wire_len) {
        return DECODE_MALFORMED;
    }
    bound(r, start, total, p);
    p->ends.family = ADDR_IPV6;
    enum decode_result result = pass_extensions(r, p);
    if (result != DECODE_OK) {
        return result;
    }
    size_t passed = (size_t)(r->at - start);
    return decode_transport(r, total - passed, p);
}

enum decode_result decode_ip(struct reader *r, size_t wire_len, struct packet *p)
{
    if (reader_left(r) == 0) {
        return DECODE_SHORT;
    }
    switch (r->at[0] >> 4) {
    case 4: return decode_ipv4(r, wire_len, p);
    case 6: return decode_ipv6(r, wire_len, p);
    default: return DECODE_MALFORMED;
    }
}
