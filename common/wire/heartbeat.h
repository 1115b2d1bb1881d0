/*
 * Heartbeat, hello, goodbye and the 1 s live sample: small messages, not spooled, newest wins. They
 * are JSON, but heartbeats, which are most of what a large fleet says, have a packed form as well.
 * The sender's name is in the subject. Pack beside unpack; every member's type is checked.
 */
#pragma once

#include "common/err.h"
#include "common/wire/subjects.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEARTBEAT_MAX = 1024, HELLO_MAX = 4096, HEARTBEAT_PERIOD_MS = 5000, BOOT_ID_SIZE = 40 };

/* Why an agent calls itself degraded; bits of heartbeat.reasons, in JSON as words in "why". */
enum agent_reason {
    REASON_CAPTURE_STOPPED = 1 << 0, /* "capture_stopped" */
    REASON_DROPS = 1 << 1,           /* "drops": > 1 % lost */
    REASON_SPOOL = 1 << 2,           /* "spool": > 50 % full */
    REASON_CLOCK = 1 << 3,           /* "clock_skew" (judged at the centre) */
    REASON_CONFIG = 1 << 4,          /* "config_refused" */
    REASON_VERSION = 1 << 5,         /* "too_old" (judged at the centre) */
    REASON_NO_PACKETS = 1 << 6,      /* "no_packets": none for 5 min where there were some */
    REASON_ENGINE_RESTARTED = 1 << 7 /* "engine_restarted" in the last minute */
};
/* The word of one bit, NULL if unknown; and back, 0 if unknown. */
const char *agent_reason_word(enum agent_reason reason);
unsigned agent_reason_by_word(const char *word);

/* Drops since boot, per hop. */
struct drops {
    uint64_t kernel, ring, table, queue, spool, client;
    uint64_t half_open; /* connection attempts without a record: too many waited for an answer */
    uint64_t early;     /* flows told to their end early, to make room: nothing is lost by it */
};

struct heartbeat {
    uint64_t number;         /* n: counts up from 1 since boot */
    char boot[BOOT_ID_SIZE]; /* random id made when the agent's parent started */
    uint64_t wall_ns;        /* sender's clock */
    uint64_t uptime_s;
    unsigned reasons; /* bits of enum agent_reason; 0 = well */
    uint64_t bps;     /* bits/s over the last period */
    uint64_t pps;
    uint64_t hosts, flows;
    uint64_t engaged;     /* alerts engaged now */
    uint64_t flow_alerts; /* flow alerts since boot */
    uint64_t config_revision;
    uint64_t denied; /* publishes that the server refused, since boot */
    struct drops drops;
    uint64_t spool_bytes;
    uint64_t spool_age_s;  /* age of the oldest record not yet acknowledged; 0 when none */
    uint64_t rss_bytes;    /* parent + engine + control, proportional set size */
    uint32_t cpu_permille; /* of one core, over the last period */
};

struct live_sample {
    uint64_t wall_ns;
    uint64_t bps, pps, flows, hosts, drops;
};

struct hello {
    char boot[BOOT_ID_SIZE];
    char version[32];
    char host[64]; /* host name of the machine */
    char os[96];
    uint64_t wall_ns;
    uint64_t uptime_s;
    uint64_t epochs[STREAM_COUNT + 1]; /* by enum wire_stream */
    uint64_t tails[STREAM_COUNT + 1];  /* last sequence written, by stream */
    bool restarted;                    /* the control process came back under the same boot id */
};

/* Forms of a heartbeat. The centre says in its welcome what it reads; both ends read all. */
enum heartbeat_form {
    HEARTBEAT_JSON = 1,
    HEARTBEAT_PACKED = 2, /* the first byte, which no JSON text has */
};

struct welcome {
    uint64_t time_ns;
    uint64_t revision;    /* of the configuration that the centre wants in force; 0: none */
    char command_key[64]; /* public key of the centre's signatures; "": it has none */
    uint8_t heartbeat;    /* enum heartbeat_form: the newest that it reads */
    struct {
        uint64_t epoch;
        uint64_t upto; /* last sequence stored; 0 when none */
    } cursors[STREAM_COUNT + 1];
};

struct goodbye {
    char boot[BOOT_ID_SIZE];
    uint64_t wall_ns;
    char signature[128]; /* base64url Ed25519 over "bye NAME BOOT WALL_NS" by the agent's NKey */
};

/* Each returns bytes written (no NUL), 0 when size is too small; each unpack 0 or -1 with e. */
size_t heartbeat_pack(const struct heartbeat *h, enum heartbeat_form form, void *buf, size_t size);
int heartbeat_unpack(const void *bytes, size_t len, struct heartbeat *h, struct err *e);
size_t live_sample_pack(const struct live_sample *s, void *buf, size_t size);
int live_sample_unpack(const void *bytes, size_t len, struct live_sample *s, struct err *e);
size_t hello_pack(const struct hello *h, void *buf, size_t size);
int hello_unpack(const void *bytes, size_t len, struct hello *h, struct err *e);
size_t welcome_pack(const struct welcome *w, void *buf, size_t size);
int welcome_unpack(const void *bytes, size_t len, struct welcome *w, struct err *e);
size_t goodbye_pack(const struct goodbye *g, void *buf, size_t size);
int goodbye_unpack(const void *bytes, size_t len, struct goodbye *g, struct err *e);
/* What the signature of a goodbye covers. Returns length. */
size_t goodbye_signed_text(const struct goodbye *g, const char *name, char *buf, size_t size);
