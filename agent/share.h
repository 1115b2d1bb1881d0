/*
 * Which of several workers has a packet of a source that each of them reads whole, such as a file:
 * a keyed hash of both addresses decides. It is the same both ways, so that a worker has all flows
 * between two hosts, with what their ICMP errors tell of them. Inside a tunnel the inner addresses
 * count, so that the records are the same for any number of workers. Interfaces are shared by the
 * kernel, which knows the outer ones alone (capture/fanout.c).
 */
#pragma once

#include "agent/decode/packet.h"

#include <stdbool.h>
#include <stdint.h>

struct share {
    uint64_t key;   /* random, the same in all workers: nobody outside can load one of them */
    unsigned index; /* of this worker */
    unsigned count; /* of workers, at least 1 */
};

/* Whether a packet with these ends belongs to this worker. */
bool share_has(const struct share *share, const struct endpoints *ends);
