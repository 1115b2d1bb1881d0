/*
 * What hosts do against the policy of their set: whom they talk to and what they use, as one event
 * a flow; which services they offer, as a condition of the host that is over when nobody has used
 * the service for ten minutes. Each is told by the name of the policy.
 */
#include "agent/detect/policy_state.h"
#include "common/alert_kinds.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

/* The host of the set, and the other end. */
struct ends {
    char host[ADDR_TEXT_SIZE], other[ADDR_TEXT_SIZE];
};

static struct ends ends_of(const struct hosts_breach *b, const struct flow_record *flow)
{
    struct ends ends;
    const struct flow_key *key = &flow->key;
    (void)addr_format(key->family, b->by_client ? &key->client : &key->server, ends.host);
    (void)addr_format(key->family, b->by_client ? &key->server : &key->client, ends.other);
    return ends;
}

static uint16_t kind_of(enum hosts_breach_kind kind)
{
    switch (kind) {
    case HOSTS_TO_INTERNET: return ALERT_POLICY_RESTRICTED_TO_INTERNET;
    case HOSTS_TO_CORE: return ALERT_POLICY_RESTRICTED_TO_CORE;
    case HOSTS_CORE_TO_UNLISTED: return ALERT_POLICY_CORE_TO_UNLISTED;
    case HOSTS_APP: return ALERT_POLICY_APP_FORBIDDEN;
    case HOSTS_SERVICE: return ALERT_POLICY_PORT_FORBIDDEN;
    }
    return 0;
}

static void breach_describe(const struct hosts_breach *b, const struct flow_record *flow,
                            struct finding *f)
{
    struct ends ends = ends_of(b, flow);
    const char *name = b->entry->head.name;
    switch (b->kind) {
    case HOSTS_TO_INTERNET:
        (void)snprintf(f->detail, sizeof f->detail,
                       "Policy \"%s\": restricted host %s and %s on the Internet, %s", name,
                       ends.host, ends.other, flow->app);
        return;
    case HOSTS_TO_CORE:
        (void)snprintf(f->detail, sizeof f->detail,
                       "Policy \"%s\": restricted host %s and core host %s, %s", name, ends.host,
                       ends.other, flow->app);
        return;
    case HOSTS_CORE_TO_UNLISTED:
        (void)snprintf(f->detail, sizeof f->detail,
                       "Policy \"%s\": core host %s and %s, which is neither core nor trusted, %s",
                       name, ends.host, ends.other, flow->app);
        return;
    case HOSTS_APP:
        (void)snprintf(f->detail, sizeof f->detail,
                       "Policy \"%s\" does not allow %s (%s) to %s; the other end is %s", name,
                       flow->app, flow->category, ends.host, ends.other);
        return;
    case HOSTS_SERVICE:
        (void)snprintf(f->detail, sizeof f->detail,
                       "Policy \"%s\": %s offers %s port %u (%s), lately to %s", name, ends.host,
                       flow->key.protocol == IPPROTO_UDP ? "UDP" : "TCP", flow->key.server_port,
                       flow->app, ends.other);
        return;
    }
}

static void breach_put(const struct hosts_breach *b, const struct record *record,
                       const struct finding_sink *out)
{
    const struct flow_record *flow = &record->flow;
    bool service = b->kind == HOSTS_SERVICE;
    struct finding f = {
        .kind = kind_of(b->kind),
        .action = service ? FINDING_BAD : FINDING_EVENT,
        .entity = service ? ENTITY_HOST : ENTITY_FLOW,
        .at_ns = record->at_ns,
        .flow = service ? NULL : flow,
    };
    if (service) {
        struct ends ends = ends_of(b, flow);
        (void)snprintf(f.entity_id, sizeof f.entity_id, "%s", ends.host);
        (void)snprintf(f.key, sizeof f.key, "%s: %s/%u", b->entry->head.name,
                       flow->key.protocol == IPPROTO_UDP ? "udp" : "tcp", flow->key.server_port);
    } else {
        (void)snprintf(f.entity_id, sizeof f.entity_id, "%llu", (unsigned long long)flow->flow_id);
        (void)snprintf(f.key, sizeof f.key, "%s", b->entry->head.name);
    }
    breach_describe(b, flow, &f);
    finding_put(out, &f);
}

static void hosts_observe(void *state, const struct record *record, const struct finding_sink *out)
{
    struct policies *p = policy_state_rules(state, record);
    struct hosts_breach breaches[HOSTS_BREACHES_MAX];
    if (p == NULL || p->hosts.count == 0) {
        return;
    }
    struct rule_flow flow = rule_flow_of(record, p->is_local, p->arg);
    size_t count = hosts_judge(&p->hosts, &flow, breaches);
    for (size_t i = 0; i < count; i++) {
        breach_put(&breaches[i], record, out);
    }
}

static const uint16_t kinds[] = {
    ALERT_POLICY_RESTRICTED_TO_INTERNET, ALERT_POLICY_RESTRICTED_TO_CORE,
    ALERT_POLICY_CORE_TO_UNLISTED,       ALERT_POLICY_APP_FORBIDDEN,
    ALERT_POLICY_PORT_FORBIDDEN,         0,
};

const struct detector detector_policy_hosts = {
    .name = "policy_hosts",
    .kinds = kinds,
    .open = policy_state_open,
    .close = free,
    .observe = hosts_observe,
};
