#include "agent/policy/hosts.h"

#include "common/clock.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>

int hosts_take(struct hosts_policy *h, const json_t *items, struct err *e)
{
    size_t count = json_array_size(items);
    struct hosts_entry *entries = calloc(count + 1, sizeof *entries);
    if (entries == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for %zu policies", count);
    }
    for (size_t i = 0; i < count; i++) {
        struct config_fault fault = {0}; /* checked before: stays empty */
        const json_t *item = json_array_get(items, i);
        config_policy_read(item, &entries[i].item, &fault);
        rule_head_read(&entries[i].head, item, h->entries, h->count, sizeof *entries);
    }
    free(h->entries);
    *h = (struct hosts_policy){.entries = entries, .count = count};
    return 0;
}

void hosts_done(struct hosts_policy *h)
{
    free(h->entries);
    *h = (struct hosts_policy){0};
}

/* Whether the policy holds at this time of the agent's day; a window may pass midnight. */
static bool is_in_force(const struct policy_item *p, uint64_t at_ns)
{
    time_t at_s = (time_t)(at_ns / NS_PER_S);
    struct tm local;
    if (localtime_r(&at_s, &local) == NULL) {
        return true;
    }
    unsigned minute = (unsigned)(local.tm_hour * 60 + local.tm_min);
    bool over_night = p->from_min > p->to_min;
    bool after_midnight = over_night && minute < p->to_min;
    int day = after_midnight ? (local.tm_wday + 6) % 7 : local.tm_wday; /* it began yesterday */
    if ((p->days >> day & 1) == 0) {
        return false;
    }
    if (p->from_min == p->to_min) {
        return true;
    }
    return over_night ? minute >= p->from_min || after_midnight
                      : minute >= p->from_min && minute < p->to_min;
}

/* One end of a flow. */
struct end {
    enum addr_family family;
    const struct addr *addr;
    const struct mac *mac;
    bool local;
};

static struct end end_of(const struct rule_flow *f, bool client)
{
    const struct flow_record *r = f->flow;
    return (struct end){
        .family = r->key.family,
        .addr = client ? &r->key.client : &r->key.server,
        .mac = client ? &r->client_mac : &r->server_mac,
        .local = client ? f->client_local : f->server_local,
    };
}

/* What lies behind a router shows the router's hardware address, which says nothing of it. */
static bool is_member(const struct policy_item *p, const struct end *end)
{
    return rule_addr_in(end->family, end->addr, p->prefixes, p->prefix_count) ||
           (end->local && rule_mac_is_set(end->mac) &&
            rule_mac_in(end->mac, p->macs, p->mac_count));
}

static bool is_of_class(const struct hosts_policy *h, enum policy_class class,
                        const struct end *end, uint64_t at_ns)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct policy_item *p = &h->entries[i].item;
        if (p->class == class && is_member(p, end) && is_in_force(p, at_ns)) {
            return true;
        }
    }
    return false;
}

/* ---- what is judged ---- */

static bool breaks_class(const struct hosts_policy *h, const struct policy_item *p,
                         const struct rule_flow *f, const struct end *other,
                         enum hosts_breach_kind *kind)
{
    if ((f->news & KNOWN_FLOW) == 0 || addr_is_multicast(other->family, other->addr) ||
        is_of_class(h, POLICY_TRUSTED, other, f->at_ns)) {
        return false;
    }
    bool core = is_of_class(h, POLICY_CORE, other, f->at_ns);
    switch (p->class) {
    case POLICY_RESTRICTED:
        *kind = core ? HOSTS_TO_CORE : HOSTS_TO_INTERNET;
        return core || !other->local;
    case POLICY_CORE: *kind = HOSTS_CORE_TO_UNLISTED; return !core;
    case POLICY_GROUP:
    case POLICY_TRUSTED: return false;
    }
    return false;
}

/* What is denied is denied both ways; what is allowed is said of what the host itself begins. */
static bool breaks_apps(const struct policy_item *p, const struct rule_flow *f, bool by_client)
{
    const struct flow_record *r = f->flow;
    if ((f->news & KNOWN_APP) == 0) {
        return false;
    }
    if (rule_app_in(r, p->apps_denied, p->apps_denied_count) ||
        rule_category_in(r, p->categories_denied, p->categories_denied_count)) {
        return true;
    }
    bool lists = p->apps_allowed_count > 0 || p->categories_allowed_count > 0;
    return by_client && lists && !rule_app_in(r, p->apps_allowed, p->apps_allowed_count) &&
           !rule_category_in(r, p->categories_allowed, p->categories_allowed_count);
}

static bool breaks_services(const struct policy_item *p, const struct rule_flow *f, bool by_client)
{
    const struct flow_key *key = &f->flow->key;
    bool has_ports = key->protocol == IPPROTO_TCP || key->protocol == IPPROTO_UDP;
    if (by_client || p->service_count == 0 || !has_ports || (f->news & KNOWN_ANSWERED) == 0 ||
        f->flow->status == FLOW_REFUSED) {
        return false;
    }
    for (size_t i = 0; i < p->service_count; i++) {
        const struct policy_service *s = &p->services[i];
        if (s->transport == key->protocol && key->server_port >= s->ports.from &&
            key->server_port <= s->ports.to) {
            return false;
        }
    }
    return true;
}

struct breaches {
    struct hosts_breach *list;
    size_t count;
};

static void put(struct breaches *out, struct hosts_entry *entry, enum hosts_breach_kind kind,
                bool by_client)
{
    if (out->count < HOSTS_BREACHES_MAX) {
        out->list[out->count++] =
            (struct hosts_breach){.kind = kind, .entry = entry, .by_client = by_client};
    }
}

static void judge_end(struct hosts_policy *h, struct hosts_entry *entry, const struct rule_flow *f,
                      bool by_client, struct breaches *out)
{
    const struct policy_item *p = &entry->item;
    struct end end = end_of(f, by_client), other = end_of(f, !by_client);
    enum hosts_breach_kind kind = HOSTS_TO_INTERNET;
    if (!is_member(p, &end)) {
        return;
    }
    if (breaks_class(h, p, f, &other, &kind)) {
        put(out, entry, kind, by_client);
    }
    if (breaks_apps(p, f, by_client)) {
        put(out, entry, HOSTS_APP, by_client);
    }
    if (breaks_services(p, f, by_client)) {
        put(out, entry, HOSTS_SERVICE, by_client);
    }
}

size_t hosts_judge(struct hosts_policy *h, const struct rule_flow *f,
                   struct hosts_breach list[HOSTS_BREACHES_MAX])
{
    struct breaches out = {.list = list};
    for (size_t i = 0; i < h->count; i++) {
        struct hosts_entry *entry = &h->entries[i];
        size_t before = out.count;
        if (!is_in_force(&entry->item, f->at_ns)) {
            continue;
        }
        judge_end(h, entry, f, true, &out);
        judge_end(h, entry, f, false, &out);
        if (out.count > before) {
            rule_hit(&entry->head, f->at_ns);
        }
    }
    return out.count;
}
