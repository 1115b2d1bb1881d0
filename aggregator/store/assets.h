/*
 * The tables asset, asset_name, asset_service and asset_change, moved on by the records of agents.
 * Called inside the store writer's transaction.
 */
#pragma once

#include "aggregator/store/pg.h"
#include "common/wire/assets.h"

#include <jansson.h>
#include <stdint.h>

/* The record in the form that assets_apply takes, with its place in the batch. NULL: no memory. */
json_t *asset_row(const struct wire_asset *asset, uint64_t seq);
/*
 * Applies a batch: an array of rows as asset_row makes them, borrowed. Four statements, however
 * many records there are.
 */
int assets_apply(struct pg *pg, int32_t instance_id, const json_t *rows, struct err *e);
