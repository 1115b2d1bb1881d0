/* Kinds of tunnels that a packet may come out of: their numbers in records, and their names. */
#pragma once

#include <stdint.h>

enum tunnel_kind {
    TUNNEL_NONE = 0,
    TUNNEL_IPIP = 1,   /* IPv4 and IPv6 in either (RFC 2003, RFC 4213, RFC 2473) */
    TUNNEL_GRE = 2,    /* RFC 2784, RFC 2890; id: the key. PPTP's form too (RFC 2637) */
    TUNNEL_ERSPAN = 3, /* I, II and III (draft-foschiano-erspan); id: the session */
    TUNNEL_VXLAN = 4,  /* RFC 7348; id: the VNI */
    TUNNEL_GENEVE = 5, /* RFC 8926; id: the VNI */
    TUNNEL_GTPU = 6,   /* 3GPP TS 29.281; id: the TEID, which differs by direction */
    TUNNEL_CAPWAP = 7, /* RFC 5415, data in the clear */
    TUNNEL_L2TP = 8,   /* version 2 (RFC 2661); id: tunnel and session, which differ by direction */
    TUNNEL_PPPOE = 9,  /* RFC 2516; id: the session */
    TUNNEL_END,
};

#define TUNNEL_BIT(kind) (1u << (kind))

/*
 * Whose addresses they are, in a flow's key: 0 those of the captured wire; else a tunnel's kind
 * above the id of its network (folded to 24 bits, 0 where the tunnel names none in both
 * directions), or the number of the exporter that tells of them. Equal addresses of different
 * origin are different flows.
 */
enum { ORIGIN_ID_MASK = 0xffffff, ORIGIN_EXPORTER = 0xff };

static inline uint32_t origin_of_tunnel(unsigned kind, uint32_t id)
{
    return kind << 24 | ((id ^ id >> 24) & ORIGIN_ID_MASK);
}

static inline uint32_t origin_of_exporter(uint16_t number)
{
    return (uint32_t)ORIGIN_EXPORTER << 24 | number;
}

/* The tunnel's kind; TUNNEL_NONE for all else. */
static inline uint8_t origin_tunnel(uint32_t origin)
{
    unsigned kind = origin >> 24;
    return kind < TUNNEL_END ? (uint8_t)kind : TUNNEL_NONE;
}

/* "gre", "vxlan"…; "" for TUNNEL_NONE and what is no kind. */
const char *tunnel_name(unsigned kind);
/* The kind of this name; TUNNEL_NONE when there is none. */
enum tunnel_kind tunnel_find(const char *name);
