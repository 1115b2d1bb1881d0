/*
 * The agent as it is at one moment, for detectors that judge the agent itself. Filled once a
 * second by control. Counters are cumulative since control started and never fall, also when the
 * engine is started anew.
 */
#pragma once

#include "agent/collect/collect.h"
#include "common/wire/flows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAMPLE_SOURCES_MAX = 8, SAMPLE_TEXT_SIZE = 128 };

enum sample_source_state {
    SAMPLE_SOURCE_STARTING,
    SAMPLE_SOURCE_RUNNING,
    SAMPLE_SOURCE_ENDED, /* a file that was read to its end */
    SAMPLE_SOURCE_FAILED,
};

struct source_sample {
    char name[SOURCE_NAME_SIZE];
    char error[SAMPLE_TEXT_SIZE]; /* why it failed; "" otherwise */
    enum sample_source_state state;
    bool collects; /* takes what flow exporters send, not packets */
    uint64_t packets;
    uint64_t dropped; /* by the kernel */
};

struct agent_sample {
    uint64_t now_ns; /* UTC */
    size_t source_count;
    struct source_sample sources[SAMPLE_SOURCES_MAX];
    uint64_t packets, bytes;
    uint64_t undecoded;
    uint64_t fragments_shed;               /* fragments that no datagram was made of */
    uint64_t flows, flows_max;             /* gauges */
    uint64_t table_dropped;                /* packets without a flow: the table was full */
    uint64_t openings_dropped;             /* unanswered SYNs without a record: too many */
    uint64_t flows_early;                  /* told to their end early, to make room */
    uint64_t ring_dropped;                 /* records that found their ring full */
    uint64_t dpi_states;                   /* gauge */
    uint64_t dpi_refused;                  /* flows that went without DPI */
    uint32_t engine_generation;            /* counts starts of the engine; 0 before the first */
    uint32_t control_generation;           /* counts starts of control */
    int engine_exit;                       /* wait status of the last engine that ended */
    bool engine_hung;                      /* it was killed because it stood still */
    char engine_in_hand[SAMPLE_TEXT_SIZE]; /* dissector at work when it ended; "" when none */
    bool engine_switched_off;              /* and it is off from now on */
    uint64_t spool_records, spool_bytes, spool_cap_bytes; /* waiting; gauges */
    uint64_t spool_age_s;
    uint64_t spool_dropped;
    /* Flow exporters as last heard of; borrowed until the next sample. */
    const struct exporter_view *exporters;
    size_t exporter_count;
    uint64_t config_revision; /* of the centre's configuration in force; 0: none */
    uint32_t reloads;         /* times that the own settings were taken over anew */
    uint64_t alerts_refused;  /* findings that the alert engine had no room for */
};
