/*
 * From what a poll has read to the records that are told, and what must be remembered for that
 * until the next poll: the counters before. Only device.c uses it.
 */
#pragma once

#include "agent/poll/device.h"
#include "agent/poll/reading.h"

/* The counters of an interface as they were at the last poll. */
struct port_memory {
    char key[INTERFACE_TEXT_SIZE];
    uint32_t index;
    struct counter_reading counters;
};

struct device_memory {
    struct port_memory *ports; /* in the order of ifIndex; owned */
    size_t port_count;
    bool has_uptime;
    struct counter_reading clock;    /* only its times */
    char model[INTERFACE_TEXT_SIZE]; /* read less often than it is told */
    char serial[INTERFACE_TEXT_SIZE];
};

void device_memory_done(struct device_memory *m);

struct told_context {
    const char *device;
    uint64_t at_ns;
    device_record_fn take;
    void *arg;
};

/* Rates of every interface against the memory, which is then the new one. */
void told_interfaces(struct device_memory *m, const struct reading *r,
                     const struct told_context *context);
void told_neighbours(const struct reading *r, const struct told_context *context);
/* Last, so that whoever hears of the device's poll has all of it. */
void told_status(struct device_memory *m, struct reading *r, const struct told_context *context);
