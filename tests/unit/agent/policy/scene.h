/* What the tests of rules share: items out of JSON, and flows as rules see them. */
#pragma once

#include "agent/policy/rule.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* 10/8 and fd00::/8 are local. */
static inline bool scene_is_local(enum addr_family family, const struct addr *addr, void *arg)
{
    (void)arg;
    return addr->bytes[0] == (family == ADDR_IPV4 ? 10 : 0xfd);
}

static inline struct record scene_record(const char *client, uint16_t client_port,
                                         const char *server, uint16_t server_port,
                                         uint8_t transport, const char *app)
{
    struct record r = {.kind = RECORD_KNOWN,
                       .known = KNOWN_FLOW | KNOWN_APP | KNOWN_ANSWERED,
                       .news = KNOWN_FLOW | KNOWN_APP | KNOWN_ANSWERED,
                       .at_ns = 1764090000ull * 1000000000}; /* 2025-11-25 17:00 UTC, a Tuesday */
    r.flow.flow_id = 7;
    r.flow.key.family = (uint8_t)addr_parse(client, &r.flow.key.client);
    (void)addr_parse(server, &r.flow.key.server);
    r.flow.key.client_port = client_port;
    r.flow.key.server_port = server_port;
    r.flow.key.protocol = transport;
    r.flow.packets[0] = r.flow.packets[1] = 3;
    r.flow.status = FLOW_ACTIVE;
    (void)snprintf(r.flow.protocol, sizeof r.flow.protocol, "%s", app);
    (void)snprintf(r.flow.app, sizeof r.flow.app, "%s", app);
    return r;
}

static inline struct rule_flow scene_flow(const struct record *record)
{
    return rule_flow_of(record, scene_is_local, NULL);
}
