/*
 * The network configuration: which DNS, DHCP, NTP, mail, directory servers and gateways a network
 * is to use. A kind is judged for the hosts for whom an item of it holds, and for nobody else. A
 * listed server may itself use others: that is what resolvers, relays and time servers with peers
 * do.
 */
#pragma once

#include "agent/policy/rule.h"
#include "common/table.h"
#include "common/wire/config_netconf.h"

struct netconf_entry {
    struct rule_head head; /* first, see rule_head_read */
    struct netconf_item item;
};

struct netconf {
    struct netconf_entry *entries;
    size_t count;
    struct table *routers; /* hardware addresses that carry traffic to other networks */
    struct table *learned; /* hardware addresses of gateways that are listed by address */
};

/* One that is used though it is not listed. */
struct netconf_breach {
    const struct netconf_entry *entry; /* the first that holds for the user */
    bool has_mac;                      /* a gateway */
    struct mac mac;
    enum addr_family family;
    struct addr server, user;
    uint64_t packets; /* that the gateway carried */
    bool v6;          /* a DHCPv6 server */
};

int netconf_open(struct netconf *n, struct err *e);
void netconf_done(struct netconf *n);
/* Replaces the items by these, which config_netconf_check has passed. */
int netconf_take(struct netconf *n, const json_t *items, struct err *e);
/* True when the flow shows a server that is not listed; tells each flow once. */
bool netconf_judge_server(struct netconf *n, const struct rule_flow *f, struct netconf_breach *b);
/* True when the flow goes through a gateway that is not listed. */
bool netconf_judge_gateway(struct netconf *n, const struct rule_flow *f, struct netconf_breach *b);
