/* The services of one asset: what its flows show that it answers on, and what that is called. */
#pragma once

#include "agent/flow/record.h"
#include "common/wire/assets.h"

#include <stdbool.h>
#include <stdint.h>

/* "https" for 443 over TCP; "" for a port that nobody has agreed on. */
const char *service_of_port(uint8_t transport, uint16_t port);
/*
 * True when the record shows that its server answers as one: a handshake was seen, or the ports
 * leave no doubt who is the server. A connection joined in its middle tells too little.
 */
bool service_is_shown(const struct flow_record *r);
/*
 * Notes a service that answered. protocol: what DPI saw, "" or "Unknown" when it could not tell.
 * Returns it, or NULL when there is no room; *is_new when it was not known.
 */
struct asset_service *services_note(struct asset_service *list, uint8_t *count,
                                    const struct asset_service *seen, bool *is_new);
