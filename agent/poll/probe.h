/* One target that is tried in regular intervals, by ICMP, TCP or HTTP. Poller's thread. */
#pragma once

#include "agent/poll/http.h"
#include "agent/poll/icmp.h"
#include "common/err.h"
#include "common/wire/config_probe.h"
#include "common/wire/probes.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct probe;

/* Borrowed for the call. */
typedef void (*probe_record_fn)(const struct probe_record *record, void *arg);

/* What probes share. */
struct probe_tools {
    uv_loop_t *loop;
    struct echoes *echoes;
    struct http *http;
    probe_record_fn take;
    void *arg;
};

/* NULL and e when memory is short. */
struct probe *probe_new(const struct probe_tools *tools, const struct config_probe *conf,
                        struct err *e);
/* Ends a run under way without a word. NULL is fine. */
void probe_free(struct probe *p);

const struct config_probe *probe_conf(const struct probe *p);
void probe_run(struct probe *p); /* not while busy */
bool probe_is_busy(const struct probe *p);
void probe_tick(struct probe *p, uint64_t mono_ms); /* ten times a second while busy */
