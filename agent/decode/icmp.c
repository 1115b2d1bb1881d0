/*
 * ICMP (RFC 792) and ICMPv6 (RFC 4443). In place of ports stand type and code. Requests and their
 * answers get the same pair (the request's type on the client's side, 0 on the server's), so that
 * both directions of a ping are one flow. Errors tell the packet that they are about.
 */
#include "agent/decode/decode.h"

enum {
    ICMP_UNREACHABLE = 3,
    ICMP_SOURCE_QUENCH = 4,
    ICMP_REDIRECT = 5,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETER = 12,
    ICMP_CODE_PORT = 3,
    ICMPV6_UNREACHABLE = 1,
    ICMPV6_LAST_ERROR = 127, /* types below 128 are errors */
    ICMPV6_CODE_PORT = 4,
};

static const struct {
    uint8_t protocol;
    uint8_t request;
    uint8_t answer;
} pairs[] = {
    {PROTO_ICMP, 8, 0},       /* echo */
    {PROTO_ICMP, 13, 14},     /* timestamp */
    {PROTO_ICMP, 15, 16},     /* information */
    {PROTO_ICMP, 17, 18},     /* address mask */
    {PROTO_ICMPV6, 128, 129}, /* echo */
};

void decode_icmp_ends(struct packet *p, uint8_t type, uint8_t code)
{
    p->ends.src_port = type;
    p->ends.dst_port = code;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i].protocol != p->ends.protocol) {
            continue;
        }
        if (type == pairs[i].request) {
            p->asks = true;
            p->ends.dst_port = 0;
        } else if (type == pairs[i].answer) {
            p->answers = true;
            p->ends.src_port = 0;
            p->ends.dst_port = pairs[i].request;
        }
    }
}

static bool is_error(uint8_t protocol, uint8_t type)
{
    if (protocol == PROTO_ICMPV6) {
        return type >= ICMPV6_UNREACHABLE && type <= ICMPV6_LAST_ERROR;
    }
    return type == ICMP_UNREACHABLE || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
           type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER;
}

/* The quoted packet up to its ports; IPv6 extension headers are not followed in quotes. */
static void read_quoted(struct reader *r, struct packet *p)
{
    struct endpoints about = {
        .vlan = p->ends.vlan, .family = p->ends.family, .origin = p->ends.origin};
    if (about.family == ADDR_IPV4) {
        size_t header = (size_t)(reader_u8(r) & 0x0f) * 4;
        reader_skip(r, 8);
        about.protocol = reader_u8(r);
        reader_skip(r, 2);
        read_addr(r, 4, &about.src);
        read_addr(r, 4, &about.dst);
        reader_skip(r, header < 20 ? 0 : header - 20);
    } else {
        reader_skip(r, 6);
        about.protocol = reader_u8(r);
        reader_skip(r, 1);
        read_addr(r, 16, &about.src);
        read_addr(r, 16, &about.dst);
    }
    about.src_port = reader_be16(r);
    about.dst_port = reader_be16(r);
    bool has_ports = about.protocol == PROTO_TCP || about.protocol == PROTO_UDP;
    if (!r->bad && has_ports) {
        p->about = about;
    }
}

enum decode_result decode_icmp(struct reader *r, struct packet *p)
{
    uint8_t type = reader_u8(r);
    uint8_t code = reader_u8(r);
    reader_skip(r, 2); /* checksum */
    if (r->bad) {
        return DECODE_SHORT;
    }
    decode_icmp_ends(p, type, code);
    if (is_error(p->ends.protocol, type)) {
        struct reader quoted = *r;
        reader_skip(&quoted, 4); /* unused, or the next hop's MTU */
        read_quoted(&quoted, p);
        bool v6 = p->ends.protocol == PROTO_ICMPV6;
        p->unreachable = v6 ? type == ICMPV6_UNREACHABLE && code == ICMPV6_CODE_PORT
                            : type == ICMP_UNREACHABLE && code == ICMP_CODE_PORT;
    }
    return DECODE_OK;
}
