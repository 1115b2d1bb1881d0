/*
 * Flows that the access control list denies, as one event a flow, told by the name of the rule.
 * No threshold: the rule is one.
 */
#include "agent/detect/policy_state.h"
#include "common/alert_kinds.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static const char *transport_name(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_TCP: return "TCP port";
    case IPPROTO_UDP: return "UDP port";
    case IPPROTO_SCTP: return "SCTP port";
    default: return "protocol";
    }
}

static void acl_describe(const struct acl_entry *entry, const struct flow_record *flow,
                         struct finding *f)
{
    const struct flow_key *key = &flow->key;
    char client[ADDR_TEXT_SIZE], server[ADDR_TEXT_SIZE];
    bool ports =
        key->server_port != 0 && key->protocol != IPPROTO_ICMP && key->protocol != IPPROTO_ICMPV6;
    (void)snprintf(f->entity_id, sizeof f->entity_id, "%llu", (unsigned long long)flow->flow_id);
    (void)snprintf(f->key, sizeof f->key, "%s", entry->head.name);
    (void)snprintf(f->detail, sizeof f->detail, "Rule \"%s\" denies it: %s to %s, %s %u, %s",
                   entry->head.name, addr_format(key->family, &key->client, client),
                   addr_format(key->family, &key->server, server), transport_name(key->protocol),
                   ports ? key->server_port : key->protocol, flow->app);
}

static void acl_observe(void *state, const struct record *record, const struct finding_sink *out)
{
    struct policies *p = policy_state_rules(state, record);
    if (p == NULL || p->acl.count == 0) {
        return;
    }
    struct rule_flow flow = rule_flow_of(record, p->is_local, p->arg);
    const struct acl_entry *entry = acl_judge(&p->acl, &flow);
    if (entry == NULL) {
        return;
    }
    struct finding f = {
        .kind = ALERT_ACL_VIOLATION,
        .action = FINDING_EVENT,
        .entity = ENTITY_FLOW,
        .at_ns = record->at_ns,
        .flow = &record->flow,
    };
    acl_describe(entry, &record->flow, &f);
    finding_put(out, &f);
}

static const uint16_t kinds[] = {ALERT_ACL_VIOLATION, 0};

const struct detector detector_policy_acl = {
    .name = "policy_acl",
    .kinds = kinds,
    .open = policy_state_open,
    .close = free,
    .observe = acl_observe,
};
