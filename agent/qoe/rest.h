/*
 * A TCP flow's quality at rest. Most flows of a table are silent most of the time: their state is
 * then kept in a quarter of its room, and comes back exactly as it was with their next packet.
 */
#pragma once

#include "agent/qoe/tcp.h"
#include "common/squeeze.h"

_Static_assert(sizeof(struct qoe_tcp) % 16 == 0, "it is squeezed in groups of 16 bytes");

enum { QOE_REST_ROOM = SQUEEZE_ROOM(sizeof(struct qoe_tcp)) };

/* Writes the state into out, QOE_REST_ROOM bytes; returns how many are used. */
size_t qoe_tcp_rest(struct qoe_tcp *q, uint8_t *out);
void qoe_tcp_wake(struct qoe_tcp *q, const uint8_t *in);
