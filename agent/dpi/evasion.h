/*
 * Flows that hide what they are, judged from their first messages: the handshake of OpenVPN, with
 * or without tls-auth and tls-crypt, and payloads that are random from their first byte. Pure;
 * version 1 of both definitions. Sources: OpenVPN's protocol (doc/doxygen/doc_protocol_overview.h
 * of its source); Wu et al., "How the Great Firewall of China Detects and Blocks Fully Encrypted
 * Traffic", USENIX Security 2023.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was seen of a handshake; zeroed at first. */
struct openvpn {
    uint8_t session[2][8]; /* of client and server */
    uint8_t seen[2];       /* control messages with that session */
    bool excluded;         /* it is none */
};

/*
 * Takes a message, over TCP with its length in front. True once it is OpenVPN: the server's reset
 * names the client's session, or both sides go on with their own.
 */
bool openvpn_look(struct openvpn *o, const uint8_t *bytes, size_t len, bool tcp, bool from_client);

/*
 * True when a client's first bytes are neither text nor the beginning of TLS or HTTP, and as many
 * of their bits are set as in random ones. Encrypted protocols of their own pass as well: it says
 * something only of flows that nobody has a name for.
 */
bool evasion_is_random(const uint8_t *bytes, size_t len);
