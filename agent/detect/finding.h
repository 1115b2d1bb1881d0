/*
 * What a detector returns: that a condition holds, that it holds no more, or that something
 * happened. A value; what it means for people is the alert engine's affair.
 */
#pragma once

#include "common/wire/alerts.h"
#include "common/wire/flows.h"

#include <stdint.h>

enum { FINDING_OWNER_SIZE = 72 };

enum finding_action {
    FINDING_EVENT = 1, /* it happened: nothing to release */
    FINDING_BAD = 2,   /* the condition holds now */
    FINDING_GOOD = 3,  /* it was looked at and does not hold */
};

struct finding {
    uint16_t kind;                     /* id of the alert catalogue */
    uint8_t action;                    /* enum finding_action */
    uint8_t entity;                    /* enum alert_entity */
    uint64_t at_ns;                    /* when judged, UTC */
    char entity_id[ALERT_ENTITY_SIZE]; /* address, interface… */
    char key[ALERT_KEY_SIZE];          /* tells apart findings of one kind on one entity */
    char owner[FINDING_OWNER_SIZE];    /* item of configuration it hangs on: "snmp/7"; "" none */
    const struct flow_record *flow;    /* borrowed for the call; NULL when it is not on a flow */
    char detail[ALERT_DETAIL_SIZE];    /* the measured value against the threshold */
};

/* Where findings go. */
typedef void (*finding_fn)(const struct finding *finding, void *arg);
struct finding_sink {
    finding_fn take;
    void *arg;
};

static inline void finding_put(const struct finding_sink *sink, const struct finding *finding)
{
    sink->take(finding, sink->arg);
}
