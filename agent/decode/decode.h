/* The way from captured bytes to a struct packet. Pure functions: no state, no clock, no malloc. */
#pragma once

#include "agent/decode/packet.h"
#include "common/reader.h"

/* How deep envelopes may lie in each other; what is deeper counts as the innermost opened. */
enum { DECODE_MAX_TUNNELS = 4 };

/* The link types that decode_packet knows, for messages: by libpcap's names, less their prefix. */
#define DECODE_LINK_NAMES                                                                          \
    "EN10MB, RAW, LINUX_SLL, LINUX_SLL2, PPP, C_HDLC, NULL, LOOP, IEEE802_11, IEEE802_11_RADIO"

/*
 * Decodes one captured packet of the given link type (DLT number) into a zeroed p; len is its
 * length on the wire. VLAN tags, MPLS labels and PPPoE are passed; the tunnels whose TUNNEL_BIT is
 * set in `tunnels` are opened, and p is then the packet inside. A fragment is not opened: see
 * fragment.h.
 * On DECODE_OK every field but time_ns is set; otherwise p is not to be read, but for `ip`, its
 * lengths and the addresses once `ip` is set: then only what lies behind the IP header is unsound.
 */
enum decode_result decode_packet(int link_type, unsigned tunnels, const uint8_t *bytes,
                                 size_t caplen, size_t len, struct packet *p);
/* The same of a datagram put together from fragments; p is the packet that holds its link and ends.
 */
enum decode_result decode_datagram(unsigned tunnels, const uint8_t *bytes, size_t len,
                                   struct packet *p);
bool decode_knows_link(int link_type);
/*
 * Looks whether p is an envelope of a kind whose bit is set: then `inner` holds all that its own
 * link layer told, and r stands at its IP header. False: p stands for itself.
 */
bool decode_tunnel(unsigned tunnels, const struct packet *p, struct reader *r,
                   struct packet *inner);

/* What several stages read; untouched when the bytes are short, and r is then bad. */
static inline void read_mac(struct reader *r, struct mac *mac)
{
    const uint8_t *bytes = reader_bytes(r, sizeof mac->bytes);
    if (bytes != NULL) {
        memcpy(mac->bytes, bytes, sizeof mac->bytes);
    }
}

/* size: 4 or 16 bytes. */
static inline void read_addr(struct reader *r, size_t size, struct addr *addr)
{
    const uint8_t *bytes = reader_bytes(r, size);
    if (bytes != NULL) {
        memcpy(addr->bytes, bytes, size);
    }
}

/* The stages behind them, one a file; r stands at the stage's first byte. */
enum decode_result decode_link(int link_type, struct reader *r, struct packet *p,
                               uint16_t *ethertype);
enum decode_result decode_ethernet(struct reader *r, struct packet *p, uint16_t *ethertype);
/* What stands behind an EtherType: tags, labels and PPPoE are passed, up to IP's own. */
enum decode_result decode_ethertype(struct reader *r, struct packet *p, uint16_t *ethertype);
/* Those of which decode_ethertype knows the way on, or that are IP's own. */
bool decode_knows_ethertype(uint16_t ethertype);
/* Carried: in a frame that is in a pseudowire already; one more is DECODE_DEEP. */
enum decode_result decode_mpls(struct reader *r, struct packet *p, uint16_t *ethertype,
                               bool carried);
/* The Ethernet frame in a pseudowire. */
enum decode_result decode_carried(struct reader *r, struct packet *p, uint16_t *ethertype);
enum decode_result decode_ppp(struct reader *r, uint16_t *ethertype);
enum decode_result decode_wlan(struct reader *r, struct packet *p, uint16_t *ethertype);
enum decode_result decode_radiotap(struct reader *r, struct packet *p, uint16_t *ethertype);
/* Without a link header the first half byte tells the version of IP. */
enum decode_result decode_version(const struct reader *r, uint16_t *ethertype);
enum decode_result decode_ip(struct reader *r, size_t wire_len, struct packet *p);
enum decode_result decode_transport(struct reader *r, size_t wire_len, struct packet *p);
enum decode_result decode_tcp(struct reader *r, size_t wire_len, struct packet *p);
enum decode_result decode_udp(struct reader *r, struct packet *p);
enum decode_result decode_icmp(struct reader *r, struct packet *p);
/* Sets ports, asks and answers for a message of this type; p->ends.protocol stands. */
void decode_icmp_ends(struct packet *p, uint8_t type, uint8_t code);
