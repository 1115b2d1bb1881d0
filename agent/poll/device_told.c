#include "agent/poll/device_told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void device_memory_done(struct device_memory *m)
{
    free(m->ports);
    *m = (struct device_memory){0};
}

static struct device_record record_of(const struct told_context *context,
                                      enum device_record_kind kind)
{
    struct device_record r = {.kind = (uint8_t)kind, .at_ns = context->at_ns};
    (void)snprintf(r.device, sizeof r.device, "%s", context->device); /* same sizes */
    return r;
}

/* The same interface at the last poll; a restart may have given it another ifIndex. */
static const struct port_memory *remembered(const struct device_memory *m, const struct port *p,
                                            size_t hint)
{
    if (hint < m->port_count && strcmp(m->ports[hint].key, p->told.key) == 0) {
        return &m->ports[hint];
    }
    for (size_t i = 0; i < m->port_count; i++) {
        if (strcmp(m->ports[i].key, p->told.key) == 0) {
            return &m->ports[i];
        }
    }
    return NULL;
}

/* Without memory there are no rates until the poll after the next. */
static void remember(struct device_memory *m, const struct reading *r)
{
    struct port_memory *ports = r->port_count > 0 ? calloc(r->port_count, sizeof *ports) : NULL;
    for (size_t i = 0; i < r->port_count && ports != NULL; i++) {
        memcpy(ports[i].key, r->ports[i].told.key, sizeof ports[i].key);
        ports[i].index = r->ports[i].told.index;
        ports[i].counters = r->ports[i].counters;
    }
    free(m->ports);
    m->ports = ports;
    m->port_count = ports != NULL ? r->port_count : 0;
}

void told_interfaces(struct device_memory *m, const struct reading *r,
                     const struct told_context *context)
{
    struct device_record record = record_of(context, DEVICE_INTERFACE);
    for (size_t i = 0; i < r->port_count; i++) {
        const struct port_memory *before = remembered(m, &r->ports[i], i);
        record.interface = r->ports[i].told;
        if (before != NULL) { /* why there are no rates is plain from what is told next time */
            (void)rates_between(&before->counters, &r->ports[i].counters, &record.interface);
        }
        context->take(&record, context->arg);
    }
    remember(m, r);
}

void told_neighbours(const struct reading *r, const struct told_context *context)
{
    struct device_record record = record_of(context, DEVICE_NEIGHBOURS);
    struct device_neighbours *n = &record.neighbours;
    size_t at = 0;
    do {
        n->count = 0;
        while (at < r->neighbour_count && n->count < NEIGHBOURS_MAX) {
            n->items[n->count++] = r->neighbours[at++].told;
        }
        n->last = at == r->neighbour_count;
        context->take(&record, context->arg);
    } while (at < r->neighbour_count);
}

static void settle_restart(struct device_memory *m, struct reading *r)
{
    const struct counter_reading now = {.mono_ms = r->mono_ms, .uptime_cs = r->uptime_cs};
    r->status.restarted = m->has_uptime && rates_restarted(&m->clock, &now);
    m->has_uptime = true;
    m->clock = now;
}

#define COPY(to, from) ((void)snprintf((to), sizeof(to), "%s", (from))) /* same sizes */

void told_status(struct device_memory *m, struct reading *r, const struct told_context *context)
{
    struct device_record record = record_of(context, DEVICE_STATUS);
    if (r->status.state == DEVICE_UP) {
        settle_restart(m, r);
        if (r->status.model[0] != '\0' || r->status.serial[0] != '\0') {
            COPY(m->model, r->status.model);
            COPY(m->serial, r->status.serial);
        }
        COPY(r->status.model, m->model);
        COPY(r->status.serial, m->serial);
    }
    record.status = r->status;
    context->take(&record, context->arg);
}
