/*
 * Opens the protection of QUIC's Initial packets (RFC 9001 section 5, RFC 9369): their keys follow
 * from the connection id that the client chose, so whoever sees the packet can read it.
 */
#pragma once

#include "agent/decode/quic_initial.h"
#include "agent/print/digest.h"

enum { QUIC_PACKET_MAX = 2048 }; /* more than any path lets through in one datagram */

/* The keys of one direction of a connection. */
struct quic_keys {
    uint8_t key[AES128_KEY_SIZE];
    uint8_t iv[GCM_NONCE_SIZE];
    uint8_t hp[AES128_KEY_SIZE];
};

/* The client's keys, or the server's, from the first id that the client sent to. */
bool quic_keys_of(struct digest *d, uint32_t version, const uint8_t *id, size_t id_len,
                  bool of_client, struct quic_keys *keys);
/* Writes the frames of a packet to frames; their length, or 0 when the keys do not open it. */
size_t quic_open(struct digest *d, const struct quic_keys *keys, const struct quic_initial *q,
                 uint8_t frames[QUIC_PACKET_MAX]);
