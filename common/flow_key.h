/* The key of a flow as the record carries it, and its Community ID v1. */
#pragma once

#include "common/addr.h"

#include <stddef.h>
#include <stdint.h>

/* Client is who opened the flow (SYN, or the first packet seen). All ports in host order. */
struct flow_key {
    struct addr client;
    struct addr server;
    uint16_t client_port; /* 0 for protocols without ports; ICMP: type */
    uint16_t server_port; /* ICMP: code */
    uint16_t vlan;        /* outermost VLAN id, 0 when untagged */
    uint8_t family;       /* enum addr_family */
    uint8_t protocol;     /* IANA protocol number */
    uint32_t origin;      /* whose addresses they are: see common/tunnel.h. Not sent */
};

enum { COMMUNITY_ID_SIZE = 32 };

/* Writes "1:…" (Corelight Community ID v1). Returns buf of COMMUNITY_ID_SIZE, "" on failure. */
char *flow_key_community_id(const struct flow_key *key, uint16_t seed, char *buf);
