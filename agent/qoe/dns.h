/*
 * Quality of DNS over UDP, port 53: how long answers take, and how many questions fail or stay
 * without one. A flow asks few questions, so each counts from the first; the confidence says so.
 */
#pragma once

#include "agent/decode/packet.h"
#include "agent/qoe/samples.h"
#include "agent/qoe/score.h"

#include <stdbool.h>
#include <stdint.h>

enum { QOE_DNS_PORT = 53, QOE_DNS_OPEN = 4 };

/* A question that waits for its answer. */
struct qoe_question {
    uint32_t at_us;
    uint16_t id;
    bool used;
};

/* Since the last record. */
struct qoe_dns_sum {
    struct qoe_samples answers;
    uint32_t questions;  /* repetitions of one not counted again */
    uint32_t failed;     /* answered with SERVFAIL, REFUSED and the like; NXDOMAIN is an answer */
    uint32_t unanswered; /* for five seconds, or at the flow's end */
};

struct qoe_dns {
    struct qoe_question open[QOE_DNS_OPEN];
    struct qoe_dns_sum sum;
    struct qoe_dns_sum before; /* of the last record that told something */
};

/* A packet to or from port 53; anything that is no DNS header is passed over. */
void qoe_dns_note(struct qoe_dns *q, const struct packet *p);
/* Gives up what waits for too long; `over`: no answer can come any more. */
void qoe_dns_close(struct qoe_dns *q, uint64_t now_ns, bool over);
/* A record has left: what comes now is of the next one. */
void qoe_dns_told(struct qoe_dns *q);
/* The clock was set back. */
void qoe_dns_time_moved(struct qoe_dns *q);
const struct qoe_dns_sum *qoe_dns_figures(const struct qoe_dns *q, enum qoe_reach reach);
/* The verdict on such figures: one for both directions. */
struct quality qoe_dns_judge(const struct qoe_dns_sum *sum);
