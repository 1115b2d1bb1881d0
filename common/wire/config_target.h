/* What the items of the sections "snmp" and "probe" have in common: whom to ask. */
#pragma once

#include "common/wire/config_read.h"
#include "common/wire/devices.h"

/* The item's id as text, and its name; both may be missing while an item is only checked. */
void target_identity(const json_t *item, char id[DEVICE_ID_SIZE], char name[DEVICE_TEXT_SIZE],
                     struct config_fault *fault);
/* A host name or an address; must be there. */
void target_host(const json_t *item, const char *key, char host[DEVICE_DESCR_SIZE],
                 struct config_fault *fault);
