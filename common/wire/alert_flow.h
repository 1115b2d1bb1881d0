/* The flow of an alert as JSON, for what keeps alerts in another form than the wire's. */
#pragma once

#include "common/wire/alerts.h"
#include "common/wire/fields.h"

/* Of an alert that has one. NULL when memory is short. */
json_t *wire_alert_flow_json(const struct wire_alert *a);
/* Sets the fields below has_flow; false when a member is missing or wrong, as f says. */
bool wire_alert_flow_read(struct fields *f, struct wire_alert *a);
