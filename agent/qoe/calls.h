/*
 * Calls by their SIP messages, so that an RTP stream is known by its call, its codecs and their
 * clocks. Bounded: two sets of eight-way buckets; a full bucket gives up what was silent longest,
 * ended calls first, and that is counted. One worker owns it: of interfaces it
 * hears only what its worker gets, of files all (flow_quality_overhear).
 */
#pragma once

#include "agent/decode/packet.h"
#include "agent/decode/sip.h"
#include "common/err.h"
#include "common/wire/flows.h"

#include <stdbool.h>
#include <stdint.h>

enum { CALL_ENDS = 4 };

/* One call; half a kilobyte. */
struct call {
    uint64_t hash; /* of the whole Call-ID; 0: free */
    uint64_t used_ns;
    uint32_t caller;                 /* hash of the tag of who invited */
    uint16_t generation;             /* counts uses of this room */
    uint8_t state;                   /* enum flow_call_state */
    uint8_t held;                    /* bit per side: caller, called */
    char id[MEDIA_CALL_SIZE];        /* its tail is cut */
    struct sdp_media end[CALL_ENDS]; /* audio and video of the caller, then of the called */
};

/* A call as a stream remembers it; room 0: none. */
struct call_ref {
    uint32_t room; /* index + 1 */
    uint16_t generation;
    uint8_t end; /* index of the end that the media goes to */
};

struct calls;

struct calls *calls_new(struct err *e);
void calls_free(struct calls *c);
/* Bytes that they may come to touch. */
size_t calls_bytes(void);
/* Takes in a SIP message. */
void calls_note(struct calls *c, const struct sip_message *m, uint64_t now_ns);
/* The call that announced this address and port for its media; room 0 when none did. */
struct call_ref calls_find(const struct calls *c, uint8_t family, const struct addr *addr,
                           uint16_t port);
/* NULL when the call's room has since been given to another. */
const struct call *calls_at(const struct calls *c, struct call_ref ref);
/*
 * What a payload type means of the media that goes to the end (RFC 3264 section 5.1), or, with
 * `away`, of that which comes from it. CODEC_UNKNOWN and 0 when no SDP says.
 */
enum codec calls_codec(const struct calls *c, struct call_ref ref, bool away, uint8_t type,
                       uint32_t *clock_hz);
/* Calls given up for want of room. */
uint64_t calls_evicted(const struct calls *c);
