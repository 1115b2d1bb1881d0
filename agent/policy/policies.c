#include "agent/policy/policies.h"

int policies_open(struct policies *p, rule_local_fn is_local, void *arg, struct err *e)
{
    *p = (struct policies){.is_local = is_local, .arg = arg};
    return netconf_open(&p->netconf, e);
}

void policies_done(struct policies *p)
{
    acl_done(&p->acl);
    netconf_done(&p->netconf);
    hosts_done(&p->hosts);
}

bool policies_any(const struct policies *p)
{
    return p->acl.count + p->netconf.count + p->hosts.count > 0;
}

static struct rule_head *head_at(struct policies *p, size_t at)
{
    if (at < p->acl.count) {
        return &p->acl.entries[at].head;
    }
    at -= p->acl.count;
    if (at < p->netconf.count) {
        return &p->netconf.entries[at].head;
    }
    at -= p->netconf.count;
    return at < p->hosts.count ? &p->hosts.entries[at].head : NULL;
}

const struct rule_head *policies_next_hit(struct policies *p, size_t *at)
{
    for (struct rule_head *head; (head = head_at(p, *at)) != NULL;) {
        ++*at;
        if (head->hits != head->told) {
            head->told = head->hits;
            return head;
        }
    }
    return NULL;
}

void policies_tell_again(struct policies *p)
{
    struct rule_head *head;
    for (size_t at = 0; (head = head_at(p, at)) != NULL; at++) {
        head->told = 0;
    }
}
