/* The assets between control's other parts: their records go to the uplink, their events to the
 * alerts. */
#pragma once

#include "agent/control_parts.h"

/* Opens the assets and lets the intake hand them sightings. 0, or -1 and e. */
int control_assets_open(struct control *c, uint64_t now_ns, struct err *e);
/* The settings in force have changed. */
void control_assets_reload(struct control *c);
