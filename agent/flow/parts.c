/*
 * Quality states of TCP flows are large while packets come and shrink to a quarter at rest. A
 * small number are awake at one time, chosen like pages of memory: a hand goes round them and
 * takes the first that was not used since it last passed (the clock algorithm of Corbató, 1968).
 */
#include "agent/flow/parts.h"

#include "agent/flow/table_inner.h"

#include <stdlib.h>
#include <string.h>

enum {
    AWAKE_SHARE = 16, /* one flow in so many may be awake … */
    AWAKE_LEAST = 4096,
    MEDIA_SHARE = 32, /* one flow in so many may carry RTP … */
    MEDIA_LEAST = 1024,
    COLD_BYTES = 512, /* of each flow, for its texts and what it holds while silent */
};

static uint32_t awake_of(uint32_t flows)
{
    return flows / AWAKE_SHARE < AWAKE_LEAST ? AWAKE_LEAST : flows / AWAKE_SHARE;
}

static uint32_t media_of(uint32_t flows)
{
    return flows / MEDIA_SHARE < MEDIA_LEAST ? MEDIA_LEAST : flows / MEDIA_SHARE;
}

size_t flow_table_parts_bytes(uint32_t flows)
{
    return qoe_media_pool_bytes(media_of(flows)) +
           (size_t)awake_of(flows) * slab_slot(sizeof(struct flow_awake)) +
           (size_t)flows * COLD_BYTES;
}

int flow_parts_init(struct flow_parts *p, uint32_t flows, struct err *e)
{
    uint32_t awake = awake_of(flows);
    p->seen = malloc(sizeof *p->seen);
    if (p->seen == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for what flows hold");
    }
    if (slab_init(&p->awake, sizeof(struct flow_awake), awake, e) != 0 ||
        slabs_init(&p->cold, (size_t)flows * COLD_BYTES, e) != 0 ||
        qoe_media_pool_init(&p->media, media_of(flows), e) != 0) {
        return -1;
    }
    return 0;
}

void flow_parts_done(struct flow_parts *p)
{
    slab_done(&p->awake);
    slabs_done(&p->cold);
    qoe_media_pool_done(&p->media);
    free(p->seen);
}

static struct flow_awake *awake_at(const struct flow_table *t, uint32_t handle)
{
    return slab_at(&t->parts.awake, handle);
}

/* Squeezes the state of the flow that has been silent for longest; its place is free then. */
static void rest_one(struct flow_table *t)
{
    struct flow_parts *p = &t->parts;
    p->hand = p->hand % p->awake.span + 1;
    while (awake_at(t, p->hand)->used) {
        awake_at(t, p->hand)->used = false; /* not this time round */
        p->hand = p->hand % p->awake.span + 1;
    }
    struct flow_awake *a = awake_at(t, p->hand);
    struct flow *f = slab_at(&t->flows, a->owner);
    size_t len = qoe_tcp_rest(&a->qoe, p->squeezed);
    uint32_t handle = slabs_take(&p->cold, len);
    f->holds = handle == 0 ? PART_NONE : PART_TCP_REST;
    f->part = handle;
    if (handle == 0) {
        p->lost++;
    } else {
        memcpy(slabs_at(&p->cold, handle), p->squeezed, len);
    }
    slab_put(&p->awake, p->hand);
}

static struct flow_awake *take_awake(struct flow_table *t, struct flow *f, uint32_t *handle)
{
    *handle = slab_take(&t->parts.awake);
    if (*handle == 0) {
        rest_one(t);
        *handle = slab_take(&t->parts.awake);
    }
    struct flow_awake *a = awake_at(t, *handle);
    a->owner = f->self;
    return a;
}

struct qoe_tcp *flow_table_tcp_awake(struct flow_table *t, struct flow *f)
{
    if (f->holds == PART_TCP_REST) {
        uint32_t handle = 0;
        struct flow_awake *a = take_awake(t, f, &handle);
        qoe_tcp_wake(&a->qoe, slabs_at(&t->parts.cold, f->part));
        slabs_put(&t->parts.cold, f->part);
        f->part = handle;
        f->holds = PART_TCP;
    }
    if (f->holds != PART_TCP) {
        return NULL;
    }
    struct flow_awake *a = awake_at(t, f->part);
    a->used = true;
    return &a->qoe;
}

struct qoe_tcp *flow_table_tcp(struct flow_table *t, struct flow *f, bool *made)
{
    *made = f->holds == PART_NONE;
    if (*made) {
        (void)take_awake(t, f, &f->part);
        f->holds = PART_TCP;
    }
    return flow_table_tcp_awake(t, f);
}

const struct qoe_tcp *flow_table_tcp_of(const struct flow_table *t, const struct flow *f)
{
    if (f->holds == PART_TCP_REST) {
        qoe_tcp_wake(t->parts.seen, slabs_at(&t->parts.cold, f->part));
        return t->parts.seen;
    }
    return f->holds == PART_TCP ? &awake_at(t, f->part)->qoe : NULL;
}

void flow_parts_expect(const struct flow_table *t, uint32_t tag)
{
    enum { LINE = 64, LINES = 8 }; /* most of a state; the rest are results */
    uint32_t at = tag;
    uint32_t handle = slots_next(&t->slots, tag, &at);
    const struct flow *f = handle == FLOW_NONE ? NULL : slab_at(&t->flows, handle);
    if (f == NULL || f->holds != PART_TCP) {
        return; /* what else there is takes a line or two */
    }
    const uint8_t *state = (const uint8_t *)awake_at(t, f->part);
    for (unsigned i = 0; i < LINES; i++) {
        __builtin_prefetch(state + i * LINE);
    }
}

/* A part of another kind, made and zeroed when the flow holds none; NULL when it has another. */
static void *take_part(struct flow_table *t, struct flow *f, enum flow_part kind, size_t size)
{
    if (f->holds == PART_NONE) {
        f->part = slabs_take(&t->parts.cold, size);
        if (f->part == 0) {
            t->parts.lost++;
            return NULL;
        }
        memset(slabs_at(&t->parts.cold, f->part), 0, size);
        f->holds = (uint8_t)kind;
    }
    return f->holds == kind ? slabs_at(&t->parts.cold, f->part) : NULL;
}

struct qoe_dns *flow_table_dns(struct flow_table *t, struct flow *f)
{
    return take_part(t, f, PART_DNS, sizeof(struct qoe_dns));
}

struct qoe_dns *flow_table_dns_of(const struct flow_table *t, const struct flow *f)
{
    return f->holds == PART_DNS ? slabs_at(&t->parts.cold, f->part) : NULL;
}

struct qoe_quic *flow_table_quic(struct flow_table *t, struct flow *f, bool *made)
{
    *made = f->holds == PART_NONE;
    return take_part(t, f, PART_QUIC, sizeof(struct qoe_quic));
}

struct qoe_quic *flow_table_quic_of(const struct flow_table *t, const struct flow *f)
{
    return f->holds == PART_QUIC ? slabs_at(&t->parts.cold, f->part) : NULL;
}

struct qoe_media *flow_table_media(struct flow_table *t, struct flow *f)
{
    if (f->holds == PART_NONE && qoe_media_take(&t->parts.media, &f->part) != NULL) {
        f->holds = PART_MEDIA;
    }
    return flow_table_media_of(t, f);
}

struct qoe_media *flow_table_media_of(const struct flow_table *t, const struct flow *f)
{
    return f->holds == PART_MEDIA ? slab_at(&t->parts.media.flows, f->part) : NULL;
}

void flow_table_media_drop(struct flow_table *t, struct flow *f)
{
    qoe_media_put(&t->parts.media, f->part);
    f->holds = PART_NONE;
    f->part = FLOW_NONE;
}

struct qoe_media_pool *flow_table_media_pool(struct flow_table *t)
{
    return &t->parts.media;
}

const struct qoe_media_pool *flow_table_media_pool_of(const struct flow_table *t)
{
    return &t->parts.media;
}

struct flow_exported *flow_table_exported(struct flow_table *t, struct flow *f)
{
    return take_part(t, f, PART_EXPORTED, sizeof(struct flow_exported));
}

const struct flow_exported *flow_table_exported_of(const struct flow_table *t, const struct flow *f)
{
    return f->holds == PART_EXPORTED ? slabs_at(&t->parts.cold, f->part) : NULL;
}

/* The texts stand one behind the other, each with its NUL. */
const char *flow_text(const struct flow_table *t, const struct flow *f, enum flow_text which)
{
    const char *text = f->text == FLOW_NONE ? "" : slabs_at(&t->parts.cold, f->text);
    for (unsigned i = 0; f->text != FLOW_NONE && i < (unsigned)which; i++) {
        text += strlen(text) + 1;
    }
    return text;
}

void flow_set_text(struct flow_table *t, struct flow *f, enum flow_text which, const char *text)
{
    struct slabs *cold = &t->parts.cold;
    char all[FLOW_TEXTS * HOST_NAME_SIZE];
    size_t len = 0;
    if (strcmp(flow_text(t, f, which), text) == 0) {
        return;
    }
    for (unsigned i = 0; i < FLOW_TEXTS; i++) {
        const char *from = i == (unsigned)which ? text : flow_text(t, f, (enum flow_text)i);
        size_t part = strnlen(from, HOST_NAME_SIZE - 1);
        memcpy(all + len, from, part);
        all[len + part] = '\0';
        len += part + 1;
    }
    if (f->text == FLOW_NONE || slabs_room(cold, f->text) < len) {
        uint32_t handle = slabs_take(cold, len);
        if (handle == 0) {
            t->parts.lost++;
            return;
        }
        if (f->text != FLOW_NONE) {
            slabs_put(cold, f->text);
        }
        f->text = handle;
    }
    memcpy(slabs_at(cold, f->text), all, len);
}

/* The number of a name, by its address; 0 when there are too many. */
static uint16_t number_of(struct flow_parts *p, const char *name)
{
    unsigned at = (unsigned)(((uintptr_t)name * 0x9e3779b97f4a7c15u) >> 53); /* 11 bits */
    for (unsigned i = 0; i < FLOW_NAMES; i++, at++) {
        at = at % FLOW_NAMES == 0 ? 1 : at % FLOW_NAMES; /* 0 is no number */
        if (p->names[at] == NULL) {
            p->names[at] = name;
        }
        if (p->names[at] == name) {
            return (uint16_t)at;
        }
    }
    return 0;
}

void flow_set_names(struct flow_table *t, struct flow *f, const char *protocol, const char *app,
                    const char *category)
{
    f->protocol = number_of(&t->parts, protocol);
    f->app = number_of(&t->parts, app);
    f->category = number_of(&t->parts, category);
}

static const char *name_of(const struct flow_table *t, uint16_t number, const char *unknown)
{
    return number == 0 ? unknown : t->parts.names[number];
}

const char *flow_protocol(const struct flow_table *t, const struct flow *f)
{
    return name_of(t, f->protocol, "Unknown");
}

const char *flow_app(const struct flow_table *t, const struct flow *f)
{
    return name_of(t, f->app, "Unknown");
}

const char *flow_category(const struct flow_table *t, const struct flow *f)
{
    return name_of(t, f->category, "");
}

uint64_t flow_parts_lost(const struct flow_table *t)
{
    return t->parts.lost + t->parts.media.refused;
}

void flow_parts_drop(struct flow_table *t, struct flow *f)
{
    struct flow_parts *p = &t->parts;
    switch ((enum flow_part)f->holds) {
    case PART_NONE: break;
    case PART_TCP: slab_put(&p->awake, f->part); break;
    case PART_TCP_REST:
    case PART_DNS:
    case PART_QUIC:
    case PART_EXPORTED: slabs_put(&p->cold, f->part); break;
    case PART_MEDIA: qoe_media_put(&p->media, f->part); break;
    }
    if (f->text != FLOW_NONE) {
        slabs_put(&p->cold, f->text);
    }
    f->holds = PART_NONE;
    f->part = f->text = FLOW_NONE;
}
