/*
 * What an agent learns of a device over SNMP, on its way to the centre as JSON: how the device
 * is, each of its interfaces over the last span, and whom it says to be joined to. Stream "snmp",
 * schema 1. Numbers that a device does not tell are left out.
 */
#pragma once

#include "common/addr.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DEVICE_SCHEMA = 1,
    DEVICE_PACKED_MAX = 60 * 1024,
    DEVICE_ID_SIZE = 64,
    DEVICE_TEXT_SIZE = 128,
    DEVICE_DESCR_SIZE = 256,
    DEVICE_ERROR_SIZE = 200,
    INTERFACE_TEXT_SIZE = 64,
    NEIGHBOURS_MAX = 32, /* of one record; more of them come in several */
    CPU_UNKNOWN = UINT16_MAX,
};

enum device_record_kind {
    DEVICE_STATUS = 1,
    DEVICE_INTERFACE = 2,
    DEVICE_NEIGHBOURS = 3,
};

/* How the last poll went. The words are in device_state_name. */
enum device_state {
    DEVICE_UP = 1,
    DEVICE_TIMEOUT = 2,       /* no answer: away, or a wrong community of v1 or v2c */
    DEVICE_REFUSED = 3,       /* its host says that nothing listens on the port */
    DEVICE_UNKNOWN_NAME = 4,  /* the name has no address */
    DEVICE_UNKNOWN_USER = 5,  /* v3: usmStatsUnknownUserNames */
    DEVICE_WRONG_DIGEST = 6,  /* v3: usmStatsWrongDigests, the authentication key or hash */
    DEVICE_NO_DECRYPTION = 7, /* v3: usmStatsDecryptionErrors, the privacy key or cipher */
    DEVICE_WRONG_LEVEL = 8,   /* v3: usmStatsUnsupportedSecLevels */
    DEVICE_NOT_IN_TIME = 9,   /* v3: usmStatsNotInTimeWindows, and not settled by asking again */
    DEVICE_NO_ACCESS = 10,    /* it answers, but shows this user or community nothing */
    DEVICE_FAULT = 11,        /* it answers what cannot be understood, or we could not ask */
};
const char *device_state_name(enum device_state state); /* "up", "timeout", … */
/* The credentials are at fault, as far as the device tells. */
bool device_state_is_credentials(enum device_state state);

struct device_status {
    uint8_t state;   /* enum device_state */
    uint8_t version; /* 1, 2 (v2c) or 3 */
    bool restarted;  /* since the poll before */
    uint16_t cpu;    /* permille, or CPU_UNKNOWN */
    uint32_t duration_ms;
    uint32_t failures;   /* polls without an answer, in a row */
    uint32_t interval_s; /* until the next poll */
    uint32_t interfaces;
    uint64_t uptime_s;
    uint64_t memory_used, memory_total; /* bytes; total 0: not told */
    char name[DEVICE_TEXT_SIZE];        /* of its item in the configuration */
    char host[DEVICE_DESCR_SIZE];       /* likewise */
    char sys_name[DEVICE_TEXT_SIZE];
    char sys_descr[DEVICE_DESCR_SIZE];
    char object_id[DEVICE_TEXT_SIZE];
    char location[DEVICE_TEXT_SIZE];
    char model[INTERFACE_TEXT_SIZE];
    char serial[INTERFACE_TEXT_SIZE];
    char error[DEVICE_ERROR_SIZE]; /* what went wrong, for a person; "" when up */
};

enum interface_admin { ADMIN_UP = 1, ADMIN_DOWN = 2, ADMIN_TESTING = 3 }; /* IF-MIB's numbers */
enum { OPER_UP = 1, OPER_DOWN = 2, OPER_LAST = 7 };                       /* likewise, RFC 2863 */

/* Deltas over span_ms, so that sums are right. */
struct interface_counts {
    uint64_t octets, packets, errors, discards;
};

struct device_interface {
    char
        key[INTERFACE_TEXT_SIZE]; /* what tells it apart on its device: ifName where there is one */
    uint32_t index;               /* ifIndex, which may change with a restart */
    char name[INTERFACE_TEXT_SIZE];
    char alias[DEVICE_TEXT_SIZE];
    char descr[DEVICE_TEXT_SIZE];
    uint32_t type; /* IANAifType */
    uint8_t admin, oper;
    uint8_t bits; /* width of the octet counters: 64 or 32; 0 without any */
    struct mac mac;
    uint64_t speed_bps;
    uint32_t span_ms; /* 0: no rates (first poll, restart, discontinuity) */
    struct interface_counts in, out;
};

struct device_neighbour {
    uint8_t protocol;                  /* enum neighbour_protocol */
    char local[INTERFACE_TEXT_SIZE];   /* our port; an interface's key where it is one */
    char chassis[INTERFACE_TEXT_SIZE]; /* MAC, address or name */
    char port[INTERFACE_TEXT_SIZE];    /* theirs */
    char port_descr[INTERFACE_TEXT_SIZE];
    char sys_name[INTERFACE_TEXT_SIZE];
    char sys_descr[DEVICE_TEXT_SIZE];
    char address[ADDR_TEXT_SIZE]; /* of management; "" when not told */
};
enum neighbour_protocol { NEIGHBOUR_LLDP = 1, NEIGHBOUR_CDP = 2 };
const char *neighbour_protocol_name(enum neighbour_protocol protocol); /* "lldp", "cdp" */

struct device_neighbours {
    bool last; /* of this poll: who was not in it is gone */
    unsigned count;
    struct device_neighbour items[NEIGHBOURS_MAX];
};

struct device_record {
    uint8_t kind;                /* enum device_record_kind */
    char device[DEVICE_ID_SIZE]; /* id of its item in the configuration */
    uint64_t at_ns;              /* end of the poll, UTC */
    union {
        struct device_status status;
        struct device_interface interface;
        struct device_neighbours neighbours;
    };
};

/*
 * Bytes of a record of this kind: neighbours take most of the room, so a copy of another kind may
 * be that short.
 */
size_t device_record_size(enum device_record_kind kind);

/* JSON text into buf without the final NUL; returns bytes, or 0 when it does not fit. */
size_t device_record_pack(const struct device_record *r, void *buf, size_t size);
int device_record_unpack(const void *bytes, size_t len, struct device_record *r, struct err *e);

/* Bits a second over a span; 0 without one. */
uint64_t interface_bps(uint64_t octets, uint32_t span_ms);
/* The fuller direction in permille of the speed (full duplex); 0 when the speed is not known. */
uint32_t interface_use(const struct device_interface *i);
