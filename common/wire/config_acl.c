#include "common/wire/config_acl.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_TEXT_MAX = 11 }; /* "65535-65535" */

static const char *const ACTIONS[] = {
    [ACL_ALLOW] = "allow", [ACL_DENY] = "deny", [ACL_OBSERVE] = "observe", NULL};
static const char *const DIRECTIONS[] = {[ACL_ANY_DIRECTION] = "any",
                                         [ACL_INTERNAL] = "internal",
                                         [ACL_OUTBOUND] = "outbound",
                                         [ACL_INBOUND] = "inbound",
                                         NULL};

/* Side by side with their numbers. */
static const char *const TRANSPORTS[] = {"any", "tcp", "udp", "icmp", "icmpv6", "sctp", NULL};
static const uint8_t TRANSPORT_NUMBERS[] = {
    0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP};

/* Digits up to `end`; false when it is no port. */
static bool port_parse(const char *text, const char **end, uint16_t *port)
{
    unsigned value = 0;
    const char *at = text;
    while (*at >= '0' && *at <= '9' && value <= UINT16_MAX) {
        value = value * 10 + (unsigned)(*at - '0');
        at++;
    }
    *end = at;
    *port = (uint16_t)value;
    return at > text && value <= UINT16_MAX;
}

bool config_ports_parse(const char *text, struct acl_ports *ports)
{
    const char *at = text;
    if (strlen(text) > PORT_TEXT_MAX || !port_parse(text, &at, &ports->from)) {
        return false;
    }
    ports->to = ports->from;
    if (*at == '-' && !port_parse(at + 1, &at, &ports->to)) {
        return false;
    }
    return *at == '\0' && ports->from <= ports->to;
}

static void take_ports(const char *text, size_t index, const char *field,
                       struct config_fault *fault, void *arg)
{
    struct acl_ports *list = arg;
    if (!config_ports_parse(text, &list[index])) {
        config_fault_set(fault, field, "Write a port such as 443 or a range such as 8000-8100.",
                         "\"%.40s\" is no port from 0 to 65535 and no range.", text);
    }
}

static void take_name(const char *text, size_t index, const char *field, struct config_fault *fault,
                      void *arg)
{
    char(*names)[PROTO_NAME_SIZE] = arg;
    size_t len = strlen(text);
    if (len == 0 || len >= PROTO_NAME_SIZE) {
        config_fault_set(fault, field, NULL, "Use 1 to %d bytes.", PROTO_NAME_SIZE - 1);
    } else {
        memcpy(names[index], text, len + 1);
    }
}

size_t config_names(const json_t *item, const char *key, char (*names)[PROTO_NAME_SIZE], size_t max,
                    struct config_fault *fault)
{
    return config_list(item, key, max, take_name, names, fault);
}

/* Ports mean something for these alone. */
static bool has_ports(uint8_t transport)
{
    return transport == 0 || transport == IPPROTO_TCP || transport == IPPROTO_UDP ||
           transport == IPPROTO_SCTP;
}

void config_acl_read(const json_t *item, struct acl_rule *rule, struct config_fault *fault)
{
    static const char *const known[] = {"action",       "direction", "transport", "client",
                                        "server",       "vlan",      "apps",      "categories",
                                        "server_ports", "comment",   NULL};
    char comment[ACL_COMMENT_SIZE];
    *rule = (struct acl_rule){0};
    config_known(item, known, fault);
    rule->action = (enum acl_action)config_word(item, "action", ACTIONS, -1, fault);
    rule->direction =
        (enum acl_direction)config_word(item, "direction", DIRECTIONS, ACL_ANY_DIRECTION, fault);
    rule->transport = TRANSPORT_NUMBERS[config_word(item, "transport", TRANSPORTS, 0, fault)];
    rule->vlan = (uint16_t)config_number(item, "vlan", 0, 4094, 0, fault);
    rule->client_count = config_prefixes(item, "client", rule->clients, ACL_PREFIXES_MAX, fault);
    rule->server_count = config_prefixes(item, "server", rule->servers, ACL_PREFIXES_MAX, fault);
    rule->port_count =
        config_list(item, "server_ports", ACL_PORTS_MAX, take_ports, rule->ports, fault);
    rule->app_count = config_names(item, "apps", rule->apps, ACL_APPS_MAX, fault);
    rule->category_count = config_names(item, "categories", rule->categories, ACL_APPS_MAX, fault);
    config_text(item, "comment", 0, comment, sizeof comment, fault);
    if (rule->port_count > 0 && !has_ports(rule->transport)) {
        config_fault_set(fault, "server_ports", "Leave the ports out, or choose TCP or UDP.",
                         "This transport has no ports.");
    }
}

void config_acl_check(const json_t *item, struct config_fault *fault)
{
    struct acl_rule rule;
    config_acl_read(item, &rule, fault);
}
