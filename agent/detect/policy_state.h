/* What the detectors of policy keep: where the rules of the centre are. */
#pragma once

#include "agent/detect/detector.h"
#include "agent/policy/policies.h"

/* For detector.open; closed with free. */
void *policy_state_open(const struct detect_settings *settings, struct err *e);
/* The rules for a record that they judge; NULL for other records, or when there are none. */
struct policies *policy_state_rules(void *state, const struct record *record);
