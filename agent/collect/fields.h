/*
 * The information elements that we understand, by their IANA numbers (NetFlow v9 uses the same
 * below 128), and how one is read. Everything else in a record is passed over by its length.
 */
#pragma once

#include "common/addr.h"
#include "common/reader.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PEN_NONE = 0,
    PEN_REVERSE = 29305, /* RFC 5103: the same element of the other direction */
    FIELD_VARIABLE = 65535
};

enum field {
    FIELD_OTHER, /* passed over */
    FIELD_OCTETS,
    FIELD_PACKETS,
    FIELD_OCTETS_OUT, /* as they left, where only these are told */
    FIELD_PACKETS_OUT,
    FIELD_OCTETS_TOTAL,
    FIELD_PACKETS_TOTAL,
    FIELD_REVERSE_OCTETS,
    FIELD_REVERSE_PACKETS,
    FIELD_REVERSE_OCTETS_TOTAL,
    FIELD_REVERSE_PACKETS_TOTAL,
    FIELD_REVERSE_TCP_FLAGS,
    FIELD_PROTOCOL,
    FIELD_TCP_FLAGS,
    FIELD_SRC_PORT,
    FIELD_DST_PORT,
    FIELD_ICMP_TYPE_CODE,
    FIELD_ICMP_TYPE,
    FIELD_ICMP_CODE,
    FIELD_INPUT_IF,
    FIELD_OUTPUT_IF,
    FIELD_VLAN,
    FIELD_DIRECTION,
    FIELD_END_REASON,
    FIELD_FIRST_UPTIME, /* ms after boot */
    FIELD_LAST_UPTIME,
    FIELD_BOOT_MS, /* ms UTC */
    FIELD_FIRST_S,
    FIELD_LAST_S,
    FIELD_FIRST_MS,
    FIELD_LAST_MS,
    FIELD_FIRST_NTP, /* seconds since 1900 and a binary fraction */
    FIELD_LAST_NTP,
    FIELD_FIRST_DELTA_US, /* before the export time */
    FIELD_LAST_DELTA_US,
    FIELD_DURATION_MS,
    FIELD_DURATION_US,
    FIELD_SAMPLER, /* id of a sampler or selector */
    FIELD_SAMPLE_INTERVAL,
    FIELD_SAMPLE_PACKETS,    /* this many in a row… */
    FIELD_SAMPLE_SPACE,      /* …then this many not */
    FIELD_SAMPLE_SIZE,       /* so many… */
    FIELD_SAMPLE_POPULATION, /* …out of so many */
    FIELD_NUMBERS,           /* the fields above are numbers */
    FIELD_SRC_IPV4 = FIELD_NUMBERS,
    FIELD_DST_IPV4,
    FIELD_SRC_IPV6,
    FIELD_DST_IPV6,
    FIELD_SRC_MAC,
    FIELD_DST_MAC,
    FIELD_COUNT
};

_Static_assert(FIELD_COUNT <= 64, "fields are told apart by bits of 64");

/* One record's fields, as they stood. */
struct fields {
    uint64_t present; /* bit n: enum field n */
    uint64_t number[FIELD_NUMBERS];
    struct addr src;
    struct addr dst;
    uint8_t src_family; /* 0: not told */
    uint8_t dst_family;
    struct mac src_mac;
    struct mac dst_mac;
};

/* The field behind an element number, FIELD_OTHER when it means nothing to us. */
enum field field_of(uint32_t pen, uint16_t element);
/* Reads len bytes of r as this field. Bytes of a length that does not suit it are passed over. */
void field_read(struct reader *r, enum field field, size_t len, struct fields *f);

static inline bool fields_have(const struct fields *f, enum field field)
{
    return (f->present >> field & 1) != 0;
}

/* The number of a field, 0 when it is not there. */
static inline uint64_t fields_number(const struct fields *f, enum field field)
{
    return fields_have(f, field) ? f->number[field] : 0;
}
