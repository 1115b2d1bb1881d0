/* The axis of time of a report: steps for its charts, and labels in its own time zone. */
#pragma once

#include "aggregator/report/chart.h"
#include "aggregator/report/report.h"
#include "aggregator/store/pg.h"
#include "common/err.h"

/* Fills time; the labels are the database's, which knows the time zones. */
int axis_make(struct pg *pg, const struct report_order *order, struct chart_time *time,
              struct err *e);
