/*
 * Brings a database to the schema of this program: numbered SQL files, forward only, each in a
 * transaction of its own, under an advisory lock so that two starters do not meet. Called by the
 * store writer at each new connection and by picketctl.
 */
#pragma once

#include "aggregator/store/pg.h"
#include "common/err.h"

struct migration {
    int version; /* counts from 1 without holes; 0 ends a list */
    const char *name;
    const char *sha256; /* hex, of the file */
    const char *sql;
};

/* The migrations that are built into this program. */
const struct migration *migrate_embedded(void);

/*
 * Applies what is missing. Returns how many were applied, or -1 and e: ERR_CLOSED for a lost
 * connection, ERR_CONFIG for a database that is newer than the program, was made by another text
 * of the same number, or has a later one without an earlier one. Then nothing was applied.
 */
int migrate_run(struct pg *pg, const struct migration *list, struct err *e);
