/* What a flow table consists of. For table.c and parts.c only. */
#pragma once

#include "agent/flow/slots.h"
#include "agent/flow/table.h"
#include "agent/qoe/rest.h"
#include "common/slab.h"
#include "common/slabs.h"

/* DPI has some 400 names, all static: a name's number is its place by its address. */
enum { FLOW_NAMES = 2048 };

/* A TCP flow's quality while it is awake. */
struct flow_awake {
    struct qoe_tcp qoe;
    uint32_t owner; /* handle of the flow */
    bool used;      /* since the hand last passed */
};

struct flow_parts {
    struct slab awake; /* struct flow_awake */
    struct slabs cold; /* texts, quality at rest, and all other parts */
    struct qoe_media_pool media;
    uint32_t hand; /* where the search for the longest silence stands */
    uint64_t lost; /* states and texts that found no room */
    const char *names[FLOW_NAMES];
    uint8_t squeezed[QOE_REST_ROOM];
    struct qoe_tcp *seen; /* a copy of one at rest, to look at */
};

struct flow_table {
    struct slab flows;
    struct flow_parts parts;
    struct slots slots;
    uint64_t seed; /* random, so that nobody outside can choose colliding keys */
};

/* Room for what so many flows hold. 0, or -1 and e; flow_parts_done undoes either. */
int flow_parts_init(struct flow_parts *p, uint32_t flows, struct err *e);
void flow_parts_done(struct flow_parts *p);
