/*
 * A packet as the rest of the engine sees it: addresses, ports and the few header fields that
 * flows, quality and DPI need. Filled by decode_packet from hostile bytes; every pointer lies
 * within the captured packet and is borrowed with it.
 */
#pragma once

#include "common/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROTO_ICMP = 1,
    PROTO_IPV4_IN_IP = 4,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_IPV6_IN_IP = 41,
    PROTO_GRE = 47,
    PROTO_ICMPV6 = 58,
    PROTO_SCTP = 132,
};

enum tcp_flag {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
};

enum decode_result {
    DECODE_OK,
    DECODE_NOT_IP,    /* ARP, LLDP, spanning tree…: nothing for a flow */
    DECODE_LINK,      /* a link type that we do not know */
    DECODE_SHORT,     /* cut before the end of a header */
    DECODE_MALFORMED, /* a length or version that contradicts itself */
    DECODE_DEEP,      /* more VLAN tags, labels or extension headers than we follow */
};

/* Ends of a flow as one packet gives them, in the packet's own direction. */
struct endpoints {
    struct addr src;
    struct addr dst;
    uint16_t src_port; /* host order; ICMP: see decode/icmp.c */
    uint16_t dst_port;
    uint16_t vlan;  /* outermost, 0 when untagged; inside a tunnel, of the frame inside */
    uint8_t family; /* enum addr_family */
    uint8_t protocol;
    uint32_t origin; /* whose addresses they are: see common/tunnel.h */
};

struct tcp_segment {
    uint32_t seq;
    uint32_t ack;
    uint32_t len;   /* data bytes on the wire */
    uint32_t stamp; /* TSval and TSecr of the timestamp option (RFC 7323), when stamped */
    uint32_t echo;
    uint32_t sack_from; /* the first SACK block (RFC 2018), when sacked */
    uint32_t sack_to;
    uint16_t window; /* as in the header, not scaled */
    uint16_t mss;    /* of a SYN; 0: not told */
    uint8_t flags;   /* enum tcp_flag */
    bool stamped;
    bool sacked;
};

struct packet {
    uint64_t time_ns;
    uint64_t began_ns;  /* a datagram put together: of its first fragment; else 0 */
    uint32_t frames;    /* on the link that it stands for; the worker's */
    uint32_t frame_len; /* bytes of all of them */
    struct endpoints ends;
    struct mac src_mac; /* zero when the link has none */
    struct mac dst_mac;
    const uint8_t *ip;      /* from the IP header on */
    uint32_t ip_len;        /* IP bytes on the wire, header included */
    uint32_t ip_captured;   /* of these, bytes at ip */
    const uint8_t *payload; /* of the transport protocol; what was captured */
    uint32_t payload_len;
    struct tcp_segment tcp;    /* for TCP, else zero */
    const uint8_t *tcp_header; /* for TCP, with its options; else NULL */
    bool fragment;             /* part of a fragmented datagram */
    bool later_fragment;       /* not its first part: carries no ports */
    uint8_t source;            /* index of where it was captured; the worker's */
    uint32_t fragment_id;      /* IPv4: identification of any packet; IPv6: of a fragment, else 0 */
    uint16_t fragment_at;      /* of a fragment: where its bytes belong in the datagram */
    uint16_t fragment_head;    /* of a fragment: bytes of headers from ip to its own bytes */
    uint16_t fragment_next;    /* IPv6: which of these bytes tells that a fragment header follows */
    bool more_fragments;
    uint16_t more_packets;  /* a datagram put together: fragments beyond the first… */
    uint32_t more_bytes;    /* …and the bytes of their IP headers, not in ip_len */
    uint32_t tunnel_told;   /* the id in the tunnel's header: VNI, TEID, key…; 0 none */
    bool asks;              /* ICMP: a request of a pair; the sender is the client */
    bool answers;           /* ICMP: an answer of a pair; the receiver is the client */
    bool unreachable;       /* ICMP: about is a packet that a port refused */
    struct endpoints about; /* of the packet quoted by an ICMP error; family 0 when none */
};
