/*
 * How the agent fares: reads the engine's figures out of shared memory once a second and keeps
 * them as sums that never fall, also when the engine is started anew; makes heartbeats, live
 * samples and the detectors' sample of them. Control's thread.
 */
#pragma once

#include "agent/detect/sample.h"
#include "agent/engine_link.h"
#include "common/wire/heartbeat.h"

#include <stdint.h>

enum { HEALTH_MINUTE = 12 }; /* heartbeats in a minute */

/* A counter of the engine, which begins at 0 with every new engine. */
struct health_sum {
    uint64_t last;
    uint64_t sum;
};

struct health_lane {
    struct health_sum packets, bytes, undecoded, fragments_shed, table_dropped, openings, early,
        dpi_refused, ring_flows, ring_accounts;
    uint64_t flows; /* gauge: live */
    struct health_sum source_packets[ENGINE_MAX_SOURCES], source_dropped[ENGINE_MAX_SOURCES];
};

/* Where a rate begins. */
struct health_mark {
    uint64_t mono_ns, packets, bytes, cpu_ms;
};

struct health {
    char boot[BOOT_ID_SIZE];
    uint64_t start_mono_ns; /* of the parent */
    struct agent_sample sample;
    struct health_lane lanes[ENGINE_MAX_WORKERS];
    uint32_t generation;
    uint64_t restarted_mono_ns; /* 0: never seen */
    uint32_t hung;              /* engines killed for standing still, as last read */
    uint64_t moved_mono_ns;     /* packets last grew; 0: never */
    uint64_t number;            /* of the last heartbeat */
    struct health_mark beat, live;
    uint64_t pss_bytes, cpu_ms;
    /* One minute of what drops are measured by, the newest at 0. */
    struct health_loss {
        uint64_t packets, packets_lost, records, records_lost;
    } minute[HEALTH_MINUTE + 1];
};

/* What control knows besides the engine's figures. */
struct health_outside {
    uint64_t hosts;       /* active */
    uint64_t engaged;     /* alerts */
    uint64_t flow_alerts; /* since boot */
    uint64_t denied;
    uint64_t records;         /* taken from the rings */
    uint64_t queue_dropped;   /* inside control */
    uint64_t client_dropped;  /* inside the NATS client */
    uint64_t config_revision; /* of the centre's configuration in force */
    bool config_refused;      /* the newest one was not taken over */
};

/* beats: heartbeats sent since boot, by the control before this one. */
void health_init(struct health *h, const char *boot, uint64_t start_mono_ns, uint64_t beats);
/* Reads the engine's figures into h->sample; the spool's are left to the caller. */
void health_read(struct health *h, const struct engine_link *link, uint64_t wall_ns,
                 uint64_t mono_ns);
/* The next heartbeat; call after health_read, every HEARTBEAT_PERIOD_MS. */
struct heartbeat health_beat(struct health *h, const struct health_outside *outside,
                             uint64_t wall_ns, uint64_t mono_ns);
/* The sample of the last second; call after health_read. */
struct live_sample health_live(struct health *h, const struct health_outside *outside,
                               uint64_t wall_ns, uint64_t mono_ns);
/* All drops since control started, every hop. */
uint64_t health_dropped(const struct health *h, const struct health_outside *outside);
