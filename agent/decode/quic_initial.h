/*
 * QUIC's Initial packets (RFC 9000 section 17.2.2, RFC 9369): where their protected part stands,
 * and the CRYPTO frames of an opened one. Keys are none of this file's business.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUIC_ID_MAX = 20 };

/* Versions that we read. */
#define QUIC_DRAFT_23 0xff000017u /* drafts up to 28 have the same keys… */
#define QUIC_DRAFT_28 0xff00001cu
#define QUIC_DRAFT_29 0xff00001du /* …those up to 32 the next… */
#define QUIC_DRAFT_32 0xff000020u
#define QUIC_DRAFT_33 0xff000021u /* …and the last two those of version 1 */
#define QUIC_DRAFT_34 0xff000022u
#define QUIC_V1       0x00000001u
#define QUIC_V2       0x6b3343cfu /* RFC 9369 */

/* Upper bits of others whose headers are alike, though their keys are not known here. */
#define QUIC_DRAFTS 0xff0000u  /* of 24 bits: any draft */
#define QUIC_MVFST  0xfaceb00u /* of 28 bits: drafts of mvfst's own */

/* An Initial packet; everything is borrowed from the datagram. */
struct quic_initial {
    uint32_t version;
    uint8_t id_len;
    const uint8_t *id;     /* the destination's connection id */
    const uint8_t *packet; /* from its first byte on */
    size_t number_at;      /* where the protected packet number begins, from packet */
    size_t len;            /* of the whole packet */
};

/* What one frame adds to the handshake's stream. */
struct quic_crypto {
    uint64_t offset;
    const uint8_t *bytes; /* borrowed */
    size_t len;
};

struct quic_walk {
    const uint8_t *at;
    const uint8_t *end;
};

/* True when the datagram begins with a long header of a version that we know. */
bool quic_is_long(const uint8_t *bytes, size_t len);
/* The first Initial packet of a datagram; false when there is none, or it is cut. */
bool quic_find_initial(const uint8_t *bytes, size_t len, struct quic_initial *q);

struct quic_walk quic_walk_begin(const uint8_t *frames, size_t len);
/* The next CRYPTO frame; false at the end, or at a frame that no Initial packet may hold. */
bool quic_walk_next(struct quic_walk *w, struct quic_crypto *crypto);
