/* The engine: the child that reads packets. Started by the parent; holds no rights, files or net.
 */
#pragma once

#include "agent/engine_link.h"
#include "agent/settings.h"

/*
 * Opens the sources, enters its walls, runs the workers until SIGTERM, sends the last records and
 * returns the exit status. Called once, in the child.
 */
int engine_run(const struct settings *settings, struct engine_link *link);
