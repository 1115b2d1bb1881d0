/* What the files of agent/collect share; everybody else has collect.h. */
#pragma once

#include "agent/collect/collect.h"
#include "agent/collect/template.h"
#include "common/reader.h"

enum {
    STREAMS = 8,   /* of one exporter; the one silent longest makes room */
    SAMPLERS = 32, /* rates that one exporter may announce */
};

/*
 * One sequence of messages: a sending port and an observation domain (v9: source id, v5: engine).
 * Its serial number is never used again, so that templates cannot pass to another stream.
 */
struct stream {
    uint32_t serial; /* 0: free */
    uint32_t domain;
    uint16_t port;
    uint8_t version; /* enum collect_version */
    bool expecting;  /* next is known */
    uint8_t late;    /* messages in a row that came from behind */
    uint32_t next;   /* sequence number that should come */
    uint32_t uptime_ms;
    uint64_t heard_ns;
    uint64_t boot_ns; /* when its uptime was 0, as options told; 0 unknown */
    /* IPFIX: of the last message, see ipfix.c. */
    uint32_t sequence;
    uint32_t records;
    uint32_t flows;
    uint8_t counting;
};

/* A rate that was announced by options. */
struct sampler {
    uint32_t stream; /* serial; 0: free */
    uint64_t id;     /* 0: the stream's own, for all of its flows */
    uint32_t rate;
};

struct exporter {
    struct exporter_view view;
    struct stream streams[STREAMS];
    struct sampler samplers[SAMPLERS];
    uint32_t serials; /* given to streams */
};

/* One datagram in hand. */
struct message {
    struct collector *collector;
    struct exporter *exporter;
    struct stream *stream;
    const struct collect_from *from;
    uint64_t now_ns;      /* arrival, our clock */
    uint64_t export_ns;   /* its clock */
    uint64_t boot_ns;     /* when the exporter's uptime was 0, its clock; 0 unknown */
    uint32_t header_rate; /* sampling that the header tells, 0: none */
    uint32_t records;     /* data records read, options too */
    uint32_t flows;       /* without options */
    bool untemplated;     /* records were passed over, nobody knows how many */
    collected_fn fn;
    void *arg;
};

struct collector {
    struct templates *templates;
    uint16_t count; /* of exporters */
    struct exporter exporters[COLLECT_EXPORTERS];
    struct exporter_view refused;
};

/* The readers, one a version; r stands behind the version number. False: malformed. */
bool netflow5_read(struct message *m, struct reader *r);
bool netflow9_read(struct message *m, struct reader *r);
bool ipfix_read(struct message *m, struct reader *r, size_t len);

/* Finds the stream of this message, or makes it, as m->stream. */
void exporter_stream(struct message *m, uint32_t domain, enum collect_version version);
/*
 * Compares a message's sequence number with the expected one and plans the next; `units` is by how
 * much this message moves it. Returns how many units are missing.
 */
uint32_t exporter_sequence(struct message *m, uint32_t sequence, uint32_t units);
/* Follows the uptime of v5 and v9; a fall means that the exporter was started anew. */
void exporter_uptime(struct message *m, uint32_t uptime_ms);
/* Notes the exporter's clock. */
void exporter_clock(struct message *m, uint64_t export_ns);
/* Keeps an announced rate. */
void exporter_set_sampler(struct message *m, uint64_t id, uint32_t rate);

/* Turns the fields of a data record into a flow and hands it on; no flow when it has no ends. */
void record_take(struct message *m, const struct fields *f);
/* Takes from an options record what it says of sampling. */
void record_take_options(struct message *m, const struct fields *f);
/* Reads a data set of this template id; r holds the set's body. */
bool record_read_set(struct message *m, uint16_t id, struct reader *r);
