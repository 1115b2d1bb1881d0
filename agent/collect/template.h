/*
 * Templates (RFC 3954, section 5; RFC 7011, section 3.4): how the records of a data set are laid
 * out, as an exporter announced it. A fixed pool; an entry belongs to one stream of one exporter.
 */
#pragma once

#include "agent/collect/fields.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TEMPLATES = 2048,          /* of all exporters */
    TEMPLATES_PER_OWNER = 128, /* of one exporter */
    TEMPLATE_FIELDS = 80,      /* fields of one template */
    TEMPLATE_FIRST_ID = 256,
};

struct template_field {
    uint8_t field; /* enum field */
    uint16_t len;  /* bytes, or FIELD_VARIABLE */
};

struct template
{
    uint64_t heard_ns;
    uint32_t least; /* bytes of the shortest record */
    uint16_t count;
    bool options;
    struct template_field fields[TEMPLATE_FIELDS];
};

/* Whose template it is: an exporter's number, its stream, the id that data sets name it by. */
struct template_key {
    uint16_t owner; /* 0: nobody's */
    uint16_t id;
    uint32_t stream;
};

struct templates;

struct templates *templates_new(struct err *e);
void templates_free(struct templates *t);

struct template *templates_find(struct templates *t, struct template_key key, uint64_t now_ns);
/*
 * A template to fill for this key, the old one or a free one; NULL at a cap. Nothing of what it
 * held before is kept.
 */
struct template *templates_renew(struct templates *t, struct template_key key, uint64_t now_ns);
void templates_drop(struct templates *t, struct template_key key);
/* Drops all of a stream: data templates, options templates or both. */
void templates_drop_stream(struct templates *t, uint16_t owner, uint32_t stream, bool data,
                           bool options);
/* Drops all of an exporter. */
void templates_drop_owner(struct templates *t, uint16_t owner);
uint32_t templates_count(const struct templates *t, uint16_t owner);
/* Adds a field; false when there are too many. */
bool template_add(struct template *one, enum field field, uint16_t len);
/* Reads one record; false when it is cut short. */
bool template_read(const struct template *one, struct reader *r, struct fields *f);
