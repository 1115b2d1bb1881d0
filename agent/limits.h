/*
 * How much the agent may hold by its settings, and the memory that this takes: every table has a
 * cap, so the sum of all is known before the first packet.
 */
#pragma once

#include "agent/settings.h"

struct limits {
    unsigned workers;
    unsigned rings; /* of live sources, in the kernel's memory */
    uint64_t engine_bytes;
    uint64_t control_bytes;
    uint64_t ring_bytes; /* of all live sources */
};

enum { LIMITS_TEXT_SIZE = 512 };

struct limits limits_of(const struct settings *s);
/* Bytes of engine and control at most, capture rings not included. */
uint64_t limits_bytes(const struct limits *l);
/* "at most 300 MiB: …". Returns buf of LIMITS_TEXT_SIZE. */
char *limits_text(const struct settings *s, char *buf);
