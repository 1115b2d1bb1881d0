/*
 * One device that is polled over SNMP: its poll from name to result, and what is remembered of it
 * until the next one. A poll never waits; its outcome is told as records. Poller's thread.
 */
#pragma once

#include "common/err.h"
#include "common/wire/config_snmp.h"
#include "common/wire/devices.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct device;

/* Borrowed for the call; only the part of the record's kind is there (device_record_size). */
typedef void (*device_record_fn)(const struct device_record *record, void *arg);

struct device_sink {
    device_record_fn take;
    void *arg;
};

/* NULL and e when memory is short. */
struct device *device_new(uv_loop_t *loop, const struct config_snmp *conf, struct device_sink sink,
                          struct err *e);
/* Ends a poll under way without a word. NULL is fine. */
void device_free(struct device *d);

const struct config_snmp *device_conf(const struct device *d);
/* Other settings for the same device; what is remembered stays. Not while busy. */
void device_set_conf(struct device *d, const struct config_snmp *conf);

/* Begins a poll; not while busy. */
void device_poll(struct device *d, uint64_t mono_ms);
bool device_is_busy(const struct device *d);
/* Ten times a second while busy. */
void device_tick(struct device *d, uint64_t mono_ms);
/* Milliseconds from the end of a poll to the next: longer for a device that stays silent. */
uint64_t device_pause_ms(const struct device *d);
