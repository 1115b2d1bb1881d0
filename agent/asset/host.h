/*
 * The hosts that the site's traffic shows, one row for each VLAN and address, kept fresh by the
 * engine's account records. Bounded: at the cap a new host is refused and counted, and hosts long
 * silent are forgotten. Control's thread; time is packet time, shifted to the present.
 */
#pragma once

#include "agent/flow/record.h"
#include "common/addr.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HOST_SERVICES_MAX = 16, /* services remembered for one host */
    HOST_LABEL_SIZE = 64,   /* bytes of a name, NUL included */
    HOST_ACTIVE_S = 300,    /* seen so recently: counted as active */
    HOST_RATE_S = 5,        /* rates are averages over at least so long */
};

struct host_key {
    struct addr addr;
    uint16_t vlan;
    uint8_t family; /* enum addr_family */
    uint8_t padding;
};
_Static_assert(sizeof(struct host_key) == 20, "a table key has no hidden padding");

struct host_service {
    uint16_t port;
    uint8_t protocol; /* IANA number */
};

/* Of bits per second, measured over the last full period. */
struct host_rate {
    uint64_t since_ns;
    uint64_t bytes_in, bytes_out; /* since since_ns */
    uint64_t bps_in, bps_out;
};

struct host {
    struct host_key key;
    struct mac mac; /* of local hosts only: a remote one shows its router's */
    bool local;
    uint8_t service_count;
    struct host_service services[HOST_SERVICES_MAX]; /* that it answered on */
    uint32_t flows;                                  /* live */
    uint64_t first_ns, last_ns;
    uint64_t bytes_in, bytes_out, packets_in, packets_out;
    struct host_rate rate;
    char name[HOST_LABEL_SIZE]; /* as its clients called it; "" when unknown */
};

/* The site's own address ranges. */
struct networks {
    const struct addr_prefix *prefixes;
    size_t count;
};

bool networks_hold(const struct networks *n, enum addr_family family, const struct addr *addr);
/* False for groups, broadcasts and "no address yet". */
bool addr_names_a_host(enum addr_family family, const struct addr *addr);

struct host_table;

/* Holds at most max hosts. Borrows the prefixes until others are set. NULL and e on failure. */
struct host_table *host_table_new(size_t max, struct networks local, struct err *e);
void host_table_free(struct host_table *t);
/* New local networks, after a reload: known hosts are judged anew. */
void host_table_set_local(struct host_table *t, struct networks local);

/* Books both ends of a flow. */
void host_table_account(struct host_table *t, const struct account *a);
/* Learns the server's name from a flow record, where the protocol carries one. */
void host_table_learn(struct host_table *t, const struct flow_record *r);
/* The engine began anew: what it had live is gone. */
void host_table_forget_flows(struct host_table *t);
/* Forgets hosts silent for longer than their keeping time. Call every few seconds. */
void host_table_sweep(struct host_table *t, uint64_t now_ns);

const struct host *host_table_get(const struct host_table *t, const struct host_key *key);
/* Walks all hosts: *at = 0 at first; NULL at the end. Borrowed until the table changes. */
const struct host *host_table_next(struct host_table *t, size_t *at);
size_t host_table_count(const struct host_table *t);
/* Times that a host found no room. */
uint64_t host_table_refused(const struct host_table *t);

/* Bits/s now: 0 when the host has been silent. */
uint64_t host_bps_in(const struct host *h, uint64_t now_ns);
uint64_t host_bps_out(const struct host *h, uint64_t now_ns);
