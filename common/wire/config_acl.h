/*
 * One rule of the access control list, as a person defines it at the centre and an agent judges
 * flows by it. Read by both ends with the same function.
 */
#pragma once

#include "common/addr.h"
#include "common/wire/config_read.h"
#include "common/wire/flows.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    ACL_RULES_MAX = 512,   /* at one agent */
    ACL_PREFIXES_MAX = 32, /* of one side of a rule */
    ACL_PORTS_MAX = 32,    /* ranges */
    ACL_APPS_MAX = 16,
    ACL_COMMENT_SIZE = 257,
};

enum acl_action {
    ACL_ALLOW,   /* nothing is said, and no later rule is asked */
    ACL_DENY,    /* an alert */
    ACL_OBSERVE, /* only counted; the next rule is asked: a rule on trial */
};

enum acl_direction {
    ACL_ANY_DIRECTION,
    ACL_INTERNAL, /* both ends are local */
    ACL_OUTBOUND, /* the client is local, the server is not */
    ACL_INBOUND,  /* the server is local, the client is not */
};

struct acl_ports {
    uint16_t from, to; /* inclusive */
};

/* Every condition that is set must hold; an empty list is no condition. */
struct acl_rule {
    enum acl_action action;
    enum acl_direction direction;
    uint8_t transport; /* IANA number; 0: any */
    uint16_t vlan;     /* 0: any */
    size_t client_count, server_count, port_count, app_count, category_count;
    struct addr_prefix clients[ACL_PREFIXES_MAX];
    struct addr_prefix servers[ACL_PREFIXES_MAX];
    struct acl_ports ports[ACL_PORTS_MAX];          /* of the server */
    char apps[ACL_APPS_MAX][PROTO_NAME_SIZE];       /* nDPI's names */
    char categories[ACL_APPS_MAX][PROTO_NAME_SIZE]; /* likewise */
};

/* Reads a rule; look at the fault afterwards. */
void config_acl_read(const json_t *item, struct acl_rule *rule, struct config_fault *fault);
/* The same for who only wants the fault. */
void config_acl_check(const json_t *item, struct config_fault *fault);

/* Reads "443" or "8000-8100"; false when it is neither. */
bool config_ports_parse(const char *text, struct acl_ports *ports);
/* A list of names of nDPI; shared with the policies. */
size_t config_names(const json_t *item, const char *key, char (*names)[PROTO_NAME_SIZE], size_t max,
                    struct config_fault *fault);
