/*
 * What the engine hands to control through a ring of shared memory: fixed-size values, no
 * pointers. Flow records say what happened on one flow; account records keep hosts and
 * applications fresh every few seconds; risk records let an alert leave at once.
 */
#pragma once

#include "common/wire/flows.h"

#include <stdbool.h>
#include <stdint.h>

enum record_kind {
    /*
     * At the flow's end and every 60 s while it lives. Segments that come after the final record
     * leave in one more, final as well, when the flow goes from the table.
     */
    RECORD_FLOW = 1,
    RECORD_RISK = 2, /* the flow as it is now (no deltas), with risks just found in new_risks */
    /*
     * The flow as it is now, in totals, for rules to judge; sent only while there are rules, when
     * one of the things below is known that was not, and once more after the rules have changed.
     */
    RECORD_KNOWN = 3,
};

/* What rules wait for; bits of record.known and record.news. */
enum record_known {
    KNOWN_FLOW = 1,     /* its ends and ports: always */
    KNOWN_APP = 2,      /* the verdict on its application stands */
    KNOWN_ANSWERED = 4, /* the server has sent something */
};

struct record {
    uint64_t at_ns; /* packet time, shifted to the present for replayed files */
    uint64_t new_risks;
    uint8_t kind;  /* enum record_kind */
    uint8_t known; /* bits of enum record_known, with RECORD_KNOWN */
    uint8_t news;  /* those of them that no record before has told */
    struct flow_record flow;
};

_Static_assert(sizeof(struct record) <= 1792, "a ring record is at most 1.75 KiB");

/*
 * Bytes and packets of one flow since its last account record, at most ACCOUNT_PERIOD_MS ago. A
 * flow that fell silent tells its end in one without packets.
 * Its ring is apart from the flow ring, so that accounts never push out flows.
 */
enum { ACCOUNT_PERIOD_MS = 2000 };

struct account {
    uint64_t at_ns;
    struct flow_key key;
    struct mac client_mac;
    struct mac server_mac;
    uint32_t bytes[2];
    uint32_t packets[2];
    uint8_t source; /* index of the capture source */
    uint8_t begins; /* 1 in the flow's first account */
    uint8_t ends;   /* 1 in the first after its end; stragglers may follow */
    uint8_t padding;
    char app[PROTO_NAME_SIZE]; /* what is known so far; "Unknown" before the verdict */
};

_Static_assert(sizeof(struct account) <= 192, "an account fits its slot");

/* True for the account of a flow that fell silent: it tells the end and no traffic. */
static inline bool account_only_ends(const struct account *a)
{
    return a->ends && a->packets[DIR_C2S] == 0 && a->packets[DIR_S2C] == 0;
}
