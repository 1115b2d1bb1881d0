/*
 * What one poll reads of a device, and what those readings mean: the MIBs stand here and in
 * mib.c, the asking in device.c. Poller's thread.
 */
#pragma once

#include "agent/poll/rates.h"
#include "agent/poll/walk.h"
#include "common/wire/devices.h"

enum {
    PORTS_MAX = 4096,      /* interfaces of one device; more are counted and left out */
    NEIGHBOURS_CAP = 256,  /* of one device */
    LOCAL_PORTS_MAX = 512, /* names of LLDP's own port numbers */
};

/* An interface as it was read this time. */
struct port {
    struct device_interface told;
    struct counter_reading counters;
    uint32_t narrow_in, narrow_out; /* 32-bit octets */
    bool has_wide_in, has_wide_out, has_narrow;
};

/* LLDP numbers the ports of a device in its own way. */
struct local_port {
    uint32_t number;
    uint8_t subtype;
    char id[INTERFACE_TEXT_SIZE];
    char descr[INTERFACE_TEXT_SIZE];
};

/* A neighbour, with where it stands in its table. */
struct neighbour_row {
    uint32_t local, remote; /* LLDP: port and number; CDP: ifIndex and number */
    uint8_t chassis_subtype, port_subtype;
    struct device_neighbour told;
};

struct storage_row {
    uint32_t index;
    bool is_memory, is_cache;
    uint64_t unit, size, used;
};

enum { STORAGE_MAX = 64 };

struct reading {
    uint64_t mono_ms; /* our clock now, for the counters */
    struct device_status status;
    uint32_t uptime_cs;
    bool has_engine_time;
    uint32_t engine_time_s;
    bool is_cisco;

    struct port *ports; /* in the order of ifIndex as they came; owned */
    size_t port_count, port_room;
    uint32_t ports_left_out;

    struct neighbour_row *neighbours; /* owned */
    size_t neighbour_count;
    struct local_port *locals; /* owned */
    size_t local_count;

    uint64_t cpu_sum; /* percent, over cpu_count processors */
    uint32_t cpu_count;
    uint64_t pool_used, pool_free; /* bytes */
    struct storage_row storage[STORAGE_MAX];
    size_t storage_count;
    uint64_t real_total_kb, real_free_kb, buffer_kb, cached_kb; /* UCD */
    uint32_t chassis_index;
    bool has_chassis;
};

void reading_done(struct reading *r);
/* The port with this ifIndex, made when there is none; NULL at the cap or without memory. */
struct port *reading_port(struct reading *r, uint32_t index);
/* After the last table: names and keys of ports, places of neighbours, load. */
void reading_finish(struct reading *r);

/* A table that is read: its columns and who takes the values, with a struct reading as arg. */
struct mib_table {
    const char *name;
    const struct walk_column *columns;
    unsigned count;
    walk_value_fn value;
};
extern const struct mib_table mib_names, mib_counters, mib_narrow, mib_lldp_locals, mib_lldp,
    mib_lldp_addresses, mib_cdp, mib_cisco_cpu, mib_cisco_pools, mib_processors, mib_storage,
    mib_ucd_memory, mib_entity;

/* How a table is written down. */
#define MIB_OID(...)                                                                               \
    {                                                                                              \
        .len = sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), .ids = { __VA_ARGS__ }  \
    }
#define MIB_COLUMN(...)                                                                            \
    {                                                                                              \
        .oid = MIB_OID(__VA_ARGS__)                                                                \
    }
#define MIB_TABLE(symbol, title, list, fn)                                                         \
    const struct mib_table symbol = {.name = (title),                                              \
                                     .columns = (list),                                            \
                                     .count = sizeof(list) / sizeof(list)[0],                      \
                                     .value = (fn)}

/* Bytes of a device (an OID: its dotted form) as clean text, cut between characters. */
void mib_text(const struct poll_value *v, char *buf, size_t size);
#define MIB_TEXT(v, to) mib_text((v), (to), sizeof(to))

/* The first question: the system group. */
enum { SYSTEM_OBJECTS = 6, SYSTEM_OBJECTS_V1 = 5 };
extern const struct poll_oid mib_system[SYSTEM_OBJECTS];
/* Takes its answer; false when the device shows nothing. */
bool mib_take_system(struct reading *r, const struct poll_answer *answer);
