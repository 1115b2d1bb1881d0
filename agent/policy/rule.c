#include "agent/policy/rule.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct rule_flow rule_flow_of(const struct record *record, rule_local_fn is_local, void *arg)
{
    const struct flow_key *key = &record->flow.key;
    return (struct rule_flow){
        .flow = &record->flow,
        .known = record->known,
        .news = record->news & record->known, /* the engine's word alone */
        .at_ns = record->at_ns,
        .client_local = is_local(key->family, &key->client, arg),
        .server_local = is_local(key->family, &key->server, arg),
    };
}

void rule_head_read(struct rule_head *head, const json_t *item, const void *former,
                    size_t former_count, size_t stride)
{
    *head = (struct rule_head){.id = json_integer_value(json_object_get(item, "id"))};
    const char *name = json_string_value(json_object_get(item, "name"));
    (void)snprintf(head->name, sizeof head->name, "%s", name != NULL ? name : ""); /* it fits */
    for (size_t i = 0; i < former_count; i++) {
        const struct rule_head *old =
            (const struct rule_head *)(const void *)((const char *)former + i * stride);
        if (old->id == head->id) {
            head->hits = old->hits;
            head->last_ns = old->last_ns;
            head->told = old->told;
        }
    }
}

void rule_hit(struct rule_head *head, uint64_t at_ns)
{
    head->hits++;
    head->last_ns = at_ns;
}

bool rule_addr_in(enum addr_family family, const struct addr *addr, const struct addr_prefix *list,
                  size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (addr_in_prefix(family, addr, &list[i])) {
            return true;
        }
    }
    return false;
}

bool rule_mac_in(const struct mac *mac, const struct mac *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(mac->bytes, list[i].bytes, sizeof mac->bytes) == 0) {
            return true;
        }
    }
    return false;
}

bool rule_mac_is_set(const struct mac *mac)
{
    static const struct mac none;
    return memcmp(mac->bytes, none.bytes, sizeof none.bytes) != 0;
}

bool rule_app_in(const struct flow_record *flow, const char (*names)[PROTO_NAME_SIZE], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(names[i], flow->app) == 0 || strcasecmp(names[i], flow->protocol) == 0) {
            return true;
        }
    }
    return false;
}

bool rule_category_in(const struct flow_record *flow, const char (*names)[PROTO_NAME_SIZE],
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(names[i], flow->category) == 0) {
            return true;
        }
    }
    return false;
}
