/*
 * The tables that are read, by MIB: IF-MIB (RFC 2863), LLDP-MIB (IEEE 802.1AB), CISCO-CDP-MIB,
 * CISCO-PROCESS-MIB, CISCO-MEMORY-POOL-MIB, HOST-RESOURCES-MIB (RFC 2790), UCD-SNMP-MIB,
 * ENTITY-MIB (RFC 6933). Each table is its columns and a function that puts a value where it
 * belongs.
 */
#include "agent/poll/reading.h"

#include "common/addr.h"
#include "common/wire/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB2        1, 3, 6, 1, 2, 1
#define ENTERPRISES 1, 3, 6, 1, 4, 1

void mib_text(const struct poll_value *v, char *buf, size_t size)
{
    size_t len = v->type == POLL_NUMBER || v->bytes == NULL ? 0 : v->len;
    len = len < size ? len : size - 1;
    while (len > 0 && len < v->len && ((uint8_t)v->bytes[len] & 0xC0) == 0x80) {
        len--;
    }
    memcpy(buf, len > 0 ? (const char *)v->bytes : "", len);
    buf[len] = '\0';
    size_t end = strlen(buf);
    text_clean(buf, end);
    while (end > 0 && buf[end - 1] == ' ') {
        buf[--end] = '\0';
    }
}

/* ---- system ---- */

const struct poll_oid mib_system[SYSTEM_OBJECTS] = {
    MIB_OID(MIB2, 1, 1, 0), MIB_OID(MIB2, 1, 2, 0), MIB_OID(MIB2, 1, 3, 0),
    MIB_OID(MIB2, 1, 5, 0), MIB_OID(MIB2, 1, 6, 0), MIB_OID(1, 3, 6, 1, 6, 3, 10, 2, 1, 3, 0),
};

bool mib_take_system(struct reading *r, const struct poll_answer *answer)
{
    enum { DESCR, OBJECT_ID, UPTIME, NAME, LOCATION, ENGINE_TIME, CS_PER_S = 100 };
    static const char cisco[] = "1.3.6.1.4.1.9.";
    struct device_status *s = &r->status;
    if (answer->count <= LOCATION || answer->values[UPTIME].type != POLL_NUMBER) {
        return false;
    }
    MIB_TEXT(&answer->values[DESCR], s->sys_descr);
    MIB_TEXT(&answer->values[OBJECT_ID], s->object_id);
    MIB_TEXT(&answer->values[NAME], s->sys_name);
    MIB_TEXT(&answer->values[LOCATION], s->location);
    r->uptime_cs = (uint32_t)answer->values[UPTIME].number;
    s->uptime_s = r->uptime_cs / CS_PER_S;
    r->is_cisco = strncmp(s->object_id, cisco, sizeof cisco - 1) == 0;
    if (answer->count > ENGINE_TIME && answer->values[ENGINE_TIME].type == POLL_NUMBER) {
        r->has_engine_time = true; /* does not wrap after 497 days */
        r->engine_time_s = (uint32_t)answer->values[ENGINE_TIME].number;
        s->uptime_s = r->engine_time_s > s->uptime_s ? r->engine_time_s : s->uptime_s;
    }
    return true;
}

/* ---- IF-MIB ---- */

static const struct walk_column names[] = {
    MIB_COLUMN(MIB2, 31, 1, 1, 1, 1),  /* ifName */
    MIB_COLUMN(MIB2, 31, 1, 1, 1, 18), /* ifAlias */
    MIB_COLUMN(MIB2, 31, 1, 1, 1, 15), /* ifHighSpeed, Mb/s */
    MIB_COLUMN(MIB2, 2, 2, 1, 2),      /* ifDescr */
    MIB_COLUMN(MIB2, 2, 2, 1, 3),      /* ifType */
    MIB_COLUMN(MIB2, 2, 2, 1, 5),      /* ifSpeed, b/s */
    MIB_COLUMN(MIB2, 2, 2, 1, 6),      /* ifPhysAddress */
};

static struct port *port_of(struct reading *r, const struct walk_value *v)
{
    return v->index_len == 1 ? reading_port(r, v->index[0]) : NULL;
}

static void take_name(const struct walk_value *v, void *arg)
{
    enum { NAME, ALIAS, HIGH_SPEED, DESCR, TYPE, SPEED, MAC, MEGABIT = 1000000 };
    struct port *p = port_of(arg, v);
    if (p == NULL) {
        return;
    }
    uint64_t number = v->value->number;
    switch (v->column) {
    case NAME: MIB_TEXT(v->value, p->told.name); break;
    case ALIAS: MIB_TEXT(v->value, p->told.alias); break;
    case DESCR: MIB_TEXT(v->value, p->told.descr); break;
    case TYPE: p->told.type = number <= INT32_MAX ? (uint32_t)number : 0; break;
    case HIGH_SPEED: /* 0 for what is slower than half a megabit */
        p->told.speed_bps = number != 0 ? number * MEGABIT : p->told.speed_bps;
        break;
    case SPEED: /* stops at 4.3 Gb/s, and is all there is without ifXTable */
        p->told.speed_bps = p->told.speed_bps == 0 ? number : p->told.speed_bps;
        break;
    case MAC:
        if (v->value->len == sizeof p->told.mac.bytes) {
            memcpy(p->told.mac.bytes, v->value->bytes, sizeof p->told.mac.bytes);
        }
        break;
    }
}
MIB_TABLE(mib_names, "interface names", names, take_name);

static const struct walk_column counters[] = {
    MIB_COLUMN(MIB2, 2, 2, 1, 7),      /* ifAdminStatus */
    MIB_COLUMN(MIB2, 2, 2, 1, 8),      /* ifOperStatus */
    MIB_COLUMN(MIB2, 31, 1, 1, 1, 19), /* ifCounterDiscontinuityTime */
    MIB_COLUMN(MIB2, 31, 1, 1, 1, 6),  /* ifHCInOctets */
    MIB_COLUMN(MIB2, 31, 1, 1, 1, 10), /* ifHCOutOctets */
    MIB_COLUMN(MIB2, 31, 1, 1, 1, 7),  /* ifHCInUcastPkts, Multicast, Broadcast */
    MIB_COLUMN(MIB2, 31, 1, 1, 1, 8),  MIB_COLUMN(MIB2, 31, 1, 1, 1, 9),
    MIB_COLUMN(MIB2, 31, 1, 1, 1, 11), /* ifHCOutUcastPkts, Multicast, Broadcast */
    MIB_COLUMN(MIB2, 31, 1, 1, 1, 12), MIB_COLUMN(MIB2, 31, 1, 1, 1, 13),
    MIB_COLUMN(MIB2, 2, 2, 1, 13), /* ifInDiscards */
    MIB_COLUMN(MIB2, 2, 2, 1, 14), /* ifInErrors */
    MIB_COLUMN(MIB2, 2, 2, 1, 19), /* ifOutDiscards */
    MIB_COLUMN(MIB2, 2, 2, 1, 20), /* ifOutErrors */
};

static void take_counter(const struct walk_value *v, void *arg)
{
    enum {
        ADMIN,
        OPER,
        DISCONTINUITY,
        IN,
        OUT,
        IN_UCAST,
        IN_MULTICAST,
        IN_BROADCAST,
        OUT_UCAST,
        OUT_MULTICAST,
        OUT_BROADCAST,
        IN_DISCARDS,
        IN_ERRORS,
        OUT_DISCARDS,
        OUT_ERRORS,
        WIDE = 64,
    };
    struct port *p = port_of(arg, v);
    if (p == NULL || v->value->type != POLL_NUMBER) {
        return;
    }
    struct counter_reading *c = &p->counters;
    uint64_t number = v->value->number;
    switch (v->column) {
    case ADMIN: p->told.admin = number <= ADMIN_TESTING ? (uint8_t)number : 0; break;
    case OPER: p->told.oper = number <= OPER_LAST ? (uint8_t)number : 0; break;
    case DISCONTINUITY: c->discontinuity_cs = (uint32_t)number; break;
    case IN:
        c->in.octets = number;
        c->uptime_cs = v->uptime_cs;
        p->has_wide_in = true;
        break;
    case OUT:
        c->out.octets = number;
        p->has_wide_out = true;
        break;
    case IN_UCAST:
    case IN_MULTICAST:
    case IN_BROADCAST:
        c->in.packets += number;
        c->packet_bits = WIDE;
        break;
    case OUT_UCAST:
    case OUT_MULTICAST:
    case OUT_BROADCAST: c->out.packets += number; break;
    case IN_DISCARDS: c->in.discards = number; break;
    case IN_ERRORS: c->in.errors = number; break;
    case OUT_DISCARDS: c->out.discards = number; break;
    case OUT_ERRORS: c->out.errors = number; break;
    }
}
MIB_TABLE(mib_counters, "interface counters", counters, take_counter);

static const struct walk_column narrow[] = {
    MIB_COLUMN(MIB2, 2, 2, 1, 10), /* ifInOctets */
    MIB_COLUMN(MIB2, 2, 2, 1, 16), /* ifOutOctets */
};

static void take_narrow(const struct walk_value *v, void *arg)
{
    struct port *p = port_of(arg, v);
    if (p == NULL || v->value->type != POLL_NUMBER) {
        return;
    }
    p->has_narrow = true;
    if (v->column == 0) {
        p->narrow_in = (uint32_t)v->value->number;
    } else {
        p->narrow_out = (uint32_t)v->value->number;
    }
    if (!p->has_wide_in || !p->has_wide_out) {
        p->counters.uptime_cs = v->uptime_cs;
    }
}
MIB_TABLE(mib_narrow, "32-bit counters", narrow, take_narrow);

/* ---- load ---- */

/* cpmCPUTotal5minRev; index cpmCPUTotalIndex. */
static const struct walk_column cisco_cpu[] = {MIB_COLUMN(ENTERPRISES, 9, 9, 109, 1, 1, 1, 1, 8)};
/* hrProcessorLoad, the last minute. */
static const struct walk_column processors[] = {MIB_COLUMN(MIB2, 25, 3, 3, 1, 2)};

static void take_cpu(const struct walk_value *v, void *arg)
{
    struct reading *r = arg;
    if (v->value->type == POLL_NUMBER && v->value->number <= 100) {
        r->cpu_sum += v->value->number;
        r->cpu_count++;
    }
}
MIB_TABLE(mib_cisco_cpu, "Cisco CPU", cisco_cpu, take_cpu);
MIB_TABLE(mib_processors, "processors", processors, take_cpu);

static const struct walk_column cisco_pools[] = {
    MIB_COLUMN(ENTERPRISES, 9, 9, 48, 1, 1, 1, 5), /* ciscoMemoryPoolUsed, bytes */
    MIB_COLUMN(ENTERPRISES, 9, 9, 48, 1, 1, 1, 6), /* ciscoMemoryPoolFree */
};

/* Pool 1 is the processor's; others, such as I/O, are parts of their own and rarely the trouble. */
static void take_pool(const struct walk_value *v, void *arg)
{
    enum { PROCESSOR_POOL = 1 };
    struct reading *r = arg;
    if (v->index_len == 1 && v->index[0] == PROCESSOR_POOL && v->value->type == POLL_NUMBER) {
        *(v->column == 0 ? &r->pool_used : &r->pool_free) = v->value->number;
    }
}
MIB_TABLE(mib_cisco_pools, "Cisco memory", cisco_pools, take_pool);

static const struct walk_column storage[] = {
    MIB_COLUMN(MIB2, 25, 2, 3, 1, 2), /* hrStorageType */
    MIB_COLUMN(MIB2, 25, 2, 3, 1, 3), /* hrStorageDescr */
    MIB_COLUMN(MIB2, 25, 2, 3, 1, 4), /* hrStorageAllocationUnits */
    MIB_COLUMN(MIB2, 25, 2, 3, 1, 5), /* hrStorageSize */
    MIB_COLUMN(MIB2, 25, 2, 3, 1, 6), /* hrStorageUsed */
};

static struct storage_row *storage_of(struct reading *r, uint32_t index)
{
    for (size_t i = 0; i < r->storage_count; i++) {
        if (r->storage[i].index == index) {
            return &r->storage[i];
        }
    }
    if (r->storage_count == STORAGE_MAX) {
        return NULL;
    }
    struct storage_row *row = &r->storage[r->storage_count++];
    *row = (struct storage_row){.index = index};
    return row;
}

static void take_storage(const struct walk_value *v, void *arg)
{
    enum { TYPE, DESCR, UNIT, SIZE, USED };
    char text[DEVICE_TEXT_SIZE];
    struct storage_row *row = v->index_len == 1 ? storage_of(arg, v->index[0]) : NULL;
    if (row == NULL) {
        return;
    }
    switch (v->column) {
    case TYPE:
        MIB_TEXT(v->value, text);
        row->is_memory = strcmp(text, "1.3.6.1.2.1.25.2.1.2") == 0; /* hrStorageRam */
        break;
    case DESCR:
        MIB_TEXT(v->value, text);
        row->is_cache = strcmp(text, "Cached memory") == 0 || strcmp(text, "Memory buffers") == 0;
        break;
    case UNIT: row->unit = v->value->number; break;
    case SIZE: row->size = v->value->number; break;
    case USED: row->used = v->value->number; break;
    }
}
MIB_TABLE(mib_storage, "storage", storage, take_storage);

static const struct walk_column ucd_memory[] = {
    MIB_COLUMN(ENTERPRISES, 2021, 4, 5),  /* memTotalReal, kB */
    MIB_COLUMN(ENTERPRISES, 2021, 4, 6),  /* memAvailReal */
    MIB_COLUMN(ENTERPRISES, 2021, 4, 14), /* memBuffer */
    MIB_COLUMN(ENTERPRISES, 2021, 4, 15), /* memCached */
};

static void take_ucd(const struct walk_value *v, void *arg)
{
    struct reading *r = arg;
    uint64_t *const to[] = {&r->real_total_kb, &r->real_free_kb, &r->buffer_kb, &r->cached_kb};
    if (v->value->type == POLL_NUMBER) {
        *to[v->column] = v->value->number;
    }
}
MIB_TABLE(mib_ucd_memory, "memory", ucd_memory, take_ucd);

/* ---- ENTITY-MIB: the chassis ---- */

static const struct walk_column entity[] = {
    MIB_COLUMN(MIB2, 47, 1, 1, 1, 1, 5),  /* entPhysicalClass */
    MIB_COLUMN(MIB2, 47, 1, 1, 1, 1, 11), /* entPhysicalSerialNum */
    MIB_COLUMN(MIB2, 47, 1, 1, 1, 1, 13), /* entPhysicalModelName */
};

/* The first chassis; its row comes whole, class first. */
static void take_entity(const struct walk_value *v, void *arg)
{
    enum { CLASS, SERIAL, MODEL, CHASSIS = 3 };
    struct reading *r = arg;
    if (v->index_len != 1) {
        return;
    }
    if (v->column == CLASS && v->value->number == CHASSIS && !r->has_chassis) {
        r->has_chassis = true;
        r->chassis_index = v->index[0];
    }
    if (!r->has_chassis || v->index[0] != r->chassis_index) {
        return;
    }
    if (v->column == SERIAL) {
        MIB_TEXT(v->value, r->status.serial);
    } else if (v->column == MODEL) {
        MIB_TEXT(v->value, r->status.model);
    }
}
MIB_TABLE(mib_entity, "chassis", entity, take_entity);
