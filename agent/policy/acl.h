/*
 * The access control list: ordered rules, the first that matches a flow decides. A flow is judged
 * as soon as its ends and ports are known, but a rule that asks for an application holds the
 * judgement until the verdict, so that what a later rule says is never told too early. What no
 * rule decides is allowed.
 */
#pragma once

#include "agent/policy/rule.h"
#include "common/wire/config_acl.h"

struct acl_entry {
    struct rule_head head; /* first, see rule_head_read */
    struct acl_rule rule;
};

struct acl {
    struct acl_entry *entries;
    size_t count;
};

/* Replaces the rules by these items, which config_acl_check has passed. */
int acl_take(struct acl *acl, const json_t *items, struct err *e);
void acl_done(struct acl *acl);
/*
 * The rule that denies the flow, when that has just become certain; NULL otherwise. Counts hits:
 * of the deciding rule then, of matching rules on trial once the application is known.
 */
const struct acl_entry *acl_judge(struct acl *acl, const struct rule_flow *f);
