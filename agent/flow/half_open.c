/*
 * Timers are a hashed wheel as in expire.c. An attempt hangs in one slot from its beginning to its
 * end; who is answered before only loses its place in the index, and its room when the slot comes
 * round: within two seconds, and a list that is walked once needs no second link.
 */
#include "agent/flow/half_open.h"

#include "agent/decode/decode.h"
#include "agent/flow/slots.h"
#include "common/slab.h"
#include "common/tunnel.h"

#include <stdlib.h>
#include <string.h>

/* Longer than any SYN may wait: flow.unanswered is at most 120 s. */
enum { WHEEL_SLOTS = 512 };
#define WHEEL_TICK_NS 250000000ull

enum { IPV4_HEADER = 20, IPV6_HEADER = 40 };

struct half_open_cache {
    struct half_open_limits limits;
    struct slab slab;
    struct slots slots;
    uint32_t live;
    uint64_t tick; /* the next to be looked at; 0 before the first packet */
    uint32_t head[WHEEL_SLOTS];
};

struct half_open_cache *half_open_new(uint32_t max, const struct half_open_limits *limits,
                                      struct err *e)
{
    struct half_open_cache *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for half-open connections");
        return NULL;
    }
    c->limits = *limits;
    if (slots_init(&c->slots, max, e) != 0 ||
        slab_init(&c->slab, sizeof(struct half_open), max, e) != 0) {
        half_open_free(c);
        return NULL;
    }
    return c;
}

void half_open_free(struct half_open_cache *c)
{
    if (c == NULL) {
        return;
    }
    slots_done(&c->slots);
    slab_done(&c->slab);
    free(c);
}

size_t half_open_bytes(uint32_t max)
{
    return sizeof(struct half_open_cache) + slots_bytes(max) +
           (size_t)max * sizeof(struct half_open);
}

uint32_t half_open_count(const struct half_open_cache *c)
{
    return c->live;
}

bool half_open_fits(const struct packet *p)
{
    const uint8_t kinds = TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN;
    uint32_t ip_header = p->ends.family == ADDR_IPV4 ? IPV4_HEADER : IPV6_HEADER;
    return p->ends.protocol == PROTO_TCP && (p->tcp.flags & kinds) == TCP_SYN && p->tcp.len == 0 &&
           !p->fragment && p->tunnel_told == (p->ends.origin & ORIGIN_ID_MASK) &&
           p->ip_captured == p->ip_len && p->ip_len <= HALF_OPEN_HEADER && p->payload_len == 0 &&
           p->ip_len > ip_header && p->ip[p->ends.family == ADDR_IPV4 ? 9 : 6] == PROTO_TCP;
}

static uint16_t be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* IP and TCP header as half_open_fits has seen them: IPv6 has no extension header. */
static bool same_ends(const struct half_open *h, const struct endpoints *ends)
{
    bool v4 = h->header[0] >> 4 == 4;
    size_t size = v4 ? 4 : 16;
    const uint8_t *src = h->header + (v4 ? 12 : 8);
    const uint8_t *dst = src + size;
    const uint8_t *ports =
        v4 ? h->header + (size_t)(h->header[0] & 15) * 4 : h->header + IPV6_HEADER;
    uint8_t family = v4 ? ADDR_IPV4 : ADDR_IPV6;
    if (h->vlan != ends->vlan || family != ends->family || ends->protocol != PROTO_TCP) {
        return false;
    }
    bool forth = be16(ports) == ends->src_port && be16(ports + 2) == ends->dst_port &&
                 memcmp(src, ends->src.bytes, size) == 0 && memcmp(dst, ends->dst.bytes, size) == 0;
    bool back = be16(ports) == ends->dst_port && be16(ports + 2) == ends->src_port &&
                memcmp(src, ends->dst.bytes, size) == 0 && memcmp(dst, ends->src.bytes, size) == 0;
    return (forth || back) && h->origin == ends->origin;
}

struct half_open *half_open_find(const struct half_open_cache *c, uint32_t tag,
                                 const struct endpoints *ends)
{
    uint32_t at = tag;
    uint32_t handle = 0;
    while ((handle = slots_next(&c->slots, tag, &at)) != 0) {
        struct half_open *h = slab_at(&c->slab, handle);
        if (same_ends(h, ends)) {
            return h;
        }
    }
    return NULL;
}

uint64_t half_open_last_ns(const struct half_open *h)
{
    return h->first_ns + (uint64_t)h->last_us * 1000;
}

uint64_t half_open_account_ns(const struct half_open *h)
{
    if (h->told == h->packets) {
        return UINT64_MAX;
    }
    return h->told == 0 ? h->first_ns : half_open_last_ns(h);
}

static uint64_t due_ns(const struct half_open_cache *c, const struct half_open *h)
{
    uint64_t over_ns = half_open_last_ns(h) + c->limits.unanswered;
    uint64_t open_ns = half_open_account_ns(h);
    bool account = open_ns != UINT64_MAX && open_ns + c->limits.account < over_ns;
    return account ? open_ns + c->limits.account : over_ns;
}

static void hang(struct half_open_cache *c, uint32_t handle, struct half_open *h)
{
    uint64_t tick = due_ns(c, h) / WHEEL_TICK_NS + 1; /* the first that begins after it */
    tick = tick < c->tick ? c->tick : tick;
    tick = tick > c->tick + WHEEL_SLOTS - 2 ? c->tick + WHEEL_SLOTS - 2 : tick;
    uint32_t *head = &c->head[tick % WHEEL_SLOTS];
    h->next = *head;
    *head = handle;
}

static uint32_t handle_of(const struct half_open_cache *c, const struct half_open *h)
{
    return (uint32_t)(((const uint8_t *)h - c->slab.memory) / (ptrdiff_t)sizeof *h) + 1;
}

void half_open_remove(struct half_open_cache *c, uint32_t tag, struct half_open *h)
{
    slots_remove(&c->slots, tag, handle_of(c, h));
    h->header_len = 0;
    c->live--;
}

/* Takes the first out of a slot of the wheel; the dead are freed on the way. */
static uint32_t take_first(struct half_open_cache *c, uint32_t *head)
{
    while (*head != 0) {
        uint32_t handle = *head;
        struct half_open *h = slab_at(&c->slab, handle);
        *head = h->next;
        if (h->header_len != 0) {
            return handle;
        }
        slab_put(&c->slab, handle);
    }
    return 0;
}

struct half_open *half_open_first(struct half_open_cache *c)
{
    for (uint64_t tick = c->tick; c->slab.used > 0 && tick < c->tick + WHEEL_SLOTS; tick++) {
        uint32_t *head = &c->head[tick % WHEEL_SLOTS];
        uint32_t handle = take_first(c, head);
        if (handle != 0) {
            struct half_open *h = slab_at(&c->slab, handle);
            h->next = *head; /* it stays where it was */
            *head = handle;
            return h;
        }
    }
    return NULL;
}

struct half_open *half_open_add(struct half_open_cache *c, uint32_t tag, const struct packet *p)
{
    uint32_t handle = slab_take(&c->slab);
    if (handle == 0) {
        (void)half_open_first(c); /* frees the dead before it */
        handle = slab_take(&c->slab);
    }
    if (handle == 0) {
        return NULL;
    }
    struct half_open *h = slab_at(&c->slab, handle);
    *h = (struct half_open){
        .first_ns = p->time_ns,
        .src_mac = p->src_mac,
        .dst_mac = p->dst_mac,
        .vlan = p->ends.vlan,
        .origin = p->ends.origin,
        .header_len = (uint8_t)p->ip_len,
        .packets = 1,
    };
    memcpy(h->header, p->ip, p->ip_len);
    if (c->tick == 0) {
        c->tick = p->time_ns / WHEEL_TICK_NS;
    }
    slots_add(&c->slots, tag, handle);
    hang(c, handle, h);
    c->live++;
    return h;
}

void half_open_packet(const struct half_open *h, struct packet *p)
{
    struct reader r = reader_of(h->header, h->header_len);
    *p = (struct packet){.time_ns = h->first_ns, .src_mac = h->src_mac, .dst_mac = h->dst_mac};
    (void)decode_ip(&r, h->header_len, p); /* it was right before */
    p->ends.vlan = h->vlan;
    p->ends.origin = h->origin;
    p->tunnel_told = h->origin & ORIGIN_ID_MASK;
}

unsigned half_open_run(struct half_open_cache *c, uint64_t now_ns, unsigned budget, half_open_fn fn,
                       void *arg)
{
    unsigned done = 0;
    uint64_t now_tick = now_ns / WHEEL_TICK_NS;
    if (c->tick == 0 || now_tick < c->tick) {
        return 0;
    }
    if (now_tick - c->tick > WHEEL_SLOTS) {
        c->tick = now_tick - WHEEL_SLOTS; /* one turn of the wheel sees all */
    }
    while (c->tick <= now_tick) {
        uint32_t handle = done < budget ? take_first(c, &c->head[c->tick % WHEEL_SLOTS]) : 0;
        if (done == budget) {
            return done;
        }
        if (handle == 0) {
            c->tick++;
            continue;
        }
        struct half_open *h = slab_at(&c->slab, handle);
        done++;
        if (now_ns >= due_ns(c, h)) {
            fn(h, arg);
        }
        if (h->header_len == 0) {
            slab_put(&c->slab, handle);
            continue;
        }
        c->tick++; /* hung into a later slot, never into this one */
        hang(c, handle, h);
        c->tick--;
    }
    return done;
}

void half_open_shift_back(struct half_open_cache *c, uint64_t by_ns)
{
    uint32_t old[WHEEL_SLOTS];
    uint64_t ticks = by_ns / WHEEL_TICK_NS;
    memcpy(old, c->head, sizeof old);
    memset(c->head, 0, sizeof c->head);
    c->tick = c->tick > ticks ? c->tick - ticks : 0;
    for (unsigned i = 0; i < WHEEL_SLOTS; i++) {
        uint32_t handle = 0;
        while ((handle = take_first(c, &old[i])) != 0) {
            struct half_open *h = slab_at(&c->slab, handle);
            h->first_ns = h->first_ns > by_ns ? h->first_ns - by_ns : 0;
            hang(c, handle, h);
        }
    }
}
