/*
 * What the assets tell (a new device, an address with another MAC, a host of another name, a new
 * service, a device that is missing) as findings. No state: whether it is news is the assets'
 * judgement, as they know what was there before.
 */
#pragma once

#include "agent/asset/asset.h"
#include "agent/detect/finding.h"

void host_asset_judge(const struct asset_event *event, const struct finding_sink *out);
