/* The way from captured bytes to a struct packet. Pure functions: no state, no clock, no malloc. */
#pragma once

#include "agent/decode/packet.h"
#include "common/reader.h"

/*
 * Decodes one captured packet of the given link type (DLT number) into a zeroed p; len is its
 * length on the wire.
 * On DECODE_OK every field but time_ns is set; otherwise p is not to be read, but for `ip`, its
 * lengths and the addresses once `ip` is set: then only what lies behind the IP header is unsound.
 */
enum decode_result decode_packet(int link_type, const uint8_t *bytes, size_t caplen, size_t len,
                                 struct packet *p);

/* The stages behind it, one a file; r stands at the stage's first byte. */
enum decode_result decode_link(int link_type, struct reader *r, struct packet *p,
                               uint16_t *ethertype);
enum decode_result decode_ip(struct reader *r, size_t wire_len, struct packet *p);
enum decode_result decode_transport(struct reader *r, size_t wire_len, struct packet *p);
enum decode_result decode_tcp(struct reader *r, size_t wire_len, struct packet *p);
enum decode_result decode_udp(struct reader *r, struct packet *p);
enum decode_result decode_icmp(struct reader *r, struct packet *p);
/* Sets ports, asks and answers for a message of this type; p->ends.protocol stands. */
void decode_icmp_ends(struct packet *p, uint8_t type, uint8_t code);
