/*
 * Servers and gateways that the network configuration does not list, though hosts for whom it
 * holds use them: a condition of the server, told by the name of the item, over when nobody has
 * used it for ten minutes.
 */
#include "agent/detect/policy_state.h"
#include "common/alert_kinds.h"

#include <stdio.h>
#include <stdlib.h>

static uint16_t kind_of(enum netconf_role role, bool v6)
{
    switch (role) {
    case NETCONF_DNS: return ALERT_UNEXPECTED_DNS_SERVER;
    case NETCONF_DHCP: return v6 ? ALERT_UNEXPECTED_DHCPV6_RA : ALERT_UNEXPECTED_DHCP_SERVER;
    case NETCONF_NTP: return ALERT_UNEXPECTED_NTP_SERVER;
    case NETCONF_SMTP: return ALERT_UNEXPECTED_SMTP_SERVER;
    case NETCONF_LDAP: return ALERT_UNEXPECTED_LDAP_SERVER;
    case NETCONF_GATEWAY: return ALERT_UNEXPECTED_GATEWAY;
    }
    return 0;
}

static void server_describe(const struct netconf_breach *b, struct finding *f)
{
    char server[ADDR_TEXT_SIZE], user[ADDR_TEXT_SIZE];
    const char *role = netconf_role_name(b->entry->item.role);
    (void)addr_format(b->family, &b->server, server);
    (void)snprintf(f->entity_id, sizeof f->entity_id, "%s", server);
    if (addr_equal(&b->server, &b->user)) {
        (void)snprintf(f->detail, sizeof f->detail,
                       "%s answers as a %s server, but \"%s\" does not list it", server, role,
                       b->entry->head.name);
        return;
    }
    (void)snprintf(f->detail, sizeof f->detail,
                   "%s uses %s as its %s server, but \"%s\" does not list it",
                   addr_format(b->family, &b->user, user), server, role, b->entry->head.name);
}

static void gateway_describe(const struct netconf_breach *b, struct finding *f)
{
    char far[ADDR_TEXT_SIZE], user[ADDR_TEXT_SIZE], mac[MAC_TEXT_SIZE];
    (void)snprintf(f->entity_id, sizeof f->entity_id, "%s", mac_format(&b->mac, mac));
    (void)snprintf(f->detail, sizeof f->detail,
                   "%s has carried %llu packets to and from other networks, lately between %s and "
                   "%s, but \"%s\" does not list it; threshold 10",
                   mac, (unsigned long long)b->packets, addr_format(b->family, &b->user, user),
                   addr_format(b->family, &b->server, far), b->entry->head.name);
}

static void breach_put(const struct netconf_breach *b, const struct record *record,
                       const struct finding_sink *out)
{
    struct finding f = {
        .kind = kind_of(b->entry->item.role, b->v6),
        .action = FINDING_BAD,
        .entity = ENTITY_HOST,
        .at_ns = record->at_ns,
    };
    (void)snprintf(f.key, sizeof f.key, "%s", b->entry->head.name);
    if (b->has_mac) {
        gateway_describe(b, &f);
    } else {
        server_describe(b, &f);
    }
    finding_put(out, &f);
}

static void netconf_observe(void *state, const struct record *record,
                            const struct finding_sink *out)
{
    struct policies *p = policy_state_rules(state, record);
    struct netconf_breach b;
    if (p == NULL || p->netconf.count == 0) {
        return;
    }
    struct rule_flow flow = rule_flow_of(record, p->is_local, p->arg);
    if (netconf_judge_server(&p->netconf, &flow, &b)) {
        breach_put(&b, record, out);
    }
    if (netconf_judge_gateway(&p->netconf, &flow, &b)) {
        breach_put(&b, record, out);
    }
}

static const uint16_t kinds[] = {ALERT_UNEXPECTED_DNS_SERVER,  ALERT_UNEXPECTED_NTP_SERVER,
                                 ALERT_UNEXPECTED_DHCP_SERVER, ALERT_UNEXPECTED_DHCPV6_RA,
                                 ALERT_UNEXPECTED_SMTP_SERVER, ALERT_UNEXPECTED_LDAP_SERVER,
                                 ALERT_UNEXPECTED_GATEWAY,     0};

const struct detector detector_policy_netconf = {
    .name = "policy_netconf",
    .kinds = kinds,
    .open = policy_state_open,
    .close = free,
    .observe = netconf_observe,
};
