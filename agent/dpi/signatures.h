/*
 * What the library (4.2) leaves unknown and later ones name: a few protocols by the form of their
 * messages, and DNS away from its port. Pure, one look at a payload; every byte is checked that
 * the protocol fixes, so that others do not fit by chance.
 */
#pragma once

#include "agent/decode/packet.h"

#include <stdint.h>

struct signature {
    const char *protocol; /* by the name that later releases of the library use */
    const char *category;
};

/* Known by a conversation and not by one look: never told by signature_of. */
extern const uint8_t signature_openvpn;

/* A number for signature_at, or 0 when none fits. */
uint8_t signature_of(const struct packet *p);
/* NULL for 0 and behind the last. */
const struct signature *signature_at(uint8_t number);
