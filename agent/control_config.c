#include "agent/control_config.h"

#include "agent/control_parts.h"

/*
 * Takes items over unless they are what is in force already. The engine tells of flows for rules
 * only while there are any, and of all flows anew after a change: so a change elsewhere in the
 * document must not look like one.
 */
static int take_rules(struct control *c, enum control_rules which, const json_t *items,
                      struct err *e)
{
    struct policies *p = &c->policies;
    int result = -1;
    if (json_equal(c->rule_items[which], items)) {
        return 0;
    }
    switch (which) {
    case RULES_ACL: result = acl_take(&p->acl, items, e); break;
    case RULES_NETCONF: result = netconf_take(&p->netconf, items, e); break;
    case RULES_POLICY: result = hosts_take(&p->hosts, items, e); break;
    }
    if (result == 0) {
        json_decref(c->rule_items[which]);
        c->rule_items[which] = json_deep_copy(items); /* short of memory: the next looks changed */
        c->rules += c->rules == UINT32_MAX ? 2 : 1;   /* never 0 */
        atomic_store(&c->link->health->rules, policies_any(p) ? c->rules : 0); /* see emit.c */
    }
    return result;
}

static int take_acl(const json_t *items, void *arg, struct err *e)
{
    return take_rules(arg, RULES_ACL, items, e);
}

static int take_netconf(const json_t *items, void *arg, struct err *e)
{
    return take_rules(arg, RULES_NETCONF, items, e);
}

static int take_policy(const json_t *items, void *arg, struct err *e)
{
    return take_rules(arg, RULES_POLICY, items, e);
}

void control_rules_done(struct control *c)
{
    for (size_t i = 0; i < RULES_COUNT; i++) {
        json_decref(c->rule_items[i]);
        c->rule_items[i] = NULL;
    }
    policies_done(&c->policies);
}

size_t control_consumers(struct control *c, struct config_consumer *list)
{
    const struct config_consumer all[] = {
        {"acl", take_acl, c},
        {"netconf", take_netconf, c},
        {"policy", take_policy, c},
        {"snmp", control_poll_take_devices, c},
        {"probe", control_poll_take_probes, c},
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    _Static_assert((int)COUNT <= (int)CONTROL_CONSUMERS_MAX, "all consumers fit");
    for (size_t i = 0; i < COUNT; i++) {
        list[i] = all[i];
    }
    return COUNT;
}

void control_tell_hits(struct control *c)
{
    struct config_hits hits = {.count = 0};
    size_t at = 0;
    const struct rule_head *head = policies_next_hit(&c->policies, &at);
    while (head != NULL) {
        hits.list[hits.count++] =
            (struct config_hit){.id = head->id, .hits = head->hits, .last_ns = head->last_ns};
        head = policies_next_hit(&c->policies, &at);
        if ((head == NULL || hits.count == CONFIG_HITS_MAX) && !uplink_hits(c->uplink, &hits)) {
            policies_tell_again(&c->policies); /* the centre is away: all of them later */
            return;
        }
        hits.count = hits.count == CONFIG_HITS_MAX ? 0 : hits.count;
    }
}
