/*
 * The agent's active side: devices over SNMP and probes, each in its own interval, on one thread
 * with a loop of its own, so that nothing here holds up control. What they find comes back through
 * a bounded queue; control drains it when it is woken.
 */
#pragma once

#include "agent/poll/icmp.h"
#include "common/err.h"
#include "common/wire/config_probe.h"
#include "common/wire/config_snmp.h"
#include "common/wire/devices.h"
#include "common/wire/probes.h"

#include <stddef.h>
#include <stdint.h>

struct poller;

enum { POLLER_DEVICES_MAX = 1024, POLLER_PROBES_MAX = 1024 };

/* All targets at once: what is not among them is forgotten. */
struct poller_plan {
    struct config_snmp *devices; /* owned */
    size_t device_count;
    struct config_probe *probes; /* owned */
    size_t probe_count;
};
/* NULL is fine. Secrets are wiped. */
void poller_plan_free(struct poller_plan *plan);

/* Called by control's thread inside poller_drain. */
struct poller_sink {
    void (*device)(const struct device_record *record, void *arg);
    void (*probe)(const struct probe_record *record, void *arg);
    void *arg;
};

struct poller_options {
    struct icmp_sockets icmp; /* stay the caller's */
    void (*wake)(void *arg);  /* on the poller's thread: there is something to drain */
    void *arg;
};

/* Once, while the process has one thread. */
void poller_start(void);
/* Begins its thread, without targets. NULL and e on failure. */
struct poller *poller_open(const struct poller_options *options, struct err *e);
/* Ends the thread and forgets what was not drained. NULL is fine. */
void poller_close(struct poller *p);

/* Takes over the plan, which comes into force soon. Control's thread. */
void poller_set(struct poller *p, struct poller_plan *plan);
/* Hands on what came. Control's thread. */
void poller_drain(struct poller *p, const struct poller_sink *sink);
/* Records that had no room, since open. */
uint64_t poller_dropped(const struct poller *p);
