/*
 * Round trips of one side of the tap: the median and variation of windows, for the score, and what
 * stands in records, which is of every single one since the last record. TCP finds them by its
 * matchers (tcp_rtt.h); QUIC's spin bit and RTCP tell them singly.
 */
#pragma once

#include "agent/qoe/samples.h"
#include "common/latency.h"
#include "common/wire/flows.h"

#include <stdbool.h>
#include <stdint.h>

enum { QOE_MIN_PAIRS = 4 };

/* Since the last record. */
struct qoe_trips_sum {
    struct latencies trips;
    uint32_t pairs; /* of successive ones, in var_sum */
    uint64_t var_sum;
};

struct qoe_trips {
    /* The open window. */
    struct qoe_samples window;
    uint32_t last_us; /* the trip before, of whichever window; 0: none */
    uint32_t pairs;
    uint64_t var_sum;
    /* Results. */
    uint32_t min_us;    /* of the whole flow, 0: none */
    uint32_t median_us; /* of the newest window that had one, 0: none */
    struct qoe_trips_sum sum;
    struct flow_rtt before; /* what the last record said that had any */
};

/* What a window says when it closes. */
struct qoe_rtt_window {
    uint32_t median_us; /* of this window, else of the newest before it; 0: never known */
    uint32_t var_us;
    uint32_t samples; /* of this window; 0 when it stays open */
    bool fresh;       /* median_us is of this window */
    bool var_known;
};

/* 0, and what takes longer than ten seconds, is none. */
void qoe_trips_add(struct qoe_trips *t, uint32_t us);
/* Ends a window of at least `least` samples; else it stays open. */
struct qoe_rtt_window qoe_trips_close(struct qoe_trips *t, uint32_t least);
/* A record has left: what comes now is of the next one. */
void qoe_trips_told(struct qoe_trips *t);
/*
 * Fills the record's round trips of a side: since the last one, or (news false, for the eye of a
 * person) what that one said when nothing came.
 */
void qoe_trips_fill(const struct qoe_trips *t, bool news, unsigned side, struct flow_record *r);
