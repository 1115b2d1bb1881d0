#include "agent/policy/acl.h"

#include <stdlib.h>

int acl_take(struct acl *acl, const json_t *items, struct err *e)
{
    size_t count = json_array_size(items);
    struct acl_entry *entries = calloc(count + 1, sizeof *entries);
    if (entries == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for %zu rules", count);
    }
    for (size_t i = 0; i < count; i++) {
        struct config_fault fault = {0}; /* checked before: stays empty */
        const json_t *item = json_array_get(items, i);
        config_acl_read(item, &entries[i].rule, &fault);
        rule_head_read(&entries[i].head, item, acl->entries, acl->count, sizeof *entries);
    }
    free(acl->entries);
    *acl = (struct acl){.entries = entries, .count = count};
    return 0;
}

void acl_done(struct acl *acl)
{
    free(acl->entries);
    *acl = (struct acl){0};
}

static bool direction_matches(enum acl_direction direction, const struct rule_flow *f)
{
    switch (direction) {
    case ACL_ANY_DIRECTION: return true;
    case ACL_INTERNAL: return f->client_local && f->server_local;
    case ACL_OUTBOUND: return f->client_local && !f->server_local;
    case ACL_INBOUND: return !f->client_local && f->server_local;
    }
    return false;
}

static bool port_matches(const struct acl_rule *rule, uint16_t port)
{
    for (size_t i = 0; i < rule->port_count; i++) {
        if (port >= rule->ports[i].from && port <= rule->ports[i].to) {
            return true;
        }
    }
    return rule->port_count == 0;
}

/* The conditions that hold for the whole life of a flow. */
static bool ends_match(const struct acl_rule *rule, const struct rule_flow *f)
{
    const struct flow_key *key = &f->flow->key;
    if ((rule->transport != 0 && rule->transport != key->protocol) ||
        (rule->vlan != 0 && rule->vlan != key->vlan) || !port_matches(rule, key->server_port) ||
        !direction_matches(rule->direction, f)) {
        return false;
    }
    return (rule->client_count == 0 ||
            rule_addr_in(key->family, &key->client, rule->clients, rule->client_count)) &&
           (rule->server_count == 0 ||
            rule_addr_in(key->family, &key->server, rule->servers, rule->server_count));
}

enum match { MATCH_NO, MATCH_YES, MATCH_MAYBE /* it hangs on the application */ };

static enum match match(const struct acl_rule *rule, const struct rule_flow *f, bool app_known)
{
    bool asks_app = rule->app_count > 0 || rule->category_count > 0;
    if (!ends_match(rule, f)) {
        return MATCH_NO;
    }
    if (!asks_app) {
        return MATCH_YES;
    }
    if (!app_known) {
        return MATCH_MAYBE;
    }
    bool app = rule->app_count == 0 || rule_app_in(f->flow, rule->apps, rule->app_count);
    bool category = rule->category_count == 0 ||
                    rule_category_in(f->flow, rule->categories, rule->category_count);
    return app && category ? MATCH_YES : MATCH_NO;
}

struct decision {
    bool made;
    size_t at; /* the rule that made it; count of rules: none did */
};

static struct decision decide(const struct acl *acl, const struct rule_flow *f, bool app_known)
{
    for (size_t i = 0; i < acl->count; i++) {
        const struct acl_rule *rule = &acl->entries[i].rule;
        if (rule->action == ACL_OBSERVE) {
            continue;
        }
        switch (match(rule, f, app_known)) {
        case MATCH_NO: break;
        case MATCH_YES: return (struct decision){.made = true, .at = i};
        case MATCH_MAYBE: return (struct decision){.made = false};
        }
    }
    return (struct decision){.made = true, .at = acl->count};
}

static void count_trials(struct acl *acl, const struct rule_flow *f, size_t end)
{
    for (size_t i = 0; i < end; i++) {
        struct acl_entry *entry = &acl->entries[i];
        if (entry->rule.action == ACL_OBSERVE && match(&entry->rule, f, true) == MATCH_YES) {
            rule_hit(&entry->head, f->at_ns);
        }
    }
}

const struct acl_entry *acl_judge(struct acl *acl, const struct rule_flow *f)
{
    bool app_known = (f->known & KNOWN_APP) != 0;
    struct decision now = decide(acl, f, app_known);
    if ((f->news & KNOWN_APP) != 0) {
        count_trials(acl, f, now.at);
    }
    bool seen = (f->news & KNOWN_FLOW) == 0;
    bool told = seen && decide(acl, f, app_known && (f->news & KNOWN_APP) == 0).made;
    if (!now.made || told || now.at == acl->count) {
        return NULL;
    }
    struct acl_entry *entry = &acl->entries[now.at];
    rule_hit(&entry->head, f->at_ns);
    return entry->rule.action == ACL_DENY ? entry : NULL;
}
