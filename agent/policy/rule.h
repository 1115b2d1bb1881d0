/*
 * What all rules of the centre have in common, and a flow as they look at it. Rules are read from
 * checked items, so that nothing here can fail but for memory. Control's thread.
 */
#pragma once

#include "agent/flow/record.h"
#include "common/addr.h"
#include "common/err.h"
#include "common/wire/config.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rule_head {
    int64_t id; /* of the item at the centre */
    char name[CONFIG_NAME_SIZE];
    uint64_t hits;    /* flows that it decided, or that broke it; since control started */
    uint64_t last_ns; /* of the last; 0: none */
    uint64_t told;    /* hits that the centre has heard of */
};

/* A flow with what is known of it. */
struct rule_flow {
    const struct flow_record *flow; /* in totals */
    unsigned known, news;           /* bits of enum record_known */
    uint64_t at_ns;
    bool client_local, server_local;
};

typedef bool (*rule_local_fn)(enum addr_family family, const struct addr *addr, void *arg);

struct rule_flow rule_flow_of(const struct record *record, rule_local_fn is_local, void *arg);

/* Fills the head from an item; hits come over from the former rule of the same id, if any. */
void rule_head_read(struct rule_head *head, const json_t *item, const void *former,
                    size_t former_count, size_t stride);
void rule_hit(struct rule_head *head, uint64_t at_ns);

bool rule_addr_in(enum addr_family family, const struct addr *addr, const struct addr_prefix *list,
                  size_t count);
bool rule_mac_in(const struct mac *mac, const struct mac *list, size_t count);
bool rule_mac_is_set(const struct mac *mac);
/* True when one of the names is the flow's application or protocol, whatever their case. */
bool rule_app_in(const struct flow_record *flow, const char (*names)[PROTO_NAME_SIZE],
                 size_t count);
bool rule_category_in(const struct flow_record *flow, const char (*names)[PROTO_NAME_SIZE],
                      size_t count);
