/*
 * SNMPv3 engine discovery (RFC 3414 section 4): one constant question, whose answer names the
 * device's engine. Our own, because net-snmp's waits for the answer where it is asked, and a
 * silent device would hold up all others. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISCOVER_SIZE = 64, ENGINE_ID_SIZE = 32 };

struct engine_id {
    uint8_t bytes[ENGINE_ID_SIZE];
    size_t len; /* 0: not known */
};

/* Writes the question with this message id (up to 2^31 - 1); returns its length. */
size_t discover_ask(uint32_t id, uint8_t buf[DISCOVER_SIZE]);
/* True when bytes are the answer to that id; then engine is filled. */
bool discover_read(const uint8_t *bytes, size_t len, uint32_t id, struct engine_id *engine);
