/*
 * An item of the configuration's section "probe": a target that is tried in regular intervals.
 * Read and checked here for both ends: the centre refuses what the agent could not use.
 */
#pragma once

#include "common/wire/config_read.h"
#include "common/wire/probes.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    PROBE_URL_SIZE = 512,
    PROBE_EXPECT_SIZE = 128,
    PROBES_MAX = 1024, /* at one agent */
    PROBE_INTERVAL_MIN_S = 10,
    PROBE_INTERVAL_MAX_S = 3600,
    PROBE_COUNT_MAX = 20,
};

struct config_probe {
    char id[DEVICE_ID_SIZE];
    char name[DEVICE_TEXT_SIZE];
    uint8_t kind;                        /* enum probe_kind */
    char host[DEVICE_DESCR_SIZE];        /* ICMP, TCP: name or address */
    uint16_t port;                       /* TCP */
    char url[PROBE_URL_SIZE];            /* HTTP */
    uint16_t status_min, status_max;     /* HTTP: what is fine */
    char expect_text[PROBE_EXPECT_SIZE]; /* HTTP: must be in the body's first 64 KiB; "" any */
    bool verify;                         /* HTTP: the certificate must be good */
    uint16_t warn_days;                  /* before the certificate's end */
    uint16_t count;                      /* ICMP echoes of one run */
    uint32_t rtt_ms;                     /* alert above it; 0: not */
    uint32_t interval_s;
    uint32_t timeout_ms; /* of an echo, of a connection, of a whole HTTP request */
};

/* Reads an item; look at the fault afterwards. The body is that of the effective configuration. */
void config_probe_read(const json_t *item, struct config_probe *c, struct config_fault *fault);
/* The same for who only wants the fault. */
void config_probe_check(const json_t *item, struct config_fault *fault);
