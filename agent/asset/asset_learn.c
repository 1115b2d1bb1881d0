/*
 * What accounts, flow records and sightings say of assets: who sends, from which card, how it is
 * called and what it serves. Names and services are what others may invent, so they are capped,
 * and only a host's own name or a service that was used twice is news.
 */
#include "agent/asset/asset_inner.h"
#include "agent/asset/names.h"
#include "agent/asset/services.h"
#include "agent/asset/verdict.h"
#include "common/clock.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
    FLAP_S = 600, /* three changes of MAC within it: an address in dispute */
    RENAME_REST_S = 3600,
    SETTLED_S = 3600, /* what a new host serves is its beginning, not a change */
    SERVICE_USED = 2, /* flows that make a service more than a chance */
    DHCP_PORT = 67,
    CONFIDENCE_CONTENT = 3, /* DPI saw it, or remembers having seen it */
};

static const struct mac no_mac;

static void tell_change(struct assets *a, const struct asset *asset, enum asset_event_kind kind,
                        uint64_t at_ns, const char *before, const char *after)
{
    struct asset_event event = {.kind = kind, .at_ns = at_ns, .asset = asset};
    (void)snprintf(event.before, sizeof event.before, "%s", before); /* texts of that size */
    (void)snprintf(event.after, sizeof event.after, "%s", after);
    asset_tell(a, &event);
}

/* ---- who it is: address and MAC ---- */

static bool is_loopback(enum addr_family family, const struct addr *addr)
{
    static const struct addr ipv6 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    return family == ADDR_IPV4 ? addr->bytes[0] == 127 : addr_equal(addr, &ipv6);
}

static bool is_asset(const struct assets *a, enum addr_family family, const struct addr *addr)
{
    return addr_names_a_host(family, addr) && !is_loopback(family, addr) &&
           networks_hold(&a->options.local, family, addr);
}

/* Virtual routers move between machines by design: VRRP (RFC 9568), HSRP, GLBP. */
static bool mac_is_virtual(const struct mac *mac)
{
    static const uint8_t prefixes[][5] = {{0x00, 0x00, 0x5e, 0x00, 0x01},
                                          {0x00, 0x00, 0x5e, 0x00, 0x02},
                                          {0x00, 0x00, 0x0c, 0x07, 0xac},
                                          {0x00, 0x07, 0xb4, 0x00, 0x01}};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (memcmp(mac->bytes, prefixes[i], sizeof prefixes[i]) == 0) {
            return true;
        }
    }
    static const uint8_t hsrp2[] = {0x00, 0x00, 0x0c, 0x9f};
    return memcmp(mac->bytes, hsrp2, sizeof hsrp2) == 0 && (mac->bytes[4] & 0xf0) == 0xf0;
}

static void mac_set(struct assets *a, struct asset *asset, const struct mac *mac)
{
    struct wire_asset *w = &asset->known;
    w->mac = *mac;
    vendors_find(a->vendors, mac, w->vendor);
    asset->dirty = a->unsaved = true;
}

/* Another device has been given the address: what the old one was called and did is not its own. */
static void start_over(struct asset *asset)
{
    struct wire_asset *w = &asset->known;
    w->name_count = w->service_count = w->clue_count = 0;
    w->always_on = false;
}

static void mac_moved(struct assets *a, struct asset *asset, const struct mac *mac, uint64_t at_ns)
{
    char before[MAC_TEXT_SIZE];
    char after[MAC_TEXT_SIZE];
    struct mac old = asset->known.mac;
    bool in_use = at_ns < asset->known.last_ns + (uint64_t)ASSET_HANDOVER_S * NS_PER_S;
    bool by_design = asset->known.mac_shared || mac_is_virtual(&old) || mac_is_virtual(mac);
    (void)mac_format(&old, before);
    (void)mac_format(mac, after);
    mac_set(a, asset, mac);
    if (by_design) {
        return; /* routers share, and take over from each other */
    }
    asset_changed(a, asset, ASSET_CHANGE_MAC, at_ns, before, after);
    if (!in_use) {
        start_over(asset);
        return;
    }
    bool flaps =
        asset->moved_ns[0] != 0 && at_ns < asset->moved_ns[0] + (uint64_t)FLAP_S * NS_PER_S;
    asset->moved_ns[0] = asset->moved_ns[1];
    asset->moved_ns[1] = at_ns;
    tell_change(a, asset, flaps ? ASSET_EVENT_FLAP : ASSET_EVENT_MAC, at_ns, before, after);
}

/* Two flows in a row must show another MAC: one may have been seen behind a bridge or router. */
static void mac_seen(struct assets *a, struct asset *asset, const struct mac *mac, uint64_t at_ns)
{
    if (mac_equal(mac, &no_mac) || mac_equal(mac, &asset->known.mac)) {
        asset->other = no_mac;
        return;
    }
    if (mac_equal(&asset->known.mac, &no_mac)) {
        mac_set(a, asset, mac);
    } else if (mac_equal(mac, &asset->other)) {
        asset->other = no_mac;
        mac_moved(a, asset, mac, at_ns);
    } else {
        asset->other = *mac;
    }
}

static void take_waiting(struct assets *a, const struct host_key *key);

static struct asset *asset_make(struct assets *a, const struct host_key *key, uint64_t at_ns)
{
    bool made = false;
    struct asset *asset = table_put(a->table, key, &made);
    if (asset == NULL) {
        a->refused++;
        return NULL;
    }
    if (made) {
        asset->known.addr = key->addr;
        asset->known.family = key->family;
        asset->known.vlan = key->vlan;
        asset->known.first_ns = asset->known.last_ns = asset->known.since_ns = at_ns;
        asset->fresh = true;
        asset_changed(a, asset, ASSET_CHANGE_NEW, at_ns, NULL, NULL);
        take_waiting(a, key);
    }
    return asset;
}

/* One end of a flow has sent something. */
static void heard(struct assets *a, const struct account *account, enum flow_dir dir)
{
    bool client = dir == DIR_C2S;
    const struct flow_key *flow = &account->key;
    struct host_key key = {
        .addr = client ? flow->client : flow->server, .vlan = flow->vlan, .family = flow->family};
    if (account->packets[dir] == 0 || !is_asset(a, key.family, &key.addr)) {
        return;
    }
    struct asset *asset = asset_make(a, &key, account->at_ns);
    if (asset == NULL) {
        return;
    }
    if (account->begins != 0) { /* later accounts repeat what the flow began with */
        mac_seen(a, asset, client ? &account->client_mac : &account->server_mac, account->at_ns);
    }
    if (account->at_ns > asset->known.last_ns) {
        asset->known.last_ns = account->at_ns;
    }
}

void assets_account(struct assets *a, const struct account *account)
{
    a->heard++;
    heard(a, account, DIR_C2S);
    heard(a, account, DIR_S2C);
}

/* ---- what it is called ---- */

static void name_noted(struct assets *a, struct asset *asset, const struct asset_name *seen)
{
    char before[ASSET_NAME_SIZE];
    uint64_t at_ns = seen->last_ns;
    struct wire_asset *w = &asset->known;
    switch (names_note(w->names, &w->name_count, seen, before)) {
    case NAME_SEEN: return;
    case NAME_ADDED: asset->dirty = a->unsaved = true; return;
    case NAME_CHANGED: break;
    }
    asset_changed(a, asset, ASSET_CHANGE_NAME, at_ns, before, seen->name);
    if (asset->renamed_ns == 0 ||
        clock_is_due(at_ns, asset->renamed_ns, (uint64_t)RENAME_REST_S * NS_PER_S)) {
        asset->renamed_ns = at_ns;
        tell_change(a, asset, ASSET_EVENT_NAME, at_ns, before, seen->name);
    }
}

/* Flows of the protocols in which a client names the server that it wants. */
static uint8_t source_of(const struct flow_record *r)
{
    if (strcmp(r->protocol, "TLS") == 0 || strcmp(r->protocol, "QUIC") == 0) {
        return ASSET_FROM_TLS;
    }
    return strcmp(r->protocol, "HTTP") == 0 ? ASSET_FROM_HTTP : 0;
}

static void learn_name(struct assets *a, struct asset *asset, const struct flow_record *r)
{
    struct asset_name seen = {.source = source_of(r), .last_ns = r->last_ns};
    struct addr literal;
    size_t len = strnlen(r->host, sizeof r->host);
    if (seen.source == 0 || len == 0 || len >= sizeof seen.name || r->bytes[DIR_S2C] == 0 ||
        addr_parse(r->host, &literal) != ADDR_NONE) {
        return;
    }
    memcpy(seen.name, r->host, len);
    name_noted(a, asset, &seen);
}

/* ---- what it serves ---- */

static void service_used(struct assets *a, struct asset *asset, const struct asset_service *service)
{
    char text[ASSET_NAME_SIZE];
    const struct asset_rules *rules = &a->options.rules;
    const char *word = service->name[0] != '\0' ? service->name : service->protocol;
    (void)snprintf(text, sizeof text, "%s/%u%s%s",
                   service->transport == IPPROTO_TCP ? "tcp" : "udp", service->port,
                   word[0] != '\0' ? " " : "", word);
    if (service->first_ns >= asset->known.first_ns + (uint64_t)SETTLED_S * NS_PER_S) {
        asset_changed(a, asset, ASSET_CHANGE_SERVICE, service->first_ns, NULL, text);
    }
    if (service->first_ns >= asset->known.first_ns + rules->learn_service_ns) {
        tell_change(a, asset, ASSET_EVENT_SERVICE, service->last_ns, "", text);
    }
}

static void service_noted(struct assets *a, struct asset *asset, const struct asset_service *seen,
                          bool counts)
{
    bool is_new = false;
    struct wire_asset *w = &asset->known;
    struct asset_service *service = services_note(w->services, &w->service_count, seen, &is_new);
    if (service == NULL) {
        return;
    }
    uint8_t *flows = &asset->service_flows[service - w->services];
    if (is_new) {
        *flows = 0;
        asset->dirty = a->unsaved = true;
    }
    if (counts && *flows < SERVICE_USED && ++*flows == SERVICE_USED) {
        service_used(a, asset, service);
    }
}

static void learn_service(struct assets *a, struct asset *asset, const struct flow_record *r)
{
    if (!service_is_shown(r)) {
        return;
    }
    struct asset_service seen = {.transport = r->key.protocol,
                                 .port = r->key.server_port,
                                 .first_ns = r->first_ns,
                                 .last_ns = r->last_ns};
    if (r->confidence >= CONFIDENCE_CONTENT) {
        memcpy(seen.protocol, r->protocol, sizeof seen.protocol);
    }
    service_noted(a, asset, &seen, r->final);
}

_Static_assert((int)PROTO_NAME_SIZE == (int)ASSET_WORD_SIZE, "protocol names are copied whole");

/* ---- what it runs ---- */

static void clue_noted(struct assets *a, struct asset *asset, enum asset_clue_kind kind,
                       const char *value, uint64_t at_ns)
{
    if (value[0] != '\0' && verdict_note(&asset->known, kind, value, at_ns)) {
        asset->dirty = a->unsaved = true;
    }
}

static void learn_client(struct assets *a, const struct flow_record *r)
{
    char syn[ASSET_CLUE_SIZE];
    const struct print_program *program = &r->prints.program;
    const struct host_key key = {
        .addr = r->key.client, .vlan = r->key.vlan, .family = r->key.family};
    bool told = r->prints.syn.flags != 0 || program->kind != PRINT_NONE;
    struct asset *asset = told ? table_get(a->table, &key) : NULL;
    if (asset == NULL || asset->known.mac_shared) {
        return; /* what comes through a router is not all the router's */
    }
    if (r->prints.syn.flags != 0) {
        verdict_syn_text(&r->prints.syn, syn);
        clue_noted(a, asset, ASSET_CLUE_TCP, syn, r->last_ns);
    }
    if (program->kind == PRINT_TLS) {
        clue_noted(a, asset, ASSET_CLUE_JA4, program->ja4, r->last_ns);
    } else if (program->kind == PRINT_HTTP) {
        clue_noted(a, asset, ASSET_CLUE_USER_AGENT, program->user_agent, r->last_ns);
    }
}

void assets_learn(struct assets *a, const struct flow_record *r)
{
    learn_client(a, r);
    struct host_key key = {.addr = r->key.server, .vlan = r->key.vlan, .family = r->key.family};
    struct asset *asset = table_get(a->table, &key);
    if (asset != NULL) {
        learn_service(a, asset, r);
        learn_name(a, asset, r);
    }
}

/* ---- sightings ---- */

static void sighting_take(struct assets *a, struct asset *asset, const struct sighting *s)
{
    if (s->kind == SIGHTING_DHCP_SERVER) {
        struct asset_service seen = {.transport = IPPROTO_UDP,
                                     .port = DHCP_PORT,
                                     .protocol = "DHCP",
                                     .first_ns = s->at_ns,
                                     .last_ns = s->at_ns};
        service_noted(a, asset, &seen, true);
        return;
    }
    if (s->kind == SIGHTING_DHCP_OPTIONS || s->kind == SIGHTING_DHCP_CLASS) {
        clue_noted(a, asset,
                   s->kind == SIGHTING_DHCP_OPTIONS ? ASSET_CLUE_DHCP_OPTIONS
                                                    : ASSET_CLUE_DHCP_CLASS,
                   s->name, s->at_ns);
        return;
    }
    struct asset_name seen = {.source = s->source, .last_ns = s->at_ns};
    memcpy(seen.name, s->name, sizeof seen.name);
    if (mac_equal(&asset->known.mac, &no_mac) && !mac_equal(&s->mac, &no_mac)) {
        mac_set(a, asset, &s->mac);
    }
    name_noted(a, asset, &seen);
}

static struct host_key key_of_sighting(const struct sighting *s)
{
    return (struct host_key){.addr = s->addr, .vlan = s->vlan, .family = s->family};
}

/* Gives a new asset what was said of its address before it was heard: DHCP comes first. */
static void take_waiting(struct assets *a, const struct host_key *key)
{
    for (unsigned i = 0; i < ASSET_WAITING; i++) {
        struct sighting *s = &a->waiting[(a->waiting_at + i) % ASSET_WAITING];
        struct host_key about = key_of_sighting(s);
        if (s->kind != 0 && memcmp(&about, key, sizeof about) == 0) {
            sighting_take(a, table_get(a->table, key), s);
            s->kind = 0;
        }
    }
}

void assets_sighted(struct assets *a, const struct sighting *s)
{
    struct host_key key = key_of_sighting(s);
    if (!is_asset(a, key.family, &key.addr)) {
        return;
    }
    struct asset *asset = table_get(a->table, &key);
    if (asset != NULL) {
        sighting_take(a, asset, s);
        return;
    }
    a->waiting[a->waiting_at] = *s;
    a->waiting_at = (a->waiting_at + 1) % ASSET_WAITING;
}
