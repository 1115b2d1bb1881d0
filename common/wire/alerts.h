/*
 * An alert on its way from an agent to the centre, as JSON. Flow alerts are events; host,
 * interface and agent alerts are engaged and later released under the same (kind, entity, key).
 * Stream "alert", schema 1.
 */
#pragma once

#include "common/err.h"
#include "common/flow_key.h"
#include "common/wire/flows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ALERT_SCHEMA = 1,
    ALERT_PACKED_MAX = 8192,
    ALERT_ENTITY_SIZE = 128,
    ALERT_KEY_SIZE = 128,
    ALERT_DETAIL_SIZE = 512
};

enum alert_action { ALERT_EVENT = 1, ALERT_ENGAGE = 2, ALERT_RELEASE = 3 };
enum alert_entity {
    ENTITY_FLOW = 1,
    ENTITY_HOST = 2,
    ENTITY_INTERFACE = 3,
    ENTITY_AGENT = 4,
    ENTITY_SITE = 5,
    ENTITY_CENTRE = 6
};
const char *alert_entity_name(enum alert_entity entity); /* "flow", "host", … */
const char *alert_action_name(enum alert_action action); /* "event", "engage", "release" */

struct wire_alert {
    uint16_t kind;                     /* id of common/alert_kinds.def */
    uint8_t action;                    /* enum alert_action */
    uint8_t entity;                    /* enum alert_entity */
    uint16_t score;                    /* 0-250 */
    uint64_t at_ns;                    /* when judged, UTC */
    uint64_t since_ns;                 /* when engaged; equals at_ns for an event */
    char entity_id[ALERT_ENTITY_SIZE]; /* address, interface name, flow id… */
    char key[ALERT_KEY_SIZE];          /* tells apart alerts of one kind on one entity; may be "" */
    bool has_flow;                     /* the fields below are set */
    uint64_t flow_id;
    struct flow_key flow;
    char protocol[PROTO_NAME_SIZE];
    char app[PROTO_NAME_SIZE];
    char host[HOST_NAME_SIZE];
    char detail[ALERT_DETAIL_SIZE]; /* the measured value against the threshold, for a person */
};

/* JSON text into buf without the final NUL; returns bytes, or 0 when it does not fit. */
size_t wire_alert_pack(const struct wire_alert *a, void *buf, size_t size);
int wire_alert_unpack(const void *bytes, size_t len, struct wire_alert *a, struct err *e);
