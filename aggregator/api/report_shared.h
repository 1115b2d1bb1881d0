/* What reports and their schedules have in common. Query threads. */
#pragma once

#include "aggregator/api/args.h"
#include "aggregator/api/call.h"

#include <stdint.h>

extern const struct http_fault fault_unknown_report;

/*
 * Checks against the database that the scope is there and the time zone known, and adds the fault.
 * 0, or -1 and e.
 */
int report_check(struct pg *pg, struct args *args, const char *scope, const char *zone,
                 struct err *e);
