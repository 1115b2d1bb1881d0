/*
 * The shared memory between engine and control, laid out by the parent before it starts either:
 * one lane a worker (rings of flows, accounts and sightings, command, snapshot, counters) and a
 * head that says how the engine fares. Nobody trusts more than the types say: the engine parses
 * hostile bytes, so control checks every index and length that it reads from here.
 */
#pragma once

#include "agent/collect/collect.h"
#include "agent/flow/record.h"
#include "agent/flow/sighting.h"
#include "common/err.h"
#include "common/ring.h"
#include "common/wire/query.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    ENGINE_MAX_WORKERS = 8,
    ENGINE_MAX_SOURCES = 8,
    ENGINE_FLOW_SLOTS = 4096,
    ENGINE_ACCOUNT_SLOTS = 16384,
    ENGINE_SIGHTING_SLOTS = 1024,
    ENGINE_EXPORTER_SLOTS = 128, /* a second's news of all exporters */
    ENGINE_TEXT_SIZE = 128
};

/* State of one capture source, written by the worker that reads it. */
enum source_state { SOURCE_STARTING, SOURCE_RUNNING, SOURCE_ENDED, SOURCE_FAILED };

struct source_stats {
    char name[SOURCE_NAME_SIZE];
    char error[ENGINE_TEXT_SIZE]; /* why it failed; set before state */
    uint8_t collects;             /* 1: takes what flow exporters send; set before state */
    _Atomic uint32_t state;       /* enum source_state */
    _Atomic uint64_t packets;
    _Atomic uint64_t bytes[2]; /* client to server, server to client; by flow direction */
    _Atomic uint64_t kernel_dropped;
    _Atomic uint32_t read_permille; /* how far a file was read; 0 of an interface */
};

/* Written by the worker, read by control; cumulative since the engine started, or gauges. */
struct worker_stats {
    _Atomic uint64_t progress; /* grows with every turn of the loop: the watchdog's food */
    _Atomic uint64_t packets, bytes;
    _Atomic uint64_t undecoded;      /* packets of no protocol we decode, or cut short */
    _Atomic uint64_t fragments_shed; /* fragments that no datagram was made of */
    _Atomic uint64_t flows;          /* gauge: live flows */
    _Atomic uint64_t flows_max;      /* gauge: the table's cap */
    _Atomic uint64_t flows_refused;  /* packets without a flow because the table was full */
    _Atomic uint64_t shed_openings;  /* unanswered SYNs that went without a record: too many */
    _Atomic uint64_t shed_flows;     /* flows that were told to their end early, to make room */
    _Atomic uint64_t dpi_states;     /* gauge: live nDPI states */
    _Atomic uint64_t dpi_refused;    /* flows without DPI because of the cap */
    _Atomic uint64_t clock_ns;       /* the worker's packet time */
    _Atomic uint32_t breadcrumb;     /* nDPI protocol id last in work + 1, 0 outside nDPI */
    struct source_stats sources[ENGINE_MAX_SOURCES];
};

/* One question at a time a lane: control waits for the answer or drops it after the deadline. */
struct engine_question {
    uint64_t id; /* never 0, counts up */
    struct query_filter filter;
    char sort[QUERY_WORD_SIZE]; /* bytes, bps, first, last, duration, packets… */
    bool desc;
    uint32_t limit; /* rows wanted, at most QUERY_LIMIT_MAX */
};

/* A live flow: in its record the numbers are totals since the flow began, not deltas. */
struct live_flow {
    struct flow_record record;
    uint64_t bps; /* bits/s over the last account period */
};

struct engine_snapshot {
    _Atomic uint64_t ready_id; /* equals the question's id once rows may be read */
    uint32_t count;
    uint32_t partial; /* 1: the scan was cut short */
    uint64_t total;   /* flows that match */
    struct live_flow rows[QUERY_LIMIT_MAX];
};

struct engine_lane {
    struct worker_stats *stats;
    struct ring *flows;     /* struct record; engine → control */
    struct ring *accounts;  /* struct account; engine → control */
    struct ring *sightings; /* struct sighting; engine → control */
    struct ring *exporters; /* struct exporter_view; engine → control */
    struct ring *questions; /* struct engine_question; control → engine */
    struct engine_snapshot *snapshot;
};

/* How the engine fares, written by the parent. */
struct engine_health {
    _Atomic uint32_t generation;         /* counts starts of the engine; 0 before the first */
    _Atomic int32_t last_exit;           /* wait status of the last engine that ended */
    _Atomic uint32_t last_breadcrumb;    /* what it surely died of; 0: not known (blame.h) */
    _Atomic uint32_t switched_off;       /* that and the same before: its dissector is off now */
    _Atomic uint64_t died_mono_ns;       /* when it was seen to end */
    _Atomic uint32_t control_generation; /* counts starts of control */
    _Atomic uint32_t hung;               /* engines killed because their progress stood still */
    _Atomic int32_t engine_pid;          /* 0 while there is none */
    _Atomic int32_t control_pid;
    /* Of parent, engine and control together, renewed every few seconds. */
    _Atomic uint64_t pss_bytes;
    _Atomic uint64_t cpu_ms;        /* since the agent started, dead children included */
    _Atomic uint32_t walls;         /* enum engine_wall bits in force in the engine */
    _Atomic uint64_t control_turns; /* written by control, grows every second: see parent.c */
    /* Written by control, for the control that comes after it: since boot. */
    _Atomic uint64_t beats;
    _Atomic uint64_t flow_alerts;
    /* Written by control, read by the workers: counts changes of the rules that judge flows. */
    _Atomic uint32_t rules; /* 0: there are none, and nothing is told for them */
};

/* Bits of engine_health.walls, written by the engine once it is behind them. */
enum engine_wall { WALL_CAPABILITIES = 1, WALL_LANDLOCK = 2, WALL_SECCOMP = 4 };

struct engine_link {
    unsigned workers;
    uint64_t share_key; /* of agent/share.h and capture/fanout.h */
    struct engine_health *health;
    struct engine_lane lanes[ENGINE_MAX_WORKERS];
    int to_control;                    /* eventfd: records wait */
    int to_worker[ENGINE_MAX_WORKERS]; /* eventfd: a question waits, or stop */
    size_t size;
    void *memory;
};

/* Parent: makes memory and descriptors for so many workers; children inherit both by fork. */
int engine_link_open(struct engine_link *link, unsigned workers, struct err *e);
void engine_link_close(struct engine_link *link);
/* Parent, before a new engine starts: empties what a dead engine left half written. */
void engine_link_reset(struct engine_link *link);
