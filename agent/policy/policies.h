/*
 * The rules of the centre as one: opened by control, filled by what the centre sends, asked by the
 * detectors of policy. Control's thread.
 */
#pragma once

#include "agent/policy/acl.h"
#include "agent/policy/hosts.h"
#include "agent/policy/netconf.h"

struct policies {
    struct acl acl;
    struct netconf netconf;
    struct hosts_policy hosts;
    rule_local_fn is_local;
    void *arg;
};

int policies_open(struct policies *p, rule_local_fn is_local, void *arg, struct err *e);
void policies_done(struct policies *p);
/* True when there is anything to judge flows by. */
bool policies_any(const struct policies *p);
/*
 * The next rule whose hits grew since it was told, marked as told; NULL at the end. Start with
 * *at = 0.
 */
const struct rule_head *policies_next_hit(struct policies *p, size_t *at);
/* What was marked was lost on the way: everything is told again. */
void policies_tell_again(struct policies *p);
