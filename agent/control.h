/*
 * Control: the child that keeps hosts, judges, alerts and talks to the centre. It sees no packet;
 * its food is the engine's records in shared memory. Started by the parent, again and again.
 */
#pragma once

#include "agent/engine_link.h"
#include "agent/poll/icmp.h"
#include "agent/settings.h"
#include "common/wire/heartbeat.h"

#include <stdint.h>

/* What the parent hands to each control it starts. */
struct control_start {
    char boot[BOOT_ID_SIZE]; /* random id of this run of the agent */
    uint64_t start_wall_ns;  /* when the parent started */
    uint64_t start_mono_ns;
    uint32_t generation;      /* 1 for the first control, counts up with each restart */
    int ledger_fd;            /* each accepted record is written there; -1: none */
    struct icmp_sockets icmp; /* for echoes; opened by the parent, who may */
    const char *config_path;  /* read again on SIGHUP; NULL: environment alone */
};

/*
 * Runs until SIGTERM, then drains the rings, says goodbye and returns the exit status. On SIGHUP
 * it reads its reloadable settings again. Called once, in the child.
 */
int control_run(const struct settings *settings, struct engine_link *link,
                const struct control_start *start);
