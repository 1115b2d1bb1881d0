/*
 * Datagrams put together again from their fragments (RFC 791 section 3.2, RFC 8200 section 4.5),
 * in memory of a fixed size. Held fragments count when the datagram is whole, as one packet that
 * tells how many it was; one that does not become whole in time, or is pushed out by newer ones,
 * is given back for counting without its content. Fragments that overlap with other bytes than
 * before are refused with all of their datagram (RFC 5722): what a receiver makes of them is
 * anybody's guess. Worker thread only.
 */
#pragma once

#include "agent/decode/packet.h"
#include "common/err.h"

struct fragments;

/* Less is not enough for a datagram in the making beside the one that is with the caller. */
enum { FRAGMENTS_MIN_BYTES = 132 * 1024 };

enum fragment_result {
    FRAGMENT_HELD,  /* counts later */
    FRAGMENT_WHOLE, /* it was the last one that lacked */
    FRAGMENT_ALONE, /* not put together: counts by itself, with ports where they are known */
};

/* A datagram as its sender made it: an IP packet. */
struct datagram {
    const uint8_t *bytes;
    size_t len;
};

/*
 * Memory for datagrams, used as they come, FRAGMENTS_MIN_BYTES or more; 0: none is put together.
 * NULL and e on failure.
 */
struct fragments *fragments_new(size_t bytes, struct err *e);
void fragments_free(struct fragments *f);
/*
 * Takes a packet with `fragment` set. With FRAGMENT_WHOLE, whole is the datagram, good until the
 * next is, and p has `fragment` cleared and tells in more_packets and more_bytes what the
 * fragments took beyond it.
 */
enum fragment_result fragments_take(struct fragments *f, struct packet *p, struct datagram *whole);
/*
 * The next datagram that was given up by now_ns (UINT64_MAX: all that are left), as one packet
 * without content. False when there is none. Call until then after each fragments_take, and now
 * and then.
 */
bool fragments_give_up(struct fragments *f, uint64_t now_ns, struct packet *p);
/* The clock was set back by so much: what is held follows it, since it would else never be late. */
void fragments_shift_back(struct fragments *f, uint64_t by_ns);
