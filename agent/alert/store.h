/* The file of engaged alerts: JSON, replaced as a whole. Used by the alert engine only. */
#pragma once

#include "agent/alert/engine.h"
#include "common/err.h"
#include "common/table.h"

/* Writes the engaged ones of a table of struct alert_state: temporary file, fsync, rename. */
int alert_store_save(const char *path, struct table *states, struct err *e);
/* Adds what the file holds to the table; a missing file holds nothing. 0, or -1 and e. */
int alert_store_load(const char *path, struct table *states, uint64_t now_ns, struct err *e);
