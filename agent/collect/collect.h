/*
 * Flows as exporters tell them: NetFlow v5 and v9 and IPFIX, from the payload of a datagram to
 * values in our own units and our own clock. One collector a worker; it keeps the exporters, their
 * templates and their sampling, all under fixed caps, and asks for no memory after it was made.
 * Worker thread only.
 */
#pragma once

#include "common/addr.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COLLECT_EXPORTERS = 64, /* datagrams of further ones are refused and counted */
};

/* Bits of exporter_view.versions. */
enum collect_version { COLLECT_V5 = 1, COLLECT_V9 = 2, COLLECT_IPFIX = 4 };

/* What an exporter's flow end reason says (IANA, flowEndReason); 0: it did not tell. */
enum collect_end {
    COLLECT_END_UNTOLD = 0,
    COLLECT_END_IDLE = 1,
    COLLECT_END_ACTIVE = 2, /* a piece of a flow that goes on */
    COLLECT_END_SEEN = 3,
    COLLECT_END_FORCED = 4,
    COLLECT_END_ROOM = 5,
};

/* Where on its way through the exporter a flow was metered (IANA, flowDirection, plus 1). */
enum collect_metered { COLLECT_METER_UNTOLD, COLLECT_METER_INGRESS, COLLECT_METER_EGRESS };

/* One flow record. Index 0 is what the source sent, 1 what it got (biflow, RFC 5103). */
struct collected {
    uint16_t exporter; /* number, counts from 1; holds for the collector's life */
    uint8_t family;    /* enum addr_family */
    uint8_t protocol;
    struct addr src;
    struct addr dst;
    uint16_t src_port; /* ICMP: type, in the port of the side it counts for */
    uint16_t dst_port; /* ICMP: code */
    uint16_t vlan;
    struct mac src_mac;
    struct mac dst_mac;
    uint64_t first_ns; /* UTC by our clock; first ≤ last ≤ arrival */
    uint64_t last_ns;
    uint64_t bytes[2]; /* scaled by sampling */
    uint64_t packets[2];
    bool totals;     /* since the flow began instead of since its last record */
    bool flags_told; /* tcp_flags holds what the exporter saw */
    uint8_t tcp_flags[2];
    uint8_t end;       /* enum collect_end; settled also where the exporter does not tell */
    uint8_t metered;   /* enum collect_metered */
    uint32_t input_if; /* SNMP ifIndex, 0 unknown */
    uint32_t output_if;
    uint32_t sampling; /* one packet in so many was looked at; 1: all */
};

typedef void (*collected_fn)(const struct collected *flow, void *arg);

/*
 * How an exporter fares: a value that crosses to control once a second. Sums since the collector
 * was made; times are UTC by our clock.
 */
struct exporter_view {
    struct addr addr;
    uint8_t family;   /* enum addr_family */
    uint8_t versions; /* enum collect_version bits heard */
    uint16_t
        number; /* as in struct collected; 0: of all who were turned away, the last one's address */
    uint8_t source;     /* index of the capture source */
    uint32_t templates; /* gauge */
    uint32_t sampling;  /* of the last flow; 0: none yet */
    uint64_t first_ns;
    uint64_t last_ns;
    uint64_t gap_ns; /* usual longest pause between datagrams; 0 unknown */
    int64_t skew_ms; /* its clock less ours, at the last datagram */
    uint64_t datagrams;
    uint64_t flows;
    uint64_t lost_flows;     /* gaps of v5 and IPFIX sequences */
    uint64_t lost_datagrams; /* gaps of v9 sequences */
    uint64_t malformed;      /* datagrams that could not be read to their end */
    uint64_t untemplated;    /* sets of records whose template we do not have */
    uint64_t duplicates;     /* flows metered twice, counted once; the worker's figure */
    uint64_t restarts;
};

/* Who sent a datagram and where it came in. */
struct collect_from {
    struct addr addr;
    uint8_t family;
    uint8_t source; /* index of the capture source */
    uint16_t port;
    uint32_t sampling; /* rate set by the operator, over all that is told; 0: none */
};

struct collector;

struct collector *collector_new(struct err *e);
void collector_free(struct collector *c);

/* Reads one datagram that came at now_ns (UTC) and hands its flows to fn. False: not readable. */
bool collector_datagram(struct collector *c, const struct collect_from *from, const void *bytes,
                        size_t len, uint64_t now_ns, collected_fn fn, void *arg);
/* Counts a datagram from an address that may not send. */
void collector_refuse(struct collector *c, const struct collect_from *from, uint64_t now_ns);
/* Counts a flow of this exporter as metered twice. */
void collector_note_duplicate(struct collector *c, uint16_t exporter);

/* The address of exporter `number`. NULL when there is none. */
const struct exporter_view *collector_exporter(const struct collector *c, uint16_t number);
/* For walking: views from 0 on, the refused senders' last; NULL behind the end. */
const struct exporter_view *collector_view(const struct collector *c, unsigned place);
