/*
 * Country and autonomous system of an address, by MMDB files that the operator puts there. A file
 * that is absent is a state, not a fault: nothing is known then. A file that changed is read anew.
 * Control's thread: the engine opens no file.
 */
#pragma once

#include "common/addr.h"
#include "common/err.h"
#include "common/wire/flows.h"
#include "common/wire/geo_place.h"

#include <stdint.h>

struct geo;

enum geo_state {
    GEO_OFF,    /* no path is set */
    GEO_ABSENT, /* no such file */
    GEO_BAD,    /* no MMDB file, or not to be read; `why` tells */
    GEO_LOADED,
};

enum { GEO_WHY_SIZE = 128, GEO_TYPE_SIZE = 64 };

/* How one of the two files is. */
struct geo_view {
    enum geo_state state;
    const char *path;
    char type[GEO_TYPE_SIZE]; /* as the file calls itself: "GeoLite2-Country" */
    char why[GEO_WHY_SIZE];
    uint64_t built_s; /* when it was made, seconds UTC; 0 unless loaded */
};

/* "off", "absent", "bad" or "loaded". */
const char *geo_state_name(enum geo_state state);

/* Borrows the paths ("" for none) until geo_close or geo_set. NULL and e only without memory. */
struct geo *geo_open(const char *country, const char *asn, struct err *e);
void geo_close(struct geo *g);
/* Other paths, after a reload. */
void geo_set(struct geo *g, const char *country, const char *asn);
/* Looks whether the files came, went or changed, and logs it. Every few seconds. */
void geo_refresh(struct geo *g);

struct geo_view geo_country_view(const struct geo *g);
struct geo_view geo_asn_view(const struct geo *g);

/* What is known of an address; all zero when nothing is. */
void geo_find(struct geo *g, uint8_t family, const struct addr *addr, struct geo_place *place);
/* Both ends of a flow. */
void geo_mark(struct geo *g, struct flow_record *r);
