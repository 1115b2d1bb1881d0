/*
 * A flow record: what happened on one flow since its last record (deltas, so sums are right),
 * with what is known of it as a whole. The engine fills it, the spool keeps it packed, the
 * aggregator stores it. Stream "flow", schema 8.
 */
#pragma once

#include "common/err.h"
#include "common/flow_key.h"
#include "common/latency.h"
#include "common/wire/geo_place.h"
#include "common/wire/prints.h"
#include "common/wire/quality.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLOW_SCHEMA = 8, PROTO_NAME_SIZE = 32, HOST_NAME_SIZE = 256, SOURCE_NAME_SIZE = 32 };

/* Index of everything that is counted per direction. */
enum flow_dir { DIR_C2S = 0, DIR_S2C = 1 };

enum flow_status {
    FLOW_OPENING = 1, /* TCP: SYN seen, no answer yet */
    FLOW_ACTIVE = 2,
    FLOW_CLOSED = 3,    /* FIN both ways */
    FLOW_RESET = 4,     /* RST after data */
    FLOW_REFUSED = 5,   /* SYN answered by RST, or ICMP port unreachable */
    FLOW_NO_ANSWER = 6, /* SYN never answered */
    FLOW_IDLE = 7,      /* no packet for its time-out */
    FLOW_EVICTED = 8,   /* pushed out of a full table, or the program ended */
};

/* "opening", "active", …; "unknown" for anything else. */
const char *flow_status_name(enum flow_status status);

/* Index of everything that belongs to a side of the tap. */
enum flow_side { SIDE_CLIENT = 0, SIDE_SERVER = 1 };

/* Round trips from the tap to one side and back, by what acknowledges data; µs, 0 unknown. */
struct flow_rtt {
    uint32_t median_us; /* since the flow's last record */
    uint32_t min_us;    /* of the flow as a whole */
    uint32_t var_us;    /* mean difference between successive ones, since the last record */
    uint32_t samples;   /* since the last record */
};

/* What told them. Of the greater number when records add up: what told more. */
enum flow_rtt_by {
    RTT_BY_NONE = 0,      /* there are none; or an agent before schema 8 did not say */
    RTT_BY_HANDSHAKE = 1, /* QUIC: nothing else of it can be seen but for the spin bit */
    RTT_BY_SPIN_BIT = 2,
    RTT_BY_ACK = 3, /* TCP: acknowledgements and echoed timestamps */
    RTT_BY_RTCP = 4,
};
enum { RTT_BY_END = 5 };

/* "handshake", "spin_bit", …; NULL for RTT_BY_NONE and what has no name. */
const char *flow_rtt_by_name(unsigned by);

/* TCP segments of one direction since the flow's last record. */
struct flow_segments {
    uint32_t data;           /* with data, those sent again included */
    uint32_t lost_before;    /* lost between the sender and the tap */
    uint32_t needless;       /* of retransmitted: the receiver had them already */
    uint32_t duplicated;     /* copies made by a mirror or the network */
    uint32_t zero_window_ms; /* the receiver had no room */
};

/* DNS over UDP, since the flow's last record. */
struct flow_dns {
    uint32_t questions;
    uint32_t failed; /* SERVFAIL, REFUSED and the like */
    uint32_t unanswered;
    uint32_t answer_us; /* median from the first asking; 0 none */
};

enum { MEDIA_CODEC_SIZE = 18, MEDIA_CALL_SIZE = 64 };

/* RTP of one direction since the flow's last record. Counts of all its streams; the rest is of the
 * one with most packets. */
struct flow_media {
    uint32_t ssrc;
    uint32_t packets;    /* that came, each counted once */
    uint32_t lost;       /* that never came to the tap */
    uint32_t duplicated; /* copies */
    uint32_t late;       /* behind a later one */
    uint32_t discarded;  /* too late for a receiver's buffer */
    uint32_t jitter_us;  /* RFC 3550, the mean of its running value */
    uint32_t jitter_max_us;
    uint32_t gap_ms;              /* the longest silence between two packets */
    uint32_t clock_hz;            /* of the time stamps; 0 unknown: no jitter */
    uint16_t mos;                 /* thousandths, by the E-model; 0: no speech, or too little */
    uint16_t mos_worst;           /* of the worst ten seconds */
    uint16_t mos_reported;        /* by the receiver itself (RTCP XR); 0 none */
    uint16_t burst;               /* BurstR in hundredths: 100 random losses; 0 none lost */
    uint8_t payload_type;         /* RFC 3551 */
    uint8_t streams;              /* 0: no RTP in this direction, all else is 0 */
    char codec[MEDIA_CODEC_SIZE]; /* "PCMU", "opus"; "audio" or "video" when only that is known */
};

_Static_assert(sizeof(struct flow_media) == 68, "no padding: tests compare it whole");

/* How far the call is by its SIP messages. */
enum flow_call_state {
    CALL_NONE = 0,
    CALL_TRYING = 1, /* invited */
    CALL_RINGING = 2,
    CALL_UP = 3,
    CALL_OVER = 4,   /* BYE or CANCEL */
    CALL_FAILED = 5, /* a final answer of 300 and above */
};

/* "trying", "up", …; "unknown" for anything else. */
const char *flow_call_name(enum flow_call_state state);

struct flow_record {
    uint64_t flow_id;  /* unique within one run of the engine */
    uint64_t first_ns; /* first and last packet of the flow, UTC */
    uint64_t last_ns;
    struct flow_key key;
    struct mac client_mac; /* zero when the link has none */
    struct mac server_mac;
    uint8_t status;     /* enum flow_status */
    bool final;         /* the flow's last record */
    bool truncated;     /* a text was longer than its field */
    uint8_t confidence; /* 0 unknown, 1 port, 2 address, 3 cache, 4 DPI (nDPI's verdict) */
    /* Deltas since the flow's last record. */
    uint64_t bytes[2]; /* IP bytes, header included */
    uint64_t packets[2];
    uint32_t retransmitted[2]; /* TCP segments with data sent again */
    uint32_t out_of_order[2];  /* TCP segments that came late */
    /* Of the flow as a whole. */
    uint8_t tcp_flags[2];           /* OR of all flags seen */
    uint32_t handshake_client_us;   /* SYN/ACK to ACK at the tap: client side RTT; 0 unknown */
    uint32_t handshake_server_us;   /* SYN to SYN/ACK at the tap: server side RTT; 0 unknown */
    uint64_t risks;                 /* bit n: nDPI risk n, numbered as alert kinds 1..63 */
    char source[SOURCE_NAME_SIZE];  /* capture source, such as "eth0" */
    char protocol[PROTO_NAME_SIZE]; /* nDPI master protocol name, such as "TLS" */
    char app[PROTO_NAME_SIZE];      /* nDPI application name, such as "Google"; else as protocol */
    char category[PROTO_NAME_SIZE]; /* nDPI category name, such as "Web" */
    char host[HOST_NAME_SIZE];      /* SNI, HTTP Host or DNS name; "" when none */
    char info[HOST_NAME_SIZE]; /* HTTP method and path, TLS version, DNS type…; "" when none */
    /* Schema 2; schema 4: quality[].unjudged. */
    uint8_t quality_class;     /* enum quality_class: what it is judged as */
    uint8_t quality_profile;   /* number of the table that it is judged by; 0 not judged */
    struct quality quality[2]; /* by direction, since the flow's last record */
    struct flow_segments segments[2];
    struct flow_rtt rtt[2]; /* by side */
    struct flow_dns dns;
    /* Schema 3. Of a flow that an exporter told; family ADDR_NONE and zeros when it was captured.
     */
    uint8_t exporter_family; /* enum addr_family */
    struct addr exporter;
    uint32_t input_if; /* SNMP ifIndex where the client's packets came in; 0 unknown */
    uint32_t output_if;
    uint32_t sampling; /* one packet in so many was looked at; counts are scaled by it */
    /* Schema 5. Of a flow that came out of a tunnel: the innermost one that names a network. */
    uint8_t tunnel;            /* enum tunnel_kind */
    uint32_t tunnel_id;        /* VNI, key, session; TEID of the first packet; 0 none */
    struct geo_place place[2]; /* by side, as the agent's databases say */
    /* Schema 6. Of the flow as a whole. */
    struct flow_prints prints;
    /* Schema 7. */
    struct flow_media media[2];    /* by direction */
    char call_id[MEDIA_CALL_SIZE]; /* SIP Call-ID that announced the media, its tail cut; "" none */
    uint8_t call_state;            /* enum flow_call_state */
    bool call_held;                /* one end has put the other on hold: silence is meant */
    /* Schema 8. By side, all that rtt[].median_us is the median of, so that those of several
     * records become one truly; none in a record that is its flow's only one. */
    struct latencies trips[2];
    uint8_t rtt_by; /* enum flow_rtt_by, of both sides */
};

/* Adds the quality of an earlier record of the flow to a later one's; scores by their segments. */
void flow_record_add_quality(const struct flow_record *earlier, struct flow_record *later);

/* False for figures of media and calls that no honest agent sends. */
bool flow_media_is_sound(const struct flow_record *r);
/* Likewise of round trips. */
bool flow_trips_are_sound(const struct flow_record *r);

/* Packs into buf; returns bytes used, or 0 when size is too small (FLOW_PACKED_MAX suffices). */
enum { FLOW_PACKED_MAX = 2048 };
size_t flow_record_pack(const struct flow_record *r, void *buf, size_t size);
/* Reads one record; unknown trailing bytes are skipped, every field is checked. 0 or -1. */
int flow_record_unpack(const void *bytes, size_t len, struct flow_record *r, struct err *e);
