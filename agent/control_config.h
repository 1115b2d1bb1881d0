/*
 * Which part of control takes which section of the centre's configuration: the one place to plug
 * in a new one. Called by control_parts.c.
 */
#pragma once

#include "agent/uplink/remote_config.h"

#include <stddef.h>

struct control;

enum { CONTROL_CONSUMERS_MAX = 8 };

/* The sections that judge flows. */
enum control_rules { RULES_ACL, RULES_NETCONF, RULES_POLICY };
enum { RULES_COUNT = 3 };

/* Tells the centre how often rules were hit since it was told last. Every few seconds. */
void control_tell_hits(struct control *c);
/* Frees what the rules hold. */
void control_rules_done(struct control *c);
/* Fills list (of CONTROL_CONSUMERS_MAX) and returns how many; their parts are open by then. */
size_t control_consumers(struct control *c, struct config_consumer *list);
