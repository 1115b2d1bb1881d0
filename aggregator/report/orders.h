/*
 * The reports that wait, and the schedules that make them: rows of `report` and `report_schedule`.
 * Called by the runner, which holds the lock that makes it the only one.
 */
#pragma once

#include "aggregator/report/report.h"
#include "aggregator/store/pg.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

/* What a dead runner left half made waits again; what failed twice that way is given up. */
int orders_reset(struct pg *pg, struct err *e);
/*
 * Turns schedules that are due into waiting reports of the last whole day, week or month, and says
 * when they are due next. Of several missed runs the latest alone is made up for. *made counts.
 */
int orders_due(struct pg *pg, unsigned *made, struct err *e);
/* Takes the oldest that waits: 1 with id and order, 0 when none does, -1 and e. */
int orders_claim(struct pg *pg, int64_t *id, struct report_order *order, struct err *e);
int orders_progress(struct pg *pg, int64_t id, unsigned percent, struct err *e);
/* Stores the page; reports of its schedule beyond those to keep go. */
int orders_done(struct pg *pg, int64_t id, const struct report_page *page, struct err *e);
int orders_failed(struct pg *pg, int64_t id, const char *why, struct err *e);
