/*
 * The thread of the centre's chores: it makes roll-ups and the reports that wait, starts those that
 * are due, and applies retention once an hour. Of several aggregators the one that holds the
 * advisory lock does it; when it goes, PostgreSQL gives the lock to another.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>

struct runner;

/* Starts the thread; the database may be away. conninfo is borrowed. NULL and e. */
struct runner *runner_open(const char *conninfo, struct err *e);
/* False when it hangs in the database: the process must then end without it. NULL is fine. */
bool runner_close(struct runner *runner, unsigned wait_ms);
