/*
 * Policies: sets of hosts by address or hardware address. Restricted hosts reach neither the
 * Internet nor core hosts, core hosts only each other, and trusted hosts are free to be reached by
 * both; every set may also say which applications its hosts use and which services they offer, and
 * when that holds.
 */
#pragma once

#include "agent/policy/rule.h"
#include "common/wire/config_policy.h"

struct hosts_entry {
    struct rule_head head; /* first, see rule_head_read */
    struct policy_item item;
};

struct hosts_policy {
    struct hosts_entry *entries;
    size_t count;
};

enum hosts_breach_kind {
    HOSTS_TO_INTERNET,
    HOSTS_TO_CORE,
    HOSTS_CORE_TO_UNLISTED,
    HOSTS_APP,
    HOSTS_SERVICE,
};

struct hosts_breach {
    enum hosts_breach_kind kind;
    const struct hosts_entry *entry;
    bool by_client; /* the host of the set is the flow's client, else its server */
};
enum { HOSTS_BREACHES_MAX = 8 }; /* of one flow; more say nothing more */

/* Replaces the policies by these items, which config_policy_check has passed. */
int hosts_take(struct hosts_policy *h, const json_t *items, struct err *e);
void hosts_done(struct hosts_policy *h);
/* What of the policies the flow breaks, each once in its life; returns how many. */
size_t hosts_judge(struct hosts_policy *h, const struct rule_flow *f,
                   struct hosts_breach list[HOSTS_BREACHES_MAX]);
