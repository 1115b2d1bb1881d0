/*
 * The table `alert`: the life of each alert, moved on by the records of agents and by the centre's
 * own. Called inside the store writer's transactions.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "aggregator/fleet/job.h"
#include "aggregator/store/pg.h"
#include "common/wire/alerts.h"

/* Where an alert came from. epoch and seq are 0 for the centre's own. */
struct alert_origin {
    int32_t instance_id; /* 0: about the centre itself */
    uint64_t epoch, seq;
    bool late; /* it happened so long before it came that it is no news: told in a digest */
};

/*
 * Applies one alert and fills view with the row as it is then. A release without an engaged row
 * (its beginning was lost in a gap) makes a row that is already released; of the centre's own it
 * changes nothing, and view->id is 0.
 */
int alerts_apply(struct pg *pg, const struct alert_origin *origin, const struct wire_alert *alert,
                 struct alert_view *view, struct err *e);

/* Releases the centre's own that are of the kind and have none of the keys. *changed: some were. */
int alerts_keep(struct pg *pg, const struct keep_job *keep, bool *changed, struct err *e);
