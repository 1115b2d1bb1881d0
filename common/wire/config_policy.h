/*
 * One policy: a set of hosts, what class they are of, what they may use and offer, and when that
 * holds. Read by both ends with the same function.
 */
#pragma once

#include "common/addr.h"
#include "common/wire/config_acl.h"
#include "common/wire/config_read.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    POLICY_ITEMS_MAX = 128, /* at one agent */
    POLICY_HOSTS_MAX = 64,
    POLICY_SERVICES_MAX = 32,
    POLICY_COMMENT_SIZE = 257,
};

enum policy_class {
    POLICY_GROUP,      /* nothing but what the lists say */
    POLICY_RESTRICTED, /* neither the Internet nor core hosts, but for trusted ones */
    POLICY_CORE,       /* only core and trusted hosts */
    POLICY_TRUSTED,    /* whom restricted and core hosts may talk to */
};

struct policy_service {
    uint8_t transport; /* IANA number */
    struct acl_ports ports;
};

/* An empty list of what is allowed allows everything. */
struct policy_item {
    enum policy_class class;
    size_t prefix_count, mac_count;
    struct addr_prefix prefixes[POLICY_HOSTS_MAX];
    struct mac macs[POLICY_HOSTS_MAX];
    size_t apps_allowed_count, apps_denied_count, categories_allowed_count, categories_denied_count,
        service_count;
    char apps_allowed[ACL_APPS_MAX][PROTO_NAME_SIZE]; /* nDPI's names, as those below */
    char apps_denied[ACL_APPS_MAX][PROTO_NAME_SIZE];
    char categories_allowed[ACL_APPS_MAX][PROTO_NAME_SIZE];
    char categories_denied[ACL_APPS_MAX][PROTO_NAME_SIZE];
    struct policy_service services[POLICY_SERVICES_MAX]; /* that its hosts may offer */
    uint8_t days;              /* bit per day, Sunday is bit 0; all days when none was named */
    uint16_t from_min, to_min; /* of the day, at the agent; equal: the whole day */
};

void config_policy_read(const json_t *item, struct policy_item *out, struct config_fault *fault);
void config_policy_check(const json_t *item, struct config_fault *fault);
