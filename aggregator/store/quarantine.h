/*
 * What could not be read or stored: its first bytes and the reason, for people to look at. The
 * table is kept small. Called by the store's thread alone.
 */
#pragma once

#include "aggregator/store/pg.h"
#include "common/wire/subjects.h"

#include <stddef.h>
#include <stdint.h>

struct quarantined {
    const char *name; /* of the sender */
    const char *reason;
    const void *bytes;
    size_t len;
    uint64_t epoch, seq; /* 0: not known */
    enum wire_stream stream;
};

/* Keeps the newest 2,000 rows. 0, or -1 and e as pg_query. */
int quarantine_add(struct pg *pg, const struct quarantined *q, struct err *e);
