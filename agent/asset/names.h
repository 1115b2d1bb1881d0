/* The names of one asset, by source: a short list in which the least recently seen makes room. */
#pragma once

#include "common/wire/assets.h"

#include <stdbool.h>

enum name_news {
    NAME_SEEN,    /* it was known: its time is renewed */
    NAME_ADDED,   /* the first of its source, or one more that clients or servers use */
    NAME_CHANGED, /* the host calls itself otherwise than before: *before is its old name */
};

/* True for a source in which a host tells its own name, of which it has one at a time. */
bool name_is_own(enum asset_source source);
/*
 * Notes a name. before gets the name that it replaces, or "". The list is of ASSET_NAMES_MAX.
 */
enum name_news names_note(struct asset_name *list, uint8_t *count, const struct asset_name *seen,
                          char before[ASSET_NAME_SIZE]);
