/*
 * Where an address is announced from: country and autonomous system, as the databases at the agent
 * say. Part of flow records.
 */
#pragma once

#include <stdint.h>

struct reader;
struct writer;

enum { COUNTRY_SIZE = 3, AS_ORG_SIZE = 48 };

struct geo_place {
    char country[COUNTRY_SIZE]; /* ISO 3166-1 alpha-2, upper case; "" unknown */
    uint32_t asn;               /* autonomous system; 0 unknown */
    char as_org[AS_ORG_SIZE];   /* who runs it; "" unknown */
};

/* Makes a place of whatever bytes stand there: texts ended and clean, a country of two letters. */
void geo_place_clean(struct geo_place *p);

/* Packs: 2 bytes of country (zero: unknown), asn, as_org. */
void geo_place_write(struct writer *w, const struct geo_place *p);
/* Reads what geo_place_write wrote; bad when it is not clean. */
void geo_place_read(struct reader *r, struct geo_place *p);
