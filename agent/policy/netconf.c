#include "agent/policy/netconf.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUTERS_MAX = 256,
    LEARNED_MAX = 256,
    GATEWAY_PACKETS = 10, /* fewer may be a stray, or an answer to a neighbour's mistake */
    PORT_NTP = 123,
    PORT_DHCP_SERVER = 67,
    PORT_DHCP6_SERVER = 547,
};

/* A hardware address, padded as a table key wants it. */
struct mac_key {
    struct mac mac;
    uint8_t padding[2];
};

struct router {
    struct mac_key key;
    uint64_t packets;
};

struct learned {
    struct addr addr;
    uint8_t family;
    uint8_t padding[3];
    struct mac mac;
};
enum { LEARNED_KEY = 20 };
_Static_assert(offsetof(struct learned, mac) == LEARNED_KEY, "the key is what stands before");

int netconf_open(struct netconf *n, struct err *e)
{
    *n = (struct netconf){0};
    n->routers = table_new(sizeof(struct mac_key), sizeof(struct router), ROUTERS_MAX, e);
    n->learned =
        n->routers != NULL ? table_new(LEARNED_KEY, sizeof(struct learned), LEARNED_MAX, e) : NULL;
    if (n->learned == NULL) {
        netconf_done(n);
        return -1;
    }
    return 0;
}

void netconf_done(struct netconf *n)
{
    table_free(n->routers);
    table_free(n->learned);
    free(n->entries);
    *n = (struct netconf){0};
}

int netconf_take(struct netconf *n, const json_t *items, struct err *e)
{
    size_t count = json_array_size(items);
    struct netconf_entry *entries = calloc(count + 1, sizeof *entries);
    if (entries == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for %zu items", count);
    }
    for (size_t i = 0; i < count; i++) {
        struct config_fault fault = {0}; /* checked before: stays empty */
        const json_t *item = json_array_get(items, i);
        config_netconf_read(item, &entries[i].item, &fault);
        rule_head_read(&entries[i].head, item, n->entries, n->count, sizeof *entries);
    }
    free(n->entries);
    n->entries = entries;
    n->count = count;
    table_clear(n->routers); /* who is expected may have changed */
    return 0;
}

/* ---- who is listed, and for whom ---- */

static bool holds_for(const struct netconf_item *item, enum addr_family family,
                      const struct addr *user)
{
    return item->client_count == 0 || rule_addr_in(family, user, item->clients, item->client_count);
}

static bool is_listed(const struct netconf *n, enum netconf_role role, enum addr_family family,
                      const struct addr *server, const struct addr *user)
{
    for (size_t i = 0; i < n->count; i++) {
        const struct netconf_item *item = &n->entries[i].item;
        if (item->role == role && (user == NULL || holds_for(item, family, user)) &&
            rule_addr_in(family, server, item->servers, item->server_count)) {
            return true;
        }
    }
    return false;
}

/*
 * The first item of the role that holds for the user. One that lists no server of this family says
 * nothing about it: a network with IPv4 resolvers alone has not forbidden IPv6.
 */
static struct netconf_entry *entry_for(struct netconf *n, enum netconf_role role,
                                       enum addr_family family, const struct addr *user)
{
    for (size_t i = 0; i < n->count; i++) {
        const struct netconf_item *item = &n->entries[i].item;
        bool speaks = role == NETCONF_GATEWAY;
        for (size_t s = 0; s < item->server_count; s++) {
            speaks = speaks || item->servers[s].family == family;
        }
        if (item->role == role && speaks && holds_for(item, family, user)) {
            return &n->entries[i];
        }
    }
    return NULL;
}

/* ---- servers ---- */

struct service {
    enum netconf_role role;
    uint16_t port;
    const char *apps[3]; /* nDPI's names */
};

static const struct service SERVICES[] = {
    {NETCONF_DNS, 53, {"DNS"}},
    {NETCONF_NTP, PORT_NTP, {"NTP"}},
    {NETCONF_SMTP, 25, {"SMTP", "SMTPS"}},
    {NETCONF_LDAP, 389, {"LDAP", "LDAPS", "Kerberos"}},
};

static const struct service *service_of(const struct flow_record *flow)
{
    for (size_t i = 0; i < sizeof SERVICES / sizeof SERVICES[0]; i++) {
        const struct service *s = &SERVICES[i];
        for (size_t a = 0; a < sizeof s->apps / sizeof s->apps[0] && s->apps[a] != NULL; a++) {
            if (strcmp(flow->protocol, s->apps[a]) == 0) {
                return s;
            }
        }
    }
    return NULL;
}

/* The side that speaks from the service's port serves, whoever was seen first. */
static void take_ends(const struct rule_flow *f, uint16_t port, struct netconf_breach *b,
                      bool *local)
{
    const struct flow_key *key = &f->flow->key;
    bool swapped = key->client_port == port && key->server_port != port;
    b->family = key->family;
    b->server = swapped ? key->client : key->server;
    b->user = swapped ? key->server : key->client;
    bool user_local = swapped ? f->server_local : f->client_local;
    bool server_local = swapped ? f->client_local : f->server_local;
    if (!user_local && server_local) {
        b->user = b->server; /* a host of ours serves the world: it is judged itself */
    }
    *local = user_local || server_local;
}

static bool judge_service(struct netconf *n, const struct rule_flow *f, struct netconf_breach *b)
{
    const unsigned wanted = KNOWN_APP | KNOWN_ANSWERED;
    const struct service *s = service_of(f->flow);
    bool local = false;
    if (s == NULL || (f->known & wanted) != wanted || (f->news & wanted) == 0) {
        return false;
    }
    take_ends(f, s->port, b, &local);
    struct netconf_entry *entry = entry_for(n, s->role, b->family, &b->user);
    if (entry == NULL || !local || addr_is_multicast(b->family, &b->server) ||
        is_listed(n, s->role, b->family, &b->server, &b->user) ||
        is_listed(n, s->role, b->family, &b->user, NULL)) {
        return false;
    }
    b->entry = entry;
    rule_hit(&entry->head, f->at_ns);
    return true;
}

/*
 * A DHCP server speaks from its port, to a client or to everybody. A relay between server and
 * client does the same and has to be listed too.
 */
static bool judge_dhcp(struct netconf *n, const struct rule_flow *f, struct netconf_breach *b)
{
    static const struct addr unspecified;
    const struct flow_key *key = &f->flow->key;
    uint16_t port = key->family == ADDR_IPV4 ? PORT_DHCP_SERVER : PORT_DHCP6_SERVER;
    bool first_speaks = key->client_port == port;
    bool second_speaks = key->server_port == port && (f->known & KNOWN_ANSWERED) != 0;
    bool news = (f->news & (first_speaks ? KNOWN_FLOW : KNOWN_ANSWERED | KNOWN_FLOW)) != 0;
    if (key->protocol != IPPROTO_UDP || (!first_speaks && !second_speaks) || !news) {
        return false;
    }
    b->family = key->family;
    b->server = first_speaks ? key->client : key->server;
    b->user = b->server; /* the other end may have no address yet */
    b->v6 = key->family == ADDR_IPV6;
    struct netconf_entry *entry = entry_for(n, NETCONF_DHCP, b->family, &b->user);
    if (entry == NULL || addr_equal(&b->server, &unspecified) ||
        addr_is_multicast(b->family, &b->server) ||
        is_listed(n, NETCONF_DHCP, b->family, &b->server, NULL)) {
        return false;
    }
    b->entry = entry;
    rule_hit(&entry->head, f->at_ns);
    return true;
}

bool netconf_judge_server(struct netconf *n, const struct rule_flow *f, struct netconf_breach *b)
{
    *b = (struct netconf_breach){0};
    return n->count > 0 && (judge_service(n, f, b) || judge_dhcp(n, f, b));
}

/* ---- gateways ---- */

static void learn_one(struct netconf *n, enum addr_family family, const struct addr *addr,
                      const struct mac *mac)
{
    struct learned key = {.addr = *addr, .family = (uint8_t)family};
    bool made = false;
    if (!rule_mac_is_set(mac) || !is_listed(n, NETCONF_GATEWAY, family, addr, NULL)) {
        return;
    }
    struct learned *entry = table_put(n->learned, &key, &made);
    if (entry != NULL) { /* no room: its item is not judged */
        entry->mac = *mac;
    }
}

/* What the gateways that are listed by address show as their hardware address when they speak. */
static void learn(struct netconf *n, const struct rule_flow *f)
{
    const struct flow_key *key = &f->flow->key;
    if (f->client_local) {
        learn_one(n, key->family, &key->client, &f->flow->client_mac);
    }
    if (f->server_local && (f->known & KNOWN_ANSWERED) != 0) {
        learn_one(n, key->family, &key->server, &f->flow->server_mac);
    }
}

/* Whether the hardware address is that of a gateway of the user; *sure: all of them are known. */
static bool is_gateway(const struct netconf *n, const struct mac *mac, enum addr_family family,
                       const struct addr *user, bool *sure)
{
    *sure = true;
    for (size_t i = 0; i < n->count; i++) {
        const struct netconf_item *item = &n->entries[i].item;
        if (item->role != NETCONF_GATEWAY || !holds_for(item, family, user)) {
            continue;
        }
        if (rule_mac_in(mac, item->macs, item->mac_count)) {
            return true;
        }
        for (size_t s = 0; s < item->server_count; s++) {
            struct learned key = {.addr = item->servers[s].addr, .family = item->servers[s].family};
            const struct learned *known = table_get(n->learned, &key);
            if (known != NULL && memcmp(known->mac.bytes, mac->bytes, sizeof mac->bytes) == 0) {
                return true;
            }
            *sure = *sure && known != NULL;
        }
    }
    return false;
}

static uint64_t count_packets(struct netconf *n, const struct mac *mac, uint64_t packets)
{
    struct mac_key key = {.mac = *mac};
    bool made = false;
    struct router *router = table_put(n->routers, &key, &made);
    if (router == NULL) {
        return 0;
    }
    router->packets += packets;
    return router->packets;
}

bool netconf_judge_gateway(struct netconf *n, const struct rule_flow *f, struct netconf_breach *b)
{
    const struct flow_key *key = &f->flow->key;
    bool outbound = f->client_local && !f->server_local;
    bool inbound = !f->client_local && f->server_local;
    *b = (struct netconf_breach){0};
    if (n->count == 0 || (f->news & KNOWN_FLOW) == 0) {
        return false;
    }
    learn(n, f);
    const struct addr *user = outbound ? &key->client : &key->server;
    const struct addr *far = outbound ? &key->server : &key->client;
    const struct mac *mac = outbound ? &f->flow->server_mac : &f->flow->client_mac;
    bool sure = false;
    struct netconf_entry *entry = entry_for(n, NETCONF_GATEWAY, key->family, user);
    if (entry == NULL || (!outbound && !inbound) || !rule_mac_is_set(mac) ||
        addr_is_multicast(key->family, far) || is_gateway(n, mac, key->family, user, &sure) ||
        !sure) {
        return false;
    }
    b->packets = count_packets(n, mac, f->flow->packets[DIR_C2S] + f->flow->packets[DIR_S2C]);
    if (b->packets < GATEWAY_PACKETS) {
        return false;
    }
    b->entry = entry;
    b->has_mac = true;
    b->mac = *mac;
    b->family = key->family;
    b->server = *far;
    b->user = *user;
    rule_hit(&entry->head, f->at_ns);
    return true;
}
