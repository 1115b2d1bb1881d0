/*
 * What the first packets of a flow give away of the programs and systems at its ends: JA4, JA3 and
 * JA3S of TLS (in TCP, QUIC and DTLS), HASSH of SSH, the User-Agent of clear HTTP, and the form of
 * the SYN. A flow without any of it costs nothing here. Worker thread only.
 */
#pragma once

#include "agent/decode/packet.h"
#include "common/err.h"
#include "common/wire/prints.h"

#include <stdbool.h>
#include <stdint.h>

struct prints;

enum { PRINT_LOOKED_ENOUGH = 255 };

/* For flows numbered from 1 to so many, and one that stands in no table, number 0. NULL and e on
 * failure. */
struct prints *prints_new(uint32_t max_flows, struct err *e);
void prints_free(struct prints *ps);
/* Bytes that it takes at most. */
size_t prints_bytes(uint32_t max_flows);

/*
 * For each packet of a flow until *looked, 0 at first, is PRINT_LOOKED_ENOUGH; later fragments are
 * passed over.
 */
void prints_look(struct prints *ps, uint32_t flow, uint8_t *looked, const struct packet *p,
                 bool from_client);
/* What the TLS client's hello that the last look found offers first (ALPN); len 0: none found. */
struct print_alpn {
    const uint8_t *protocol; /* borrowed until the next look */
    size_t len;
};
struct print_alpn prints_alpn(const struct prints *ps);
/* What is known by now; all zero when nothing is. */
void prints_fill(const struct prints *ps, uint32_t flow, struct flow_prints *to);
/* True when one of the flow's fingerprints reads so. */
bool prints_match(const struct prints *ps, uint32_t flow, const char *text);
/* Gives back what the flow holds. */
void prints_drop(struct prints *ps, uint32_t flow);
