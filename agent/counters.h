/*
 * Ten-second counters of the whole instance, its capture sources, its applications and its
 * busiest hosts, made from the engine's account records. An interval belongs to packet time and
 * begins at a multiple of ten seconds UTC; it is closed a little later, because accounts come up
 * to two seconds after their packets. What comes later still counts in the interval then open, so
 * that sums stay right. Control's thread.
 */
#pragma once

#include "agent/flow/record.h"
#include "common/err.h"
#include "common/wire/counters.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    COUNTERS_LATE_S = 3,        /* an interval stays open so long after its end */
    COUNTERS_APPS = 64,         /* applications told for an interval: those with most bytes */
    COUNTERS_HOSTS = 50,        /* hosts likewise */
    COUNTERS_APPS_MAX = 1024,   /* applications held while an interval is open */
    COUNTERS_HOSTS_MAX = 16384, /* hosts likewise; more are in the total only */
    COUNTERS_SOURCES_MAX = 8,
};

struct counters;
typedef void (*counter_fn)(const struct counter_record *record, void *arg);
/* Whether an address belongs to the local networks. */
typedef bool (*counters_local_fn)(enum addr_family family, const struct addr *addr, void *arg);

/* now_ns: UTC. take gets the records of a closed interval. NULL and e on failure. */
struct counters *counters_new(uint64_t now_ns, counter_fn take, counters_local_fn is_local,
                              void *arg, struct err *e);
void counters_free(struct counters *c);
void counters_account(struct counters *c, const struct account *a);

/* What accounts do not tell. Drops are cumulative: counters makes deltas of them. */
struct counters_gauges {
    uint32_t flows; /* live */
    uint32_t hosts; /* active */
    uint64_t dropped;
    size_t source_count;
    struct {
        char name[SOURCE_NAME_SIZE];
        uint64_t dropped;
    } sources[COUNTERS_SOURCES_MAX];
};
/* Closes the interval when its time has come. Every second or so, from the beginning on. */
void counters_tick(struct counters *c, uint64_t now_ns, const struct counters_gauges *gauges);
/* Closes what is open, at the end of the program. */
void counters_flush(struct counters *c, const struct counters_gauges *gauges);
