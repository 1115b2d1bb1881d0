/* How long a TCP connection takes to open. Poller's thread. */
#pragma once

#include "agent/poll/net.h"
#include "common/wire/probes.h"

struct dial;
/* took_us is 0 unless state is PROBE_OK. */
typedef void (*dial_done_fn)(enum probe_state state, uint32_t took_us, const char *why, void *arg);

/* done comes later, never from here. NULL and e on failure. */
struct dial *dial_begin(uv_loop_t *loop, const struct net_address *to, uint32_t timeout_ms,
                        dial_done_fn done, void *arg, struct err *e);
/* Ten times a second. May call back, and then the dial is gone. */
void dial_tick(struct dial *dial, uint64_t mono_ms);
/* Ends it without a word. NULL is fine. */
void dial_drop(struct dial *dial);
