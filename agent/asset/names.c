#include "agent/asset/names.h"

#include <string.h>

bool name_is_own(enum asset_source source)
{
    switch (source) {
    case ASSET_FROM_DHCP:
    case ASSET_FROM_MDNS:
    case ASSET_FROM_NETBIOS:
    case ASSET_FROM_LLMNR: return true;
    case ASSET_FROM_DNS:
    case ASSET_FROM_TLS:
    case ASSET_FROM_HTTP:
    case ASSET_SOURCE_END: break;
    }
    return false;
}

static struct asset_name *find(struct asset_name *list, uint8_t count,
                               const struct asset_name *seen)
{
    for (uint8_t i = 0; i < count; i++) {
        if (list[i].source == seen->source && strcmp(list[i].name, seen->name) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* The one of a source that was seen last. */
static const struct asset_name *latest(const struct asset_name *list, uint8_t count, uint8_t source)
{
    const struct asset_name *best = NULL;
    for (uint8_t i = 0; i < count; i++) {
        bool later = best == NULL || list[i].last_ns > best->last_ns;
        if (list[i].source == source && later) {
            best = &list[i];
        }
    }
    return best;
}

/* A new place, or that of the name seen least recently. */
static struct asset_name *take_place(struct asset_name *list, uint8_t *count)
{
    if (*count < ASSET_NAMES_MAX) {
        return &list[(*count)++];
    }
    struct asset_name *oldest = &list[0];
    for (uint8_t i = 1; i < *count; i++) {
        if (list[i].last_ns < oldest->last_ns) {
            oldest = &list[i];
        }
    }
    return oldest;
}

enum name_news names_note(struct asset_name *list, uint8_t *count, const struct asset_name *seen,
                          char before[ASSET_NAME_SIZE])
{
    before[0] = '\0';
    struct asset_name *known = find(list, *count, seen);
    if (known != NULL) {
        known->last_ns = seen->last_ns > known->last_ns ? seen->last_ns : known->last_ns;
        return NAME_SEEN; /* also of a host that goes back and forth: that is told once */
    }
    bool own = name_is_own((enum asset_source)seen->source);
    const struct asset_name *old = own ? latest(list, *count, seen->source) : NULL;
    if (old != NULL) {
        memcpy(before, old->name, sizeof old->name);
    }
    struct asset_name *place = take_place(list, count);
    *place = *seen;
    place->first_ns = seen->last_ns;
    return before[0] != '\0' ? NAME_CHANGED : NAME_ADDED;
}
