#include "agent/sight.h"

#include "agent/decode/dhcp.h"
#include "agent/decode/dns.h"
#include "common/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

enum {
    PORT_DNS = 53,
    PORT_DHCP_SERVER = 67,
    PORT_DHCP_CLIENT = 68,
    PORT_NETBIOS = 137,
    PORT_MDNS = 5353,
    PORT_LLMNR = 5355,
};

_Static_assert((int)DNS_NAME_SIZE == (int)ASSET_NAME_SIZE &&
                   (int)DHCP_NAME_SIZE == (int)ASSET_NAME_SIZE,
               "names are copied whole");

struct sight *sight_new(struct err *e)
{
    struct sight *s = calloc(1, sizeof *s);
    if (s == NULL || getrandom(&s->seed, sizeof s->seed, 0) != (ssize_t)sizeof s->seed) {
        (void)err_set(e, ERR_NOMEM, "no memory or random seed for names in packets");
        free(s);
        return NULL;
    }
    return s;
}

void sight_free(struct sight *s)
{
    free(s);
}

/* Sends it unless it was sent lately; a full ring forgets that it was tried. */
static void tell(struct sight *s, struct emitter *em, const struct sighting *sighting)
{
    size_t begin = offsetof(struct sighting, addr);
    uint64_t hash =
        XXH3_64bits_withSeed((const uint8_t *)sighting + begin, sizeof *sighting - begin, s->seed);
    struct sight_told *told = &s->told[hash % SIGHT_MEMORY];
    uint32_t tag = (uint32_t)(hash >> 32);
    uint32_t now_s = (uint32_t)(sighting->at_ns / NS_PER_S);
    if (told->tag == tag && now_s - told->at_s < SIGHT_REPEAT_S) {
        return;
    }
    if (emit_sighting(em, sighting)) {
        *told = (struct sight_told){.tag = tag, .at_s = now_s};
    }
}

/* A sighting of nothing yet; every byte is set, as the whole is hashed. */
static struct sighting sighting_at(const struct packet *p, enum sighting_kind kind)
{
    struct sighting s;
    memset(&s, 0, sizeof s);
    s.at_ns = p->time_ns;
    s.vlan = p->ends.vlan;
    s.kind = (uint8_t)kind;
    return s;
}

static void see_dns(struct sight *s, struct emitter *em, const struct packet *p,
                    enum dns_dialect dialect, enum asset_source source)
{
    struct dns_walk walk;
    struct dns_binding b;
    if (!dns_walk_begin(&walk, dialect, p->payload, p->payload_len)) {
        return;
    }
    while (dns_walk_next(&walk, &b)) {
        struct sighting seen = sighting_at(p, SIGHTING_NAME);
        seen.addr = b.addr;
        seen.family = b.family;
        seen.source = (uint8_t)source;
        memcpy(seen.name, b.name, strlen(b.name));
        tell(s, em, &seen);
    }
}

/* What a client says of its system without knowing. */
static void see_dhcp_print(struct sight *s, struct emitter *em, const struct packet *p,
                           const struct dhcp_message *m, enum sighting_kind kind, const char *text)
{
    if (text[0] == '\0') {
        return;
    }
    struct sighting seen = sighting_at(p, kind);
    seen.addr = m->addr;
    seen.family = ADDR_IPV4;
    seen.mac = m->mac;
    memcpy(seen.name, text, strlen(text));
    tell(s, em, &seen);
}

/* The client that has, or is given, an address. */
static void see_dhcp_client(struct sight *s, struct emitter *em, const struct packet *p,
                            const struct dhcp_message *m)
{
    bool settled = m->type == DHCP_REQUEST || m->type == DHCP_ACK || m->type == DHCP_INFORM;
    if (!settled || !m->has_addr) {
        return;
    }
    if (m->type != DHCP_ACK) { /* an answer tells what the server is */
        see_dhcp_print(s, em, p, m, SIGHTING_DHCP_OPTIONS, m->wanted);
        see_dhcp_print(s, em, p, m, SIGHTING_DHCP_CLASS, m->vendor_class);
    }
    if (m->name[0] == '\0') {
        return;
    }
    struct sighting seen = sighting_at(p, SIGHTING_NAME);
    seen.addr = m->addr;
    seen.family = ADDR_IPV4;
    seen.mac = m->mac;
    seen.source = ASSET_FROM_DHCP;
    memcpy(seen.name, m->name, strlen(m->name));
    tell(s, em, &seen);
}

static void see_dhcp(struct sight *s, struct emitter *em, const struct packet *p)
{
    struct dhcp_message m;
    if (!dhcp_read(p->payload, p->payload_len, &m)) {
        return;
    }
    see_dhcp_client(s, em, p, &m);
    bool serves = m.type == DHCP_OFFER || m.type == DHCP_ACK;
    if (serves && p->ends.src_port == PORT_DHCP_SERVER) {
        struct sighting seen = sighting_at(p, SIGHTING_DHCP_SERVER);
        seen.addr = p->ends.src;
        seen.family = p->ends.family;
        tell(s, em, &seen);
    }
}

void sight_packet(struct sight *s, struct emitter *em, const struct packet *p)
{
    switch (p->ends.src_port) {
    case PORT_DNS: see_dns(s, em, p, DNS_UNICAST, ASSET_FROM_DNS); break;
    case PORT_MDNS: see_dns(s, em, p, DNS_MULTICAST, ASSET_FROM_MDNS); break;
    case PORT_LLMNR: see_dns(s, em, p, DNS_LINK, ASSET_FROM_LLMNR); break;
    case PORT_NETBIOS: see_dns(s, em, p, DNS_NETBIOS, ASSET_FROM_NETBIOS); break;
    case PORT_DHCP_SERVER:
    case PORT_DHCP_CLIENT: see_dhcp(s, em, p); break;
    default: break;
    }
}
