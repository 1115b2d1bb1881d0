#include "agent/poll/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS_FIRST = 32, KIB = 1024, PERCENT = 100, PERMILLE_OF_PERCENT = 10 };

void reading_done(struct reading *r)
{
    free(r->ports);
    free(r->neighbours);
    free(r->locals);
    r->ports = NULL;
    r->neighbours = NULL;
    r->locals = NULL;
}

static bool grow(struct reading *r)
{
    size_t room = r->port_room == 0 ? PORTS_FIRST : r->port_room * 2;
    if (r->port_count < r->port_room) {
        return true;
    }
    struct port *ports = room > PORTS_MAX ? NULL : realloc(r->ports, room * sizeof *ports);
    if (ports == NULL) {
        return false;
    }
    r->ports = ports;
    r->port_room = room;
    return true;
}

/* Tables come in the order of ifIndex, so the port is at most a row away from the end, or found
 * by halves. */
static size_t place_of(const struct reading *r, uint32_t index)
{
    size_t low = 0, high = r->port_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->ports[middle].told.index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct port *reading_port(struct reading *r, uint32_t index)
{
    size_t at = place_of(r, index);
    if (at < r->port_count && r->ports[at].told.index == index) {
        return &r->ports[at];
    }
    if (!grow(r)) {
        r->ports_left_out++;
        return NULL;
    }
    memmove(&r->ports[at + 1], &r->ports[at], (r->port_count - at) * sizeof *r->ports);
    r->ports[at] = (struct port){.told.index = index};
    r->port_count++;
    return &r->ports[at];
}

/* ---- names ---- */

#define COPY(to, from) ((void)snprintf((to), sizeof(to), "%.*s", (int)sizeof(to) - 1, (from)))

/* Two ports of one name keep their ifIndex to tell them apart. */
static void make_keys(struct reading *r)
{
    for (size_t i = 0; i < r->port_count; i++) {
        struct device_interface *t = &r->ports[i].told;
        const char *best = t->name[0] != '\0' ? t->name : t->descr;
        if (best[0] != '\0') {
            COPY(t->key, best);
        } else {
            (void)snprintf(t->key, sizeof t->key, "index %u", t->index);
        }
    }
    for (size_t i = 1; i < r->port_count; i++) {
        struct device_interface *t = &r->ports[i].told;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(r->ports[k].told.key, t->key) == 0) {
                char index[16];
                int len = snprintf(index, sizeof index, " (%u)", t->index);
                size_t at = strnlen(t->key, sizeof t->key - (size_t)len - 1);
                memcpy(t->key + at, index, (size_t)len + 1);
                break;
            }
        }
    }
}

static void choose_counters(struct reading *r)
{
    for (size_t i = 0; i < r->port_count; i++) {
        struct port *p = &r->ports[i];
        if (p->has_wide_in && p->has_wide_out) {
            p->counters.bits = 64;
        } else if (p->has_narrow) {
            p->counters.bits = 32;
            p->counters.in.octets = p->narrow_in;
            p->counters.out.octets = p->narrow_out;
        }
        p->told.bits = p->counters.bits;
        p->counters.speed_bps = p->told.speed_bps;
        p->counters.mono_ms = r->mono_ms;
    }
}

/* ---- neighbours ---- */

static const struct device_interface *port_by_text(const struct reading *r, const char *text)
{
    char mac[MAC_TEXT_SIZE];
    for (size_t i = 0; i < r->port_count && text[0] != '\0'; i++) {
        const struct device_interface *t = &r->ports[i].told;
        if (strcmp(t->name, text) == 0 || strcmp(t->descr, text) == 0 ||
            strcmp(mac_format(&t->mac, mac), text) == 0) {
            return t;
        }
    }
    return NULL;
}

static const struct local_port *local_by_number(const struct reading *r, uint32_t number)
{
    for (size_t i = 0; i < r->local_count; i++) {
        if (r->locals[i].number == number) {
            return &r->locals[i];
        }
    }
    return NULL;
}

static const struct device_interface *port_by_index(const struct reading *r, uint32_t index)
{
    size_t at = place_of(r, index);
    return at < r->port_count && r->ports[at].told.index == index ? &r->ports[at].told : NULL;
}

/* LLDP's port number is the ifIndex on many devices, but only its own table says so for sure. */
static void place_neighbour(const struct reading *r, struct neighbour_row *row)
{
    const struct local_port *local =
        row->told.protocol == NEIGHBOUR_LLDP ? local_by_number(r, row->local) : NULL;
    const struct device_interface *port = NULL;
    if (local != NULL) {
        port = port_by_text(r, local->id);
        port = port != NULL ? port : port_by_text(r, local->descr);
    } else {
        port = port_by_index(r, row->local);
    }
    if (port != NULL) {
        COPY(row->told.local, port->key);
    } else if (local != NULL) {
        COPY(row->told.local, local->id[0] != '\0' ? local->id : local->descr);
    } else {
        (void)snprintf(row->told.local, sizeof row->told.local, "port %u", row->local);
    }
}

/* ---- load ---- */

/* RAM as HOST-RESOURCES has it; what caches hold is free for whoever needs it. */
static bool memory_of_storage(struct reading *r)
{
    uint64_t total = 0, used = 0, cache = 0;
    for (size_t i = 0; i < r->storage_count; i++) {
        const struct storage_row *s = &r->storage[i];
        if (s->is_memory && s->size * s->unit > total) {
            total = s->size * s->unit;
            used = s->used * s->unit;
        } else if (s->is_cache) {
            cache += s->used * s->unit;
        }
    }
    r->status.memory_total = total;
    r->status.memory_used = used > cache ? used - cache : used;
    return total != 0;
}

static void settle_load(struct reading *r)
{
    struct device_status *s = &r->status;
    if (r->cpu_count != 0) {
        uint64_t permille = r->cpu_sum * PERMILLE_OF_PERCENT / r->cpu_count;
        s->cpu = permille > PERCENT * PERMILLE_OF_PERCENT ? PERCENT * PERMILLE_OF_PERCENT
                                                          : (uint16_t)permille;
    }
    if (r->pool_used + r->pool_free != 0) {
        s->memory_used = r->pool_used;
        s->memory_total = r->pool_used + r->pool_free;
    } else if (r->real_total_kb != 0) {
        uint64_t unused = r->real_free_kb + r->buffer_kb + r->cached_kb;
        s->memory_total = r->real_total_kb * KIB;
        s->memory_used = unused < r->real_total_kb ? (r->real_total_kb - unused) * KIB : 0;
    } else {
        (void)memory_of_storage(r);
    }
}

void reading_finish(struct reading *r)
{
    make_keys(r);
    choose_counters(r);
    for (size_t i = 0; i < r->neighbour_count; i++) {
        place_neighbour(r, &r->neighbours[i]);
    }
    settle_load(r);
    r->status.interfaces = (uint32_t)r->port_count;
}
