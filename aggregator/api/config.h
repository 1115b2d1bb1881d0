/* What reading and changing the configuration share. Query threads. */
#pragma once

#include "aggregator/api/endpoints.h"
#include "aggregator/store/pg.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

extern const struct http_fault fault_no_section, fault_no_item;

/* The columns of config_item that config_item_shape reads; SELECT and RETURNING. */
#define CONFIG_MS(column) "(extract(epoch FROM " column ") * 1000)::bigint"
#define CONFIG_ITEM_COLUMNS                                                                                          \
    "id, section, scope, name, enabled, position, body::text, secrets::text, version,"                               \
    " " CONFIG_MS("created_at") ", created_by, " CONFIG_MS(                                                          \
        "updated_at") ", updated_by,"                                                                                \
                      " (SELECT coalesce(sum(hits), 0)::bigint FROM config_hit h WHERE h.item_id = config_item.id)," \
                      " (SELECT coalesce(" CONFIG_MS(                                                                \
                          "max(last_at)") ", 0) FROM config_hit h"                                                   \
                                          " WHERE h.item_id = config_item.id)"
json_t *config_item_shape(const struct pg_rows *rows, unsigned row);
/* The {id} of the path; false when it is no number. */
bool config_item_id(const struct call *call, int64_t *id);
