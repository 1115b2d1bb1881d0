/*
 * Round trips of one side of the tap that come singly, as QUIC's spin bit and RTCP tell them: the
 * median and variation of windows, and what stands in records. TCP has its own (tcp_rtt.h), with
 * the matchers beside them.
 */
#pragma once

#include "agent/qoe/samples.h"
#include "agent/qoe/tcp_rtt.h"
#include "common/wire/flows.h"

struct qoe_trips {
    struct qoe_samples window;
    uint32_t last_us; /* 0: none */
    uint32_t pairs;
    uint64_t var_sum;
    uint32_t min_us;
    uint32_t median_us; /* of the newest window that had one; 0 none */
    struct qoe_rtt_span span;
    struct qoe_rtt_span before; /* of the last record */
};

void qoe_trips_add(struct qoe_trips *t, uint32_t us);
/* Ends a window of at least `least` samples; else it stays open. */
struct qoe_rtt_window qoe_trips_close(struct qoe_trips *t, uint32_t least);
void qoe_trips_told(struct qoe_trips *t);
/* As records tell it: since the last one, or (news false) what that one said when nothing came. */
void qoe_trips_fill(const struct qoe_trips *t, bool news, struct flow_rtt *out);
