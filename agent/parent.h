/*
 * The parent of engine and control: starts both, restarts what dies, watches the engine's
 * progress, hands on reload and stop. It reads no byte from outside and keeps only the right to
 * open capture sockets. When it dies, the children die with it.
 */
#pragma once

#include "agent/settings.h"
#include "common/err.h"

struct parent_options {
    const char *config_path; /* read again on SIGHUP; NULL: environment alone */
    int ledger_fd;           /* handed to control; -1: none */
    const char *alive_file;  /* touched while all is well, for a health check; NULL: none */
};

/*
 * Runs until SIGTERM or SIGINT. Takes over settings. Returns the exit status: 0 after a clean
 * stop, 1 when it could not start.
 */
int parent_run(struct settings *settings, const struct parent_options *options);
