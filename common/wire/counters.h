/*
 * Ten-second counters, packed: one record is one measured thing in one interval. Deltas, never
 * totals, so that sums over any range are right. Stream "ctr", schema 1.
 */
#pragma once

#include "common/addr.h"
#include "common/err.h"
#include "common/wire/flows.h"

#include <stddef.h>
#include <stdint.h>

enum { COUNTER_SCHEMA = 1, COUNTER_PACKED_MAX = 256, COUNTER_INTERVAL_S = 10 };

enum counter_kind {
    COUNTER_INTERFACE = 1, /* name = capture source */
    COUNTER_APP = 2,       /* name = nDPI application */
    COUNTER_HOST = 3,      /* addr, vlan, local; one of the interval's top hosts */
    COUNTER_TOTAL = 4,     /* the whole instance: hosts and flows are gauges at the end */
};

struct counter_record {
    uint8_t kind; /* enum counter_kind */
    uint8_t family;
    uint8_t local; /* host inside the configured local networks */
    uint16_t vlan;
    uint64_t start_ns; /* UTC, a multiple of the interval */
    uint32_t seconds;  /* length of the interval */
    struct addr addr;
    char name[PROTO_NAME_SIZE];
    uint64_t bytes_in;  /* host: received; interface, app, total: server to client */
    uint64_t bytes_out; /* host: sent; interface, app, total: client to server */
    uint64_t packets;
    uint64_t dropped; /* interface: by the kernel; total: at every hop of the agent */
    uint32_t flows;   /* new flows in the interval; total: live flows at its end */
    uint32_t hosts;   /* total: active hosts at its end; otherwise 0 */
};

size_t counter_record_pack(const struct counter_record *r, void *buf, size_t size);
int counter_record_unpack(const void *bytes, size_t len, struct counter_record *r, struct err *e);
