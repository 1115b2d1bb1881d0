/*
 * The life of alerts: findings engage them, keep them, release them; flow findings are events.
 * What is engaged is kept in a file, so that a restart neither forgets nor blindly releases: after
 * it an alert is released only by a fresh judgement, or when nobody has judged it for its quiet
 * time counted from the restart. Control's thread. Time is UTC and comes with findings and ticks.
 */
#pragma once

#include "agent/detect/finding.h"
#include "common/err.h"
#include "common/wire/alerts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ALERTS_MAX = 2048,   /* conditions tracked at once */
    ALERT_UPDATE_S = 60, /* an engaged alert that goes on is told anew so often */
};

/* What an alert is about, apart from its numbers. Texts are padded with zeros. */
struct alert_key {
    uint16_t kind;
    uint8_t entity;
    uint8_t padding;
    char entity_id[ALERT_ENTITY_SIZE];
    char key[ALERT_KEY_SIZE];
};
_Static_assert(sizeof(struct alert_key) == 4 + ALERT_ENTITY_SIZE + ALERT_KEY_SIZE,
               "a table key has no hidden padding");

/* A condition that is or may become an alert. */
struct alert_state {
    struct alert_key key;
    bool engaged;
    uint32_t history;               /* the last judgements, newest in bit 0; 1 is bad */
    uint32_t count;                 /* bad judgements since it engaged */
    uint64_t since_ns;              /* when it engaged */
    uint64_t bad_ns;                /* last bad judgement */
    uint64_t judged_ns;             /* last judgement of either sort */
    uint64_t told_ns;               /* last sent */
    char detail[ALERT_DETAIL_SIZE]; /* of the last bad judgement */
    char owner[FINDING_OWNER_SIZE]; /* as in struct finding */
    bool has_flow;                  /* the last bad judgement was of the flow below */
    uint64_t flow_id;
    struct flow_key flow;
    char protocol[PROTO_NAME_SIZE];
    char app[PROTO_NAME_SIZE];
    char host[HOST_NAME_SIZE];
};

/* What is told of a condition, but for its action and time. */
struct wire_alert alert_of_state(const struct alert_state *s);

struct alert_engine;
typedef void (*alert_fn)(const struct wire_alert *alert, void *arg);

struct alert_options {
    const char *path; /* of the state file; NULL: nothing is kept */
    const char *name; /* entity of alerts on the agent itself */
    alert_fn take;    /* gets every alert to be sent */
    void *arg;
};

/*
 * Opens with the alerts that were engaged when the last engine was saved; an unreadable file is
 * put aside and logged. NULL and e when memory is short. Texts of the options are borrowed.
 */
struct alert_engine *alert_engine_open(const struct alert_options *options, uint64_t now_ns,
                                       struct err *e);
/* NULL is fine. What was held back is lost unless it was flushed. */
void alert_engine_close(struct alert_engine *a);
/* Before the end: tells what is still held back, and saves. */
void alert_engine_flush(struct alert_engine *a, uint64_t now_ns);

void alert_engine_take(struct alert_engine *a, const struct finding *finding);
/*
 * The items of a section of configuration have changed: releases what hangs on one that is there no
 * more, as nobody will judge it again. section is such as "snmp/"; has tells of the rest of an
 * owner's text whether it is still there.
 */
typedef bool (*alert_owner_fn)(const char *id, void *arg);
void alert_engine_keep(struct alert_engine *a, const char *section, alert_owner_fn has, void *arg,
                       uint64_t now_ns);
/* Releases what nobody judges any more and saves what changed. Once a second. */
void alert_engine_tick(struct alert_engine *a, uint64_t now_ns);

/* Walks the engaged alerts: *at = 0 at first; NULL at the end. Borrowed until the next call. */
const struct alert_state *alert_engine_next(struct alert_engine *a, size_t *at);
size_t alert_engine_engaged(const struct alert_engine *a);
uint64_t alert_engine_flow_alerts(const struct alert_engine *a); /* told, since open */
uint64_t alert_engine_refused(const struct alert_engine *a);     /* findings without room */
