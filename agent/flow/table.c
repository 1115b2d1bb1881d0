/*
 * Linear probing at two thirds of the slots or less; a removed slot is closed by moving later ones
 * back (Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R). The tag is the
 * low half of the hash, so it also tells a slot's home.
 */
#define XXH_INLINE_ALL
#include "agent/flow/table.h"

#include "agent/flow/parts.h"
#include "agent/flow/table_inner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

/* Hash input: the lower end first, so that both directions are equal. No padding. */
struct pair {
    struct addr low;
    struct addr high;
    uint16_t low_port;
    uint16_t high_port;
    uint16_t vlan;
    uint8_t family;
    uint8_t protocol;
    uint16_t observer;
};

_Static_assert(sizeof(struct pair) == 42, "no padding in the hash input");

struct flow_table *flow_table_new(uint32_t max, struct err *e)
{
    struct flow_table *t = calloc(1, sizeof *t);
    uint32_t slots = 64;
    while (slots / 2 < max - max / 4) {
        slots *= 2;
    }
    if (t == NULL || (t->slots = calloc(slots, sizeof *t->slots)) == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for a flow table of %u flows", max);
        goto out;
    }
    t->mask = slots - 1;
    if (getrandom(&t->seed, sizeof t->seed, 0) != (ssize_t)sizeof t->seed) {
        (void)err_set_errno(e, "no random seed for the flow table");
        goto out;
    }
    if (slab_init(&t->flows, sizeof(struct flow), max, e) == 0 &&
        flow_parts_init(&t->parts, max, e) == 0) {
        return t;
    }
out:
    flow_table_free(t);
    return NULL;
}

void flow_table_free(struct flow_table *t)
{
    if (t == NULL) {
        return;
    }
    slab_done(&t->flows);
    flow_parts_done(&t->parts);
    free(t->slots);
    free(t);
}

static uint32_t tag_of(const struct flow_table *t, const struct endpoints *ends)
{
    int order = addr_compare(&ends->src, &ends->dst);
    bool src_low = order < 0 || (order == 0 && ends->src_port <= ends->dst_port);
    struct pair pair = {
        .low = src_low ? ends->src : ends->dst,
        .high = src_low ? ends->dst : ends->src,
        .low_port = src_low ? ends->src_port : ends->dst_port,
        .high_port = src_low ? ends->dst_port : ends->src_port,
        .vlan = ends->vlan,
        .family = ends->family,
        .protocol = ends->protocol,
        .observer = ends->observer,
    };
    return (uint32_t)XXH3_64bits_withSeed(&pair, sizeof pair, t->seed);
}

static bool same_flow(const struct flow_key *key, const struct endpoints *ends, enum flow_dir *dir)
{
    if (key->vlan != ends->vlan || key->protocol != ends->protocol || key->family != ends->family ||
        key->observer != ends->observer) {
        return false;
    }
    if (key->client_port == ends->src_port && key->server_port == ends->dst_port &&
        addr_equal(&key->client, &ends->src) && addr_equal(&key->server, &ends->dst)) {
        *dir = DIR_C2S;
        return true;
    }
    *dir = DIR_S2C;
    return key->client_port == ends->dst_port && key->server_port == ends->src_port &&
           addr_equal(&key->client, &ends->dst) && addr_equal(&key->server, &ends->src);
}

struct flow *flow_table_find(struct flow_table *t, const struct endpoints *ends, enum flow_dir *dir)
{
    uint32_t tag = tag_of(t, ends);
    for (uint32_t at = tag & t->mask; t->slots[at].handle != FLOW_NONE; at = (at + 1) & t->mask) {
        if (t->slots[at].tag != tag) {
            continue;
        }
        struct flow *f = slab_at(&t->flows, t->slots[at].handle);
        if (same_flow(&f->key, ends, dir)) {
            return f;
        }
    }
    return NULL;
}

struct flow *flow_table_add(struct flow_table *t, const struct flow_key *key)
{
    uint32_t handle = slab_take(&t->flows);
    if (handle == FLOW_NONE) {
        return NULL;
    }
    struct endpoints ends = {
        .src = key->client,
        .dst = key->server,
        .src_port = key->client_port,
        .dst_port = key->server_port,
        .vlan = key->vlan,
        .family = key->family,
        .protocol = key->protocol,
        .observer = key->observer,
    };
    struct flow *f = slab_at(&t->flows, handle);
    memset(f, 0, sizeof *f);
    f->key = *key;
    f->self = handle;
    f->tag = tag_of(t, &ends);
    uint32_t at = f->tag & t->mask;
    while (t->slots[at].handle != FLOW_NONE) {
        at = (at + 1) & t->mask;
    }
    t->slots[at] = (struct flow_slot){.tag = f->tag, .handle = handle};
    return f;
}

/* Empties slot `hole` and moves back what would no longer be found past it. */
static void close_slot(struct flow_table *t, uint32_t hole)
{
    uint32_t at = hole;
    for (;;) {
        at = (at + 1) & t->mask;
        if (t->slots[at].handle == FLOW_NONE) {
            break;
        }
        uint32_t home = t->slots[at].tag & t->mask;
        bool stays = ((at - home) & t->mask) < ((at - hole) & t->mask);
        if (!stays) {
            t->slots[hole] = t->slots[at];
            hole = at;
        }
    }
    t->slots[hole] = (struct flow_slot){0};
}

void flow_table_remove(struct flow_table *t, struct flow *f)
{
    uint32_t at = f->tag & t->mask;
    while (t->slots[at].handle != f->self) {
        at = (at + 1) & t->mask;
    }
    close_slot(t, at);
    flow_parts_drop(t, f);
    uint32_t handle = f->self;
    f->self = FLOW_NONE;
    slab_put(&t->flows, handle);
}

struct flow *flow_table_at(const struct flow_table *t, uint32_t handle)
{
    struct flow *f = slab_at(&t->flows, handle);
    return f->self == handle ? f : NULL;
}

uint32_t flow_table_span(const struct flow_table *t)
{
    return t->flows.span;
}

uint32_t flow_table_count(const struct flow_table *t)
{
    return t->flows.used;
}

uint32_t flow_table_max(const struct flow_table *t)
{
    return t->flows.max;
}
