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
    uint32_t origin;
};

_Static_assert(sizeof(struct pair) == 44, "no padding in the hash input");

struct flow_table *flow_table_new(uint32_t max, struct err *e)
{
    struct flow_table *t = calloc(1, sizeof *t);
    if (t == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for a flow table");
        return NULL;
    }
    if (getrandom(&t->seed, sizeof t->seed, 0) != (ssize_t)sizeof t->seed) {
        (void)err_set_errno(e, "no random seed for the flow table");
        goto out;
    }
    if (slots_init(&t->slots, max, e) == 0 &&
        slab_init(&t->flows, sizeof(struct flow), max, e) == 0 &&
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
    slots_done(&t->slots);
    free(t);
}

size_t flow_table_bytes(uint32_t max)
{
    return sizeof(struct flow_table) + slots_bytes(max) +
           (size_t)max * slab_slot(sizeof(struct flow)) + flow_table_parts_bytes(max);
}

uint32_t flow_table_tag(const struct flow_table *t, const struct endpoints *ends)
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
        .origin = ends->origin,
    };
    return (uint32_t)XXH3_64bits_withSeed(&pair, sizeof pair, t->seed);
}

static bool same_flow(const struct flow_key *key, const struct endpoints *ends, enum flow_dir *dir)
{
    if (key->vlan != ends->vlan || key->protocol != ends->protocol || key->family != ends->family ||
        key->origin != ends->origin) {
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

void flow_table_prefetch(const struct flow_table *t, uint32_t tag)
{
    slots_prefetch(&t->slots, tag);
}

void flow_table_expect(const struct flow_table *t, uint32_t tag)
{
    uint32_t at = tag;
    uint32_t handle = slots_next(&t->slots, tag, &at);
    if (handle != FLOW_NONE) {
        const uint8_t *line = slab_at(&t->flows, handle);
        __builtin_prefetch(line);
        __builtin_prefetch(line + 64);
    }
}

struct flow *flow_table_find(struct flow_table *t, uint32_t tag, const struct endpoints *ends,
                             enum flow_dir *dir)
{
    uint32_t at = tag;
    uint32_t handle = 0;
    while ((handle = slots_next(&t->slots, tag, &at)) != FLOW_NONE) {
        struct flow *f = slab_at(&t->flows, handle);
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
        .origin = key->origin,
    };
    struct flow *f = slab_at(&t->flows, handle);
    memset(f, 0, sizeof *f);
    f->key = *key;
    f->self = handle;
    f->tag = flow_table_tag(t, &ends);
    slots_add(&t->slots, f->tag, handle);
    return f;
}

void flow_table_remove(struct flow_table *t, struct flow *f)
{
    slots_remove(&t->slots, f->tag, f->self);
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
