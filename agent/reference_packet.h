/* A captured packet as ndpiReader 4.2 looks at it. For reference.c only. */
#pragma once

#include "agent/capture/source.h"
#include "agent/decode/packet.h"

/* Fills a zeroed p; false for what that program passes over. */
bool reference_packet(const struct packet_view *view, struct packet *p);
