/*
 * One item of the network configuration: which servers of a kind the hosts of a network are to
 * use. Read by both ends with the same function.
 */
#pragma once

#include "common/addr.h"
#include "common/wire/config_read.h"

#include <jansson.h>
#include <stddef.h>

enum {
    NETCONF_ITEMS_MAX = 128, /* at one agent */
    NETCONF_SERVERS_MAX = 32,
    NETCONF_CLIENTS_MAX = 32,
    NETCONF_COMMENT_SIZE = 257,
};

enum netconf_role {
    NETCONF_DNS,
    NETCONF_DHCP,
    NETCONF_NTP,
    NETCONF_SMTP,
    NETCONF_LDAP,
    NETCONF_GATEWAY,
};

struct netconf_item {
    enum netconf_role role;
    size_t server_count, mac_count, client_count;
    struct addr_prefix servers[NETCONF_SERVERS_MAX];
    struct mac macs[NETCONF_SERVERS_MAX];            /* of gateways */
    struct addr_prefix clients[NETCONF_CLIENTS_MAX]; /* for whom it holds; none: every local host */
};

const char *netconf_role_name(enum netconf_role role); /* "DNS", … as people write it */
void config_netconf_read(const json_t *item, struct netconf_item *out, struct config_fault *fault);
void config_netconf_check(const json_t *item, struct config_fault *fault);
