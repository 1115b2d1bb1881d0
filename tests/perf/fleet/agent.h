/*
 * A simulated agent: the messages of a real one, packed by the same code, without packets behind
 * them. What it has to send follows from the clock: every period one set of counters, numbered
 * as a spool numbers them, so that an absence piles up a backlog and costs no memory. Its records
 * are therefore known: `offered` of them, from sequence 1.
 */
#pragma once

#include "tests/perf/fleet/line.h"

#include "common/wire/heartbeat.h"

struct agent_plan {
    uint64_t beat_ns, counter_ns; /* periods */
    uint64_t begun_ns;            /* wall; the first counters are of this moment */
    unsigned counters;            /* records each period */
};

struct agent {
    char name[24];
    struct line *line;
    uint64_t beat_due_ns, counter_due_ns, hello_due_ns, resend_due_ns; /* monotonic */
    uint64_t beats;
    uint64_t epoch;
    uint64_t acked;   /* sequence up to which the centre has all */
    uint64_t sent;    /* likewise, sent; at least acked */
    uint64_t sent_ns; /* monotonic, of the batch that is under way */
    bool welcomed;
    struct agent *next; /* in its slot of the wheel */
};

struct tally {
    uint64_t beats, batches, acks, nacks, welcomes, resent, lost_lines, records;
    uint32_t waits[4096]; /* of acknowledgements, by ms, the last for all above */
};

uint64_t agent_offered(const struct agent_plan *plan, uint64_t wall_ns);
/* Its line is up: subscribes and says hello. */
void agent_ready(struct agent *a, unsigned sid, uint64_t now_ns);
void agent_away(struct agent *a);
void agent_hear(struct agent *a, const char *subject, const uint8_t *bytes, size_t len,
                uint64_t now_ns, struct tally *t);
/* Does what is due; returns when something is next, monotonic. */
uint64_t agent_work(struct agent *a, const struct agent_plan *plan, uint64_t now_ns,
                    struct tally *t);
