/*
 * Tells the web of alerts that are stored. What could not be told, or may have been stored without
 * our knowing, is made good by one word that the web is to read the newest anew. The store's
 * thread.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "aggregator/fleet/metrics.h"

#include <stdbool.h>

struct tell {
    web_event_fn web;
    void *arg;
    struct metrics *metrics;
    bool missed; /* the web does not know all of them */
};

/* Hands the web a copy of the row; a failure counts as missed. */
void tell_alert(struct tell *tell, const struct alert_view *view);
/* Says that some were missed, until the web has room for it. Often. */
void tell_missed(struct tell *tell);
