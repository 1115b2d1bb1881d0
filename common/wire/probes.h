/*
 * One run of an active probe, on its way to the centre as JSON: whether the target answered as it
 * should, and how long each part took. Stream "probe", schema 1.
 */
#pragma once

#include "common/err.h"
#include "common/wire/devices.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROBE_SCHEMA = 1, PROBE_PACKED_MAX = 4096 };

enum probe_kind { PROBE_ICMP = 1, PROBE_TCP = 2, PROBE_HTTP = 3 };
const char *probe_kind_name(enum probe_kind kind); /* "icmp", "tcp", "http" */

/* How it went. Everything but PROBE_OK is a failure. */
enum probe_state {
    PROBE_OK = 1,
    PROBE_TIMEOUT = 2,         /* no answer in time */
    PROBE_REFUSED = 3,         /* the connection was refused or broken off */
    PROBE_UNKNOWN_NAME = 4,    /* the name has no address */
    PROBE_WRONG_STATUS = 5,    /* HTTP: a status that is not expected */
    PROBE_WRONG_CONTENT = 6,   /* HTTP: the expected text is not in the answer */
    PROBE_BAD_CERTIFICATE = 7, /* TLS: not to be trusted, or for another name */
    PROBE_FAULT = 8,           /* anything else; error says what */
};
const char *probe_state_name(enum probe_state state); /* "ok", "timeout", … */

/* Times are in microseconds; 0: that part did not happen. */
struct probe_record {
    char probe[DEVICE_ID_SIZE]; /* id of its item in the configuration */
    char name[DEVICE_TEXT_SIZE];
    char target[DEVICE_DESCR_SIZE];
    char address[ADDR_TEXT_SIZE]; /* that the name had; "" when none */
    uint8_t kind;                 /* enum probe_kind */
    uint8_t state;                /* enum probe_state */
    uint64_t at_ns;               /* end of the run, UTC */
    uint32_t interval_s;          /* until the next run */
    uint32_t rtt_us;              /* ICMP: mean; TCP: connect; HTTP: to the first byte */
    uint32_t rtt_min_us, rtt_max_us;
    uint32_t jitter_us;      /* ICMP: mean difference of echoes in a row */
    uint16_t sent, received; /* ICMP echoes */
    uint32_t name_us, connect_us, tls_us, total_us;
    uint16_t status;               /* of HTTP */
    uint16_t warn_days;            /* of the certificate: alert that many days before its end */
    uint32_t limit_us;             /* of rtt_us, to be alerted above; 0: none */
    uint64_t bytes;                /* of the answer's body */
    uint64_t cert_end_s;           /* UTC seconds of the certificate's end; 0: no TLS */
    char error[DEVICE_ERROR_SIZE]; /* for a person; "" when ok */
};

/* JSON text into buf without the final NUL; returns bytes, or 0 when it does not fit. */
size_t probe_record_pack(const struct probe_record *r, void *buf, size_t size);
int probe_record_unpack(const void *bytes, size_t len, struct probe_record *r, struct err *e);
