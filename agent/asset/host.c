#include "agent/asset/host.h"

#include "common/clock.h"
#include "common/table.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEEP_LOCAL_S = 24 * 3600, /* a local host is an asset: kept for a day of silence */
    KEEP_REMOTE_S = 900,      /* a remote one only while its traffic is of interest */
    FLOWLESS_S = 900,         /* beyond every flow time-out: nothing can be live any more */
};

struct host_table {
    struct table *hosts;
    struct networks local;
    uint64_t refused;
};

bool networks_hold(const struct networks *n, enum addr_family family, const struct addr *addr)
{
    for (size_t i = 0; i < n->count; i++) {
        if (addr_in_prefix(family, addr, &n->prefixes[i])) {
            return true;
        }
    }
    return false;
}

static bool is_local(const struct host_table *t, const struct host_key *key)
{
    return networks_hold(&t->local, key->family, &key->addr);
}

struct host_table *host_table_new(size_t max, struct networks local, struct err *e)
{
    struct host_table *t = calloc(1, sizeof *t);
    if (t == NULL) {
        (void)err_set(e, ERR_NOMEM, "the host table");
        return NULL;
    }
    t->local = local;
    t->hosts = table_new(sizeof(struct host_key), sizeof(struct host), max, e);
    if (t->hosts == NULL) {
        (void)err_wrap(e, "the host table");
        free(t);
        return NULL;
    }
    return t;
}

void host_table_free(struct host_table *t)
{
    if (t == NULL) {
        return;
    }
    table_free(t->hosts);
    free(t);
}

void host_table_set_local(struct host_table *t, struct networks local)
{
    t->local = local;
    size_t at = 0;
    for (struct host *h = table_next(t->hosts, &at); h != NULL; h = table_next(t->hosts, &at)) {
        h->local = is_local(t, &h->key);
    }
}

bool addr_names_a_host(enum addr_family family, const struct addr *addr)
{
    static const struct addr unspecified;
    return family != ADDR_NONE && !addr_is_multicast(family, addr) &&
           !addr_equal(addr, &unspecified);
}

/* The host's row, made when it is new; NULL when it is no host or there is no room. */
static struct host *host_take(struct host_table *t, const struct account *a,
                              const struct addr *addr, const struct mac *mac)
{
    if (!addr_names_a_host(a->key.family, addr)) {
        return NULL;
    }
    struct host_key key = {.addr = *addr, .vlan = a->key.vlan, .family = a->key.family};
    if (account_only_ends(a)) {
        return table_get(t->hosts, &key); /* NULL when the host was forgotten meanwhile */
    }
    bool made = false;
    struct host *h = table_put(t->hosts, &key, &made);
    if (h == NULL) {
        t->refused++;
        return NULL;
    }
    if (made) {
        h->local = is_local(t, &key);
        h->first_ns = a->at_ns;
    }
    if (h->local) {
        h->mac = *mac;
    }
    return h;
}

static void rate_add(struct host_rate *rate, uint64_t at_ns, uint64_t in, uint64_t out)
{
    uint64_t period_ns = at_ns > rate->since_ns ? at_ns - rate->since_ns : 0;
    if (period_ns >= (uint64_t)HOST_RATE_S * NS_PER_S) {
        double seconds = (double)period_ns / NS_PER_S;
        rate->bps_in = (uint64_t)((double)rate->bytes_in * 8.0 / seconds);
        rate->bps_out = (uint64_t)((double)rate->bytes_out * 8.0 / seconds);
        rate->bytes_in = rate->bytes_out = 0;
        rate->since_ns = at_ns;
    }
    rate->bytes_in += in;
    rate->bytes_out += out;
}

/* Books one end; sent is the direction in which this host is the sender. */
static void host_book(struct host *h, const struct account *a, enum flow_dir sent)
{
    enum flow_dir received = sent == DIR_C2S ? DIR_S2C : DIR_C2S;
    h->bytes_out += a->bytes[sent];
    h->packets_out += a->packets[sent];
    h->bytes_in += a->bytes[received];
    h->packets_in += a->packets[received];
    if (h->rate.since_ns == 0) {
        h->rate.since_ns = a->at_ns;
    }
    rate_add(&h->rate, a->at_ns, a->bytes[received], a->bytes[sent]);
    if (a->at_ns > h->last_ns) {
        h->last_ns = a->at_ns;
    }
    h->flows += a->begins ? 1 : 0;
    h->flows -= a->ends && h->flows > 0 ? 1 : 0;
}

/* Remembers the port of a server that answered; the first ones seen stay. */
static void service_learn(struct host *h, const struct account *a)
{
    bool has_ports = a->key.protocol == IPPROTO_TCP || a->key.protocol == IPPROTO_UDP;
    if (!has_ports || a->bytes[DIR_S2C] == 0 || a->key.server_port == 0 || !h->local) {
        return;
    }
    for (unsigned i = 0; i < h->service_count; i++) {
        if (h->services[i].port == a->key.server_port &&
            h->services[i].protocol == a->key.protocol) {
            return;
        }
    }
    if (h->service_count < HOST_SERVICES_MAX) {
        h->services[h->service_count++] =
            (struct host_service){.port = a->key.server_port, .protocol = a->key.protocol};
    }
}

void host_table_account(struct host_table *t, const struct account *a)
{
    struct host *client = host_take(t, a, &a->key.client, &a->client_mac);
    if (client != NULL) {
        host_book(client, a, DIR_C2S);
    }
    /* Taken after the client was booked: rows move when the table grows. */
    struct host *server = host_take(t, a, &a->key.server, &a->server_mac);
    if (server != NULL) {
        host_book(server, a, DIR_S2C);
        service_learn(server, a);
    }
}

void host_table_learn(struct host_table *t, const struct flow_record *r)
{
    /* A DNS flow's host is the name asked for, not the server's: only these name their server. */
    bool names_server = strcmp(r->protocol, "TLS") == 0 || strcmp(r->protocol, "HTTP") == 0 ||
                        strcmp(r->protocol, "QUIC") == 0;
    size_t len = strnlen(r->host, sizeof r->host);
    struct addr literal;
    if (!names_server || len == 0 || len >= HOST_LABEL_SIZE ||
        addr_parse(r->host, &literal) != ADDR_NONE) {
        return;
    }
    struct host_key key = {.addr = r->key.server, .vlan = r->key.vlan, .family = r->key.family};
    struct host *h = table_get(t->hosts, &key);
    if (h != NULL) {
        memcpy(h->name, r->host, len);
        h->name[len] = '\0';
    }
}

void host_table_forget_flows(struct host_table *t)
{
    size_t at = 0;
    for (struct host *h = table_next(t->hosts, &at); h != NULL; h = table_next(t->hosts, &at)) {
        h->flows = 0;
    }
}

/* A clock set back would leave hosts active, and their rates still, until it has caught up. */
static void follow_clock(struct host *h, uint64_t now_ns)
{
    h->last_ns = h->last_ns < now_ns ? h->last_ns : now_ns;
    if (h->rate.since_ns > now_ns) {
        h->rate = (struct host_rate){.since_ns = now_ns};
    }
}

void host_table_sweep(struct host_table *t, uint64_t now_ns)
{
    size_t at = 0;
    for (struct host *h = table_next(t->hosts, &at); h != NULL; h = table_next(t->hosts, &at)) {
        follow_clock(h, now_ns);
        uint64_t silent_s = (now_ns - h->last_ns) / NS_PER_S;
        if (silent_s > FLOWLESS_S) {
            h->flows = 0; /* an end lost in a full ring */
        }
        if (silent_s > (h->local ? KEEP_LOCAL_S : KEEP_REMOTE_S)) {
            struct host_key key = h->key;
            (void)table_remove(t->hosts, &key); /* it is there: we stand on it */
        }
    }
}

const struct host *host_table_get(const struct host_table *t, const struct host_key *key)
{
    return table_get(t->hosts, key);
}

const struct host *host_table_next(struct host_table *t, size_t *at)
{
    return table_next(t->hosts, at);
}

size_t host_table_count(const struct host_table *t)
{
    return table_count(t->hosts);
}

uint64_t host_table_refused(const struct host_table *t)
{
    return t->refused;
}

/* A host that fell silent sends no account that would bring its rate down. */
static bool is_silent(const struct host *h, uint64_t now_ns)
{
    return now_ns > h->last_ns + 2 * (uint64_t)HOST_RATE_S * NS_PER_S;
}

uint64_t host_bps_in(const struct host *h, uint64_t now_ns)
{
    return is_silent(h, now_ns) ? 0 : h->rate.bps_in;
}

uint64_t host_bps_out(const struct host *h, uint64_t now_ns)
{
    return is_silent(h, now_ns) ? 0 : h->rate.bps_out;
}
