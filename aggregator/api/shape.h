/*
 * The JSON shapes of docs/openapi.yaml that more than one answer uses. Each returns a new
 * reference, NULL when memory is short. Pure; any thread.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "common/alert_kinds.h"

#include <jansson.h>
#include <stdint.h>

/* A number that JSON can hold; a larger one is cut at 2^63 - 1. */
json_t *shape_number(uint64_t value);
/* The text, or null when it is "". */
json_t *shape_text_or_null(const char *text);
/* The words of reason bits. */
json_t *shape_reasons(unsigned reasons);

json_t *shape_instance(const struct instance_view *view);
/* InstanceFigures: what changed from `before`; NULL when that was more than figures. */
json_t *shape_figures(const struct instance_view *before, const struct instance_view *now);
json_t *shape_centre(const struct centre_view *centre);
json_t *shape_alert(const struct alert_view *view);
json_t *shape_alert_kind(const struct alert_kind_info *kind);
json_t *shape_mitre(const struct alert_kind_info *kind); /* kind may be NULL */
json_t *shape_point(const struct live_point *point);

/* A page: items and the cursor of the next one (NULL: this was the last). Takes over items. */
json_t *shape_page(json_t *items, const char *next);
