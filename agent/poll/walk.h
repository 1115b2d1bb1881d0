/*
 * Reads columns of a table of a device, side by side and row after row, in as few messages as its
 * protocol allows. Every message also brings sysUpTime, so that counters have the time they were
 * read at. Poller's thread.
 */
#pragma once

#include "agent/poll/snmp.h"

enum {
    WALK_COLUMNS_MAX = 16,
    WALK_VALUES_MAX = 65536, /* of one walk: 4,096 interfaces with 16 columns */
};

/* A column of a table: its OID without an index. */
struct walk_column {
    struct poll_oid oid;
};

/* One value of a column; index is what follows the column's OID. */
struct walk_value {
    unsigned column;
    const uint32_t *index;
    uint32_t index_len;
    const struct poll_value *value;
    uint32_t uptime_cs; /* sysUpTime of the same message */
};
typedef void (*walk_value_fn)(const struct walk_value *value, void *arg);
/* The end: DEVICE_UP, also when there is no such table; else why not. */
typedef void (*walk_done_fn)(enum device_state state, const char *why, void *arg);

struct walk {
    struct poll_session *session;
    const struct walk_column *columns;
    unsigned count;
    bool bulk; /* not v1 */
    walk_value_fn value;
    void *value_arg;
    walk_done_fn done;
    void *arg;
    struct poll_oid at[WALK_COLUMNS_MAX]; /* the last name of each column */
    bool ended[WALK_COLUMNS_MAX];
    unsigned asked[ASK_MAX]; /* column of each repeated object of the last question */
    unsigned asked_count;
    unsigned repeat;
    uint32_t values; /* so far */
    uint32_t uptime_cs;
};

/* Begins; everything given is borrowed until done is called, which happens later. -1: not begun. */
int walk_begin(struct walk *w, struct err *e);
