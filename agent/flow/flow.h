/*
 * One flow while it lives, and what a packet changes in it. The flow contains the plain states of
 * dpi and qoe by value; the worker calls those stages in order. Numbers are totals; what has
 * already been told in records is kept beside them, so records carry deltas.
 */
#pragma once

#include "agent/decode/packet.h"
#include "agent/dpi/dpi.h"
#include "agent/print/print.h"
#include "agent/qoe/dns.h"
#include "agent/qoe/media.h"
#include "agent/qoe/quic.h"
#include "agent/qoe/tcp.h"
#include "common/wire/flows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLOW_NONE = 0 }; /* no flow: handles count from 1 */

/* What is counted per direction; index by enum flow_dir. */
struct flow_sum {
    uint64_t bytes[2]; /* IP bytes, header included */
    uint64_t packets[2];
};

/* Texts of a flow, kept only as long as they are: most are short. */
enum flow_text { TEXT_HOST, TEXT_INFO, FLOW_TEXTS };

/* What a flow holds beside itself: a state of one kind. */
enum flow_part {
    PART_NONE,
    PART_TCP,      /* struct qoe_tcp */
    PART_TCP_REST, /* the same, squeezed while the flow is silent (agent/qoe/rest.h) */
    PART_DNS,      /* struct qoe_dns */
    PART_QUIC,     /* struct qoe_quic */
    PART_MEDIA,    /* struct qoe_media */
    PART_EXPORTED, /* struct flow_exported */
};

/*
 * What an exporter tells of a flow that we did not capture, in a slab of its own. The flow's own
 * times are then those of arrival, by which it lives and ends here; these are the exporter's.
 */
struct flow_exported {
    struct addr exporter;
    uint8_t family;     /* of the exporter's address */
    uint8_t metered[2]; /* enum collect_metered of the records counted, by direction */
    uint32_t input_if;  /* where the client's packets came in; SNMP ifIndex, 0 unknown */
    uint32_t output_if;
    uint32_t sampling; /* counts are scaled by this */
    uint64_t first_ns;
    uint64_t last_ns;
    struct flow_sum totals; /* last seen, of exporters that count from a flow's beginning */
};

/* What a UDP flow was seen to carry, as far as it says so. */
enum flow_talk { TALK_UNKNOWN, TALK_DNS, TALK_SIP };

/* The first two cache lines are what every packet touches; the rest is for timers and records. */
struct flow {
    struct flow_key key;
    uint8_t status;         /* enum flow_status */
    uint8_t source;         /* index of the capture source */
    uint8_t tcp_flags[2];   /* OR of all seen */
    uint32_t tag;           /* of the table's slot */
    uint32_t self;          /* own handle, FLOW_NONE in a free one */
    uint32_t part;          /* handle of what `holds` says */
    uint8_t holds;          /* enum flow_part */
    uint8_t quality_class;  /* enum quality_class */
    uint8_t looked;         /* prints_look's */
    uint8_t fin_seen : 2;   /* bit per direction */
    uint8_t talk : 2;       /* enum flow_talk */
    bool account_open : 1;  /* bytes came since the last account record */
    bool account_begun : 1; /* its first account record has left */
    bool client_spoke : 1;  /* the client has sent data */
    bool server_spoke : 1;
    struct flow_sum sum;
    uint64_t last_ns;
    uint64_t end_ns;     /* 0 while open */
    uint64_t account_ns; /* beginning of the open account period */
    struct dpi_flow dpi;
    /* Touched by timers. */
    uint64_t due_ns; /* when expire looks at it next */
    uint32_t wheel_next;
    uint32_t wheel_prev;
    uint16_t wheel_slot;
    bool account_ended;  /* the account that tells its end has left */
    bool final_sent;     /* its final flow record has left */
    uint8_t known_told;  /* bits of enum record_known that control has heard… */
    uint8_t known_rules; /* …when the rules were these */
    uint8_t confidence;
    uint8_t after_refusal;          /* client's packets since an ICMP error refused it */
    uint32_t text;                  /* handle of its texts, FLOW_NONE when there are none */
    struct qoe_handshake handshake; /* TCP; of QUIC only its round trips */
    /* Numbers of names in the table, 0 unknown: protocol, app, and category below. */
    uint16_t protocol;
    uint16_t app;
    /* Touched when records leave. */
    uint64_t id;
    uint64_t first_ns;
    uint64_t report_ns; /* last flow record, or the beginning */
    float bps;          /* bits/s over the last account period; a rate needs no more digits */
    uint32_t tunnel_id; /* as the first packet's tunnel told it */
    struct flow_sum reported;
    struct flow_sum accounted;
    uint64_t risks;
    uint64_t risks_told;
    uint16_t category;
    struct mac client_mac;
    struct mac server_mac;
};

_Static_assert(offsetof(struct flow, due_ns) <= 128, "a packet touches two cache lines of a flow");
_Static_assert(sizeof(struct flow) <= 320, "five cache lines, as the slab gives them");

/* Sets up a new flow from its first packet; key, tag and self are the table's and stand already. */
void flow_begin(struct flow *f, uint64_t id, uint8_t source, const struct packet *p,
                enum flow_dir dir);
/*
 * Takes in a packet of the flow: sums, flags, status. True when the flow may now be due earlier
 * than planned.
 */
bool flow_note(struct flow *f, const struct packet *p, enum flow_dir dir);
/* Ends the flow with a status at now_ns, unless it has ended before. */
void flow_end(struct flow *f, enum flow_status status, uint64_t now_ns);
/*
 * Takes in an ICMP error about the flow: it ends as refused, unless it has been in use, such as a
 * call whose receiver hung up first. One that is not TCP goes on when it is in use after all before
 * its final record has left, such as a call whose receiver was slow to listen.
 */
void flow_refuse(struct flow *f, uint64_t now_ns);
/* True when packets came since the flow's last record. */
bool flow_has_news(const struct flow *f);
/* True when an account has to leave before the flow does: traffic, or its end, is untold. */
bool flow_owes_account(const struct flow *f);
/* Moves all times of the flow back, as the clock was. */
void flow_shift_back(struct flow *f, uint64_t by_ns);
/* Bits/s over the last account period, 0 once that is long past. */
uint64_t flow_bps(const struct flow *f, uint64_t now_ns);
/* True when the packet is the SYN of another connection on the same addresses and ports. */
bool flow_is_reused(const struct flow *f, const struct packet *p);
/* Which side of a new flow is the client: DIR_C2S when the packet's sender is. */
enum flow_dir flow_first_direction(const struct packet *p);
