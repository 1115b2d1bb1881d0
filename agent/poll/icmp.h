/*
 * ICMP echoes of all probes over two sockets, one for each family. Opening them may take a right
 * that only the agent's parent has: icmp_open is its; the rest is the poller's thread.
 */
#pragma once

#include "agent/poll/net.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

struct icmp_sockets {
    int ipv4, ipv6;  /* -1: not to be had */
    bool raw4, raw6; /* a raw socket hears everybody's answers, a datagram one only its own */
};

/* Opens what can be opened; 0 when at least one could be, else -1 and e says why. */
int icmp_open(struct icmp_sockets *sockets, struct err *e);
void icmp_close(struct icmp_sockets *sockets);

enum { PING_MAX = 20 };

/* How a run of echoes went. */
struct ping_result {
    uint16_t sent, received;
    uint32_t min_us, mean_us, max_us, jitter_us; /* of those received */
    const char *error;                           /* why none could be sent; "" else */
};
typedef void (*ping_done_fn)(const struct ping_result *result, void *arg);

struct echoes;
struct ping;

/* Takes over nothing: the sockets stay the caller's. NULL and e when memory is short. */
struct echoes *echoes_new(uv_loop_t *loop, const struct icmp_sockets *sockets, struct err *e);
/* All pings were dropped before. NULL is fine. */
void echoes_free(struct echoes *echoes);

/* Sends so many echoes, a fifth of a second apart. done comes later, never from here. */
struct ping *echoes_ping(struct echoes *echoes, const struct net_address *to, unsigned count,
                         uint32_t timeout_ms, ping_done_fn done, void *arg, struct err *e);
/* Ten times a second. May call back, and then the ping is gone. */
void ping_tick(struct ping *ping, uint64_t mono_ms);
/* Ends it without a word. NULL is fine. */
void ping_drop(struct ping *ping);
