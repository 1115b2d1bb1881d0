#include "common/wire/config_netconf.h"

static const char *const ROLES[] = {
    [NETCONF_DNS] = "dns",       [NETCONF_DHCP] = "dhcp", [NETCONF_NTP] = "ntp",
    [NETCONF_SMTP] = "smtp",     [NETCONF_LDAP] = "ldap", [NETCONF_GATEWAY] = "gateway",
    [NETCONF_GATEWAY + 1] = NULL};

const char *netconf_role_name(enum netconf_role role)
{
    switch (role) {
    case NETCONF_DNS: return "DNS";
    case NETCONF_DHCP: return "DHCP";
    case NETCONF_NTP: return "NTP";
    case NETCONF_SMTP: return "SMTP";
    case NETCONF_LDAP: return "LDAP";
    case NETCONF_GATEWAY: return "gateway";
    }
    return "unknown";
}

static void take_server(const char *text, size_t index, const char *field,
                        struct config_fault *fault, void *arg)
{
    struct netconf_item *out = arg;
    (void)index; /* addresses and hardware addresses are kept apart */
    if (config_mac_parse(text, &out->macs[out->mac_count])) {
        out->mac_count++;
        if (out->role != NETCONF_GATEWAY) {
            config_fault_set(fault, field, "Write its IP address.",
                             "Only a gateway can be told by its hardware address.");
        }
        return;
    }
    if (addr_prefix_parse(text, &out->servers[out->server_count]) != 0) {
        config_fault_set(fault, field,
                         out->role == NETCONF_GATEWAY
                             ? "Write an address such as 192.0.2.1, or 00:1b:21:3c:9d:f8."
                             : "Write an address such as 192.0.2.53, or a network such as "
                               "192.0.2.0/28 whose host bits are zero.",
                         "\"%.80s\" is no address.", text);
        return;
    }
    const struct addr_prefix *prefix = &out->servers[out->server_count++];
    bool lone = prefix->len == (prefix->family == ADDR_IPV4 ? 32 : 128);
    if (out->role == NETCONF_GATEWAY && !lone) {
        config_fault_set(fault, field, "Write each gateway's own address.",
                         "A gateway is one address, not a network.");
    }
}

void config_netconf_read(const json_t *item, struct netconf_item *out, struct config_fault *fault)
{
    static const char *const known[] = {"role", "servers", "clients", "comment", NULL};
    char comment[NETCONF_COMMENT_SIZE];
    *out = (struct netconf_item){0};
    config_known(item, known, fault);
    out->role = (enum netconf_role)config_word(item, "role", ROLES, -1, fault);
    size_t servers = config_list(item, "servers", NETCONF_SERVERS_MAX, take_server, out, fault);
    if (servers == 0) {
        config_fault_set(fault, "servers", "To stop the check, disable or delete the item.",
                         "Name at least one server.");
    }
    out->client_count = config_prefixes(item, "clients", out->clients, NETCONF_CLIENTS_MAX, fault);
    config_text(item, "comment", 0, comment, sizeof comment, fault);
}

void config_netconf_check(const json_t *item, struct config_fault *fault)
{
    struct netconf_item out;
    config_netconf_read(item, &out, fault);
}
