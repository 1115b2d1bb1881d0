/*
 * Connections that wait for their first answer: a SYN is kept as it came, in two cache lines, until
 * something tells that there is a flow, or that there will be none. So scans and forged SYNs cost
 * a tenth of a flow. Bounded; worker thread only.
 */
#pragma once

#include "agent/decode/packet.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HALF_OPEN_HEADER = 80 }; /* IPv6 with the TCP options that Linux sends */

struct half_open {
    uint8_t header[HALF_OPEN_HEADER]; /* of the SYN, from IP on */
    uint64_t first_ns;
    uint64_t id;      /* of the flow to be */
    uint32_t last_us; /* the newest repetition, after the first */
    struct mac src_mac;
    struct mac dst_mac;
    uint16_t vlan;
    uint8_t header_len; /* 0: no longer in use, waits for its time to come round */
    uint8_t source;     /* index of the capture source */
    uint8_t packets;    /* the SYN and its repetitions */
    uint8_t told;       /* of them, those in an account that has left */
    uint8_t known_told; /* as in struct flow */
    uint8_t known_rules;
    uint32_t next;   /* in the same slot of the wheel */
    uint32_t origin; /* as in struct endpoints */
};

_Static_assert(sizeof(struct half_open) == 128, "two cache lines");

/* All in nanoseconds. */
struct half_open_limits {
    uint64_t unanswered; /* after the last SYN the attempt is given up */
    uint64_t account;    /* an account is due so long after the first SYN that is not in one */
};

struct half_open_cache;

struct half_open_cache *half_open_new(uint32_t max, const struct half_open_limits *limits,
                                      struct err *e);
void half_open_free(struct half_open_cache *c);

/*
 * True when the packet is a SYN that can be kept whole: no data, no more options than there is room
 * for, out of no tunnel whose id its origin does not tell.
 */
bool half_open_fits(const struct packet *p);
/* The attempt between these ends, in either direction; NULL when there is none. */
struct half_open *half_open_find(const struct half_open_cache *c, uint32_t tag,
                                 const struct endpoints *ends);
/* Keeps a packet that fits; tag is that of its ends. NULL when the cache is full. */
struct half_open *half_open_add(struct half_open_cache *c, uint32_t tag, const struct packet *p);
void half_open_remove(struct half_open_cache *c, uint32_t tag, struct half_open *h);
/* The one that is due first, or NULL when there is none. */
struct half_open *half_open_first(struct half_open_cache *c);

/* The SYN as it was when it came; its pointers are good as long as h. */
void half_open_packet(const struct half_open *h, struct packet *p);
uint64_t half_open_last_ns(const struct half_open *h);
/* When the open account period began; UINT64_MAX when all is told. */
uint64_t half_open_account_ns(const struct half_open *h);

/* Sees to an attempt that is due: tells of it, or removes it. */
typedef void (*half_open_fn)(struct half_open *h, void *arg);
/* Calls fn for what is due by now_ns, at most budget of them. Returns how many. */
unsigned half_open_run(struct half_open_cache *c, uint64_t now_ns, unsigned budget, half_open_fn fn,
                       void *arg);
/* The clock was set back. */
void half_open_shift_back(struct half_open_cache *c, uint64_t by_ns);

uint32_t half_open_count(const struct half_open_cache *c);
/* Bytes for so many, all in. */
size_t half_open_bytes(uint32_t max);
