/*
 * Which part of control takes which section of the centre's configuration: the one place to plug
 * in a new one. Called by control_parts.c.
 */
#pragma once

#include "agent/uplink/remote_config.h"

#include <stddef.h>

struct control;

enum { CONTROL_CONSUMERS_MAX = 8 };

/* Fills list (of CONTROL_CONSUMERS_MAX) and returns how many; their parts are open by then. */
size_t control_consumers(struct control *c, struct config_consumer *list);
