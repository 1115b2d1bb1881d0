/*
 * Ports for the later fragments of a datagram: only the first one carries them, so it leaves them
 * here for the rest. A small direct-mapped cache; what is not found any more (or came in the wrong
 * order) is counted on a flow without ports. Worker thread only.
 */
#pragma once

#include "agent/decode/packet.h"
#include "common/err.h"

struct fragments;

struct fragments *fragments_new(struct err *e);
void fragments_free(struct fragments *f);
/* For a packet with `fragment` set: keeps its ports, or fills them in. */
void fragments_note(struct fragments *f, struct packet *p);
