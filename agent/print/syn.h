/*
 * Fingerprint of a TCP stack from the SYN that opens a connection: "nDPI TCP Fingerprint Format",
 * draft version 0.4 (ntop, CC BY 4.0), and the form that nDPI used in 2025, for older lists.
 */
#pragma once

#include "agent/decode/packet.h"
#include "agent/print/digest.h"
#include "common/wire/prints.h"

/* Text of the options that is hashed: two digits a byte, at most. */
enum { SYN_TEXT_MAX = 2 * PRINT_SYN_OPTIONS_MAX };

/* Reads all but the hashes; false when the packet is no SYN of a client, or its header is cut. */
bool syn_read(const struct packet *p, struct print_syn *syn);
bool syn_hash(struct digest *d, struct print_syn *syn);
/* The hashed texts; their length. For syn_hash and its tests. */
size_t syn_text(const struct print_syn *syn, char text[SYN_TEXT_MAX]);
size_t syn_text_2025(const struct print_syn *syn, char text[SYN_TEXT_MAX]);
