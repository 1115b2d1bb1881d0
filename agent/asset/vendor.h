/*
 * Who made a network card, by the IEEE's registries of MAC prefixes as the Debian package
 * ieee-data installs them. Their prefixes are read once at the start into one sorted array, a name
 * from its file when it is asked for; without the files every look-up finds nothing, and the state
 * says so. Control's thread.
 */
#pragma once

#include "common/addr.h"
#include "common/err.h"
#include "common/wire/assets.h"

#include <stdbool.h>
#include <stddef.h>

struct vendors;

/* Reads the registries in folder. Missing files are no fault; NULL and e when memory is short. */
struct vendors *vendors_open(const char *folder, struct err *e);
void vendors_close(struct vendors *v);
/* The organisation's name, with its NUL; "" when not known. */
void vendors_find(const struct vendors *v, const struct mac *mac, char name[ASSET_VENDOR_SIZE]);
/* Prefixes known; 0 when there were no files. */
size_t vendors_count(const struct vendors *v);
/* True for an address that a system made up (random, virtual): it belongs to no organisation. */
bool mac_is_made_up(const struct mac *mac);
