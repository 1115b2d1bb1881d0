/*
 * The poller as control has it: the sections "snmp" and "probe" of the centre's configuration go
 * in, what it finds goes to the detectors and into the spool. Control's thread.
 */
#pragma once

#include "agent/poll/poller.h"
#include "agent/uplink/remote_config.h"

#include <uv.h>

struct control;

struct control_poll {
    struct poller *poller;
    uv_async_t wake;
    bool woken;              /* wake is a handle of the loop */
    struct poller_plan plan; /* as last taken from either section; owned */
    uint64_t dropped;        /* as last logged */
};

/* Starts the poller's thread; control's loop is there, the uplink comes later. 0, or -1 and e. */
int control_poll_open(struct control *c, struct err *e);
/* Ends the thread; before the uplink closes. */
void control_poll_close(struct control *c);

/* Consumers of the two sections, with a struct control as arg. */
int control_poll_take_devices(const json_t *items, void *arg, struct err *e);
int control_poll_take_probes(const json_t *items, void *arg, struct err *e);
