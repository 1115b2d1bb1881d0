/* Sharing of one interface between workers, each with a socket of its own. For live.c only. */
#pragma once

#include "common/err.h"

#include <stdint.h>

/*
 * Puts a packet socket, bound and running, into the group: from then on the kernel gives each
 * packet to one socket of it. All packets between two hosts, both ways, go to the same one.
 * Returns 0, or -1 and e.
 */
int fanout_join(int fd, uint16_t group, struct err *e);
