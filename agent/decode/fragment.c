/*
 * A datagram in the making is a buffer of the largest size with one bit for each 8 bytes that are
 * there; pages of memory are touched only as far as datagrams reach. Slots are found by a hash and
 * stand in a list by age.
 */
#include "agent/decode/fragment.h"

#include "common/slab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    UNIT = 8, /* bytes; offsets count in them */
    DATA_MAX = 65536,
    UNITS = DATA_MAX / UNIT,
    HEAD_MAX = 256,          /* IPv4: 60; IPv6 with extension headers before the fragment's */
    PACKETS_MAX = 2 * UNITS, /* of one datagram, copies among them */
    TOTAL_MAX = 65535,       /* what a length field of IP can say */
    FRAGMENT_HEADER = 8,     /* IPv6: not in the datagram */
    IPV6_HEADER = 40,        /* not in its length field */
    IPV4_LENGTH_AT = 2,      /* length; then identification, flags and offset */
    IPV4_FLAGS_AT = 6,
    IPV6_LENGTH_AT = 4,
    BUCKETS = 1024, /* a power of two */
    NO_SLOT = 0,
};
#define AGE_MAX_NS 10000000000ull /* receivers wait 15 to 60 s; what is late is late */

struct slot {
    struct packet first; /* ends, link and tunnel of the datagram; ports once known */
    uint32_t id;
    uint32_t next_in_bucket;
    uint32_t older;
    uint32_t newer;
    uint32_t len;         /* of the data; 0 until the last fragment is here */
    uint32_t have;        /* bytes of it here */
    uint32_t reach;       /* where the farthest of them end */
    uint32_t packets;     /* held */
    uint32_t ip_bytes;    /* of these, headers included */
    uint32_t frames;      /* in which they came */
    uint32_t frame_bytes; /* likewise with what lies around IP */
    uint32_t head_len;    /* of the first fragment's headers; 0 until it is here */
    bool ports_known;
    bool refused; /* nothing is held any more: only ports are remembered */
    uint64_t units[UNITS / 64];
    uint8_t bytes[HEAD_MAX + DATA_MAX]; /* the headers end at HEAD_MAX */
};

_Static_assert(2 * sizeof(struct slot) <= FRAGMENTS_MIN_BYTES, "one is lent, one is filled");

struct fragments {
    struct slab slots;
    uint32_t buckets[BUCKETS];
    uint32_t oldest;
    uint32_t newest;
    uint32_t lent; /* its bytes are with the caller */
    uint32_t seed;
    bool pushed_out; /* given_up holds a datagram that made room */
    struct packet given_up;
};

struct fragments *fragments_new(size_t bytes, struct err *e)
{
    struct fragments *f = calloc(1, sizeof *f);
    if (f == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for fragments");
        return NULL;
    }
    uint32_t slots = (uint32_t)(bytes / sizeof(struct slot));
    if (getrandom(&f->seed, sizeof f->seed, 0) != (ssize_t)sizeof f->seed) {
        (void)err_set_errno(e, "no random seed for fragments");
        goto out;
    }
    if (slots == 0 || slab_init(&f->slots, sizeof(struct slot), slots, e) == 0) {
        return f;
    }
out:
    free(f);
    return NULL;
}

void fragments_free(struct fragments *f)
{
    if (f != NULL) {
        slab_done(&f->slots);
        free(f);
    }
}

static struct slot *slot_at(const struct fragments *f, uint32_t handle)
{
    return slab_at(&f->slots, handle);
}

/* FNV-1a, from a random beginning: who sends fragments cannot choose their bucket. */
static uint32_t *bucket_of(struct fragments *f, const struct packet *p)
{
    uint32_t h = f->seed ^ p->fragment_id;
    for (size_t i = 0; i < sizeof p->ends.src.bytes; i++) {
        h = (h ^ p->ends.src.bytes[i]) * 16777619u;
        h = (h ^ p->ends.dst.bytes[i]) * 16777619u;
    }
    return &f->buckets[(h ^ h >> 16) & (BUCKETS - 1)];
}

static bool is_of(const struct slot *s, const struct packet *p)
{
    const struct endpoints *a = &s->first.ends;
    const struct endpoints *b = &p->ends;
    bool same_protocol = a->protocol == b->protocol || a->family == ADDR_IPV6;
    return s->id == p->fragment_id && a->family == b->family && same_protocol &&
           a->vlan == b->vlan && a->origin == b->origin && addr_equal(&a->src, &b->src) &&
           addr_equal(&a->dst, &b->dst);
}

static uint32_t find(struct fragments *f, const struct packet *p)
{
    uint32_t handle = *bucket_of(f, p);
    while (handle != NO_SLOT && !is_of(slot_at(f, handle), p)) {
        handle = slot_at(f, handle)->next_in_bucket;
    }
    return handle;
}

static void unlink_slot(struct fragments *f, uint32_t handle)
{
    struct slot *s = slot_at(f, handle);
    uint32_t *at = bucket_of(f, &s->first);
    while (*at != handle) {
        at = &slot_at(f, *at)->next_in_bucket;
    }
    *at = s->next_in_bucket;
    *(s->older == NO_SLOT ? &f->oldest : &slot_at(f, s->older)->newer) = s->newer;
    *(s->newer == NO_SLOT ? &f->newest : &slot_at(f, s->newer)->older) = s->older;
}

/* What is held of a slot becomes one packet without content; false when nothing is. */
static bool take_held(struct slot *s, struct packet *p)
{
    if (s->packets == 0) {
        return false;
    }
    *p = s->first;
    p->ip_len = s->ip_bytes;
    p->frames = s->frames;
    p->frame_len = s->frame_bytes;
    p->more_packets = (uint16_t)(s->packets - 1);
    s->packets = 0;
    s->ip_bytes = 0;
    s->frames = 0;
    s->frame_bytes = 0;
    return true;
}

static void drop(struct fragments *f, uint32_t handle)
{
    unlink_slot(f, handle);
    slab_put(&f->slots, handle);
}

/* The fragment just taken may itself have lain in what was lent, so that goes last. */
static void lend(struct fragments *f, uint32_t handle)
{
    if (f->lent != NO_SLOT) {
        slab_put(&f->slots, f->lent);
    }
    f->lent = handle;
}

/* Room for one more; the oldest goes for it. */
static uint32_t take_slot(struct fragments *f)
{
    uint32_t handle = slab_take(&f->slots);
    if (handle == NO_SLOT && f->oldest != NO_SLOT) {
        f->pushed_out = take_held(slot_at(f, f->oldest), &f->given_up);
        drop(f, f->oldest);
        handle = slab_take(&f->slots);
    }
    return handle;
}

static uint32_t begin(struct fragments *f, const struct packet *p)
{
    uint32_t handle = take_slot(f);
    if (handle == NO_SLOT) {
        return NO_SLOT;
    }
    struct slot *s = slot_at(f, handle);
    memset(s, 0, offsetof(struct slot, bytes));
    s->first = (struct packet){
        .time_ns = p->time_ns,
        .ends = p->ends,
        .src_mac = p->src_mac,
        .dst_mac = p->dst_mac,
        .fragment = true,
        .later_fragment = true, /* what is told of it has no content */
        .fragment_id = p->fragment_id,
        .source = p->source,
        .tunnel_told = p->tunnel_told,
    };
    s->first.ends.src_port = 0;
    s->first.ends.dst_port = 0;
    s->id = p->fragment_id;
    uint32_t *bucket = bucket_of(f, p);
    s->next_in_bucket = *bucket;
    *bucket = handle;
    s->older = f->newest;
    *(f->newest == NO_SLOT ? &f->oldest : &slot_at(f, f->newest)->newer) = handle;
    f->newest = handle;
    return handle;
}

/* The fragment's own bytes; NULL when they are not all here or contradict what a datagram can be.
 */
static const uint8_t *data_of(const struct packet *p, uint32_t *len)
{
    *len = p->ip_len - p->fragment_head;
    bool whole =
        p->ip_captured == p->ip_len && p->fragment_head > 0 && p->fragment_head < p->ip_len;
    bool fits = p->fragment_at + *len <= TOTAL_MAX && (!p->more_fragments || *len % UNIT == 0);
    return whole && fits ? p->ip + p->fragment_head : NULL;
}

/* Keeps the headers of the first fragment as they stand in front of the whole datagram. */
static bool keep_head(struct slot *s, const struct packet *p)
{
    bool v6 = p->ends.family == ADDR_IPV6;
    uint32_t len = v6 ? p->fragment_head - (uint32_t)FRAGMENT_HEADER : p->fragment_head;
    if (len > HEAD_MAX) {
        return false;
    }
    s->head_len = len;
    uint8_t *head = s->bytes + HEAD_MAX - len;
    memcpy(head, p->ip, len);
    if (v6) {
        head[p->fragment_next] = p->ip[len]; /* the fragment header's own next header */
    } else {
        memset(head + IPV4_FLAGS_AT, 0, 2);
    }
    return true;
}

enum fit { FIT_NEW, FIT_COPY, FIT_OVERLAP };

/* Bytes that are there already must be the same, and all of them, to be a mere copy. */
static enum fit fit_of(const struct slot *s, uint32_t at, const uint8_t *data, uint32_t len)
{
    uint32_t there = 0;
    uint32_t units = (len + UNIT - 1) / UNIT;
    for (uint32_t i = 0; i < units; i++) {
        uint32_t unit = at / UNIT + i;
        there += (s->units[unit / 64] >> unit % 64 & 1) != 0;
    }
    if (there == 0) {
        return FIT_NEW;
    }
    bool same = there == units && memcmp(s->bytes + HEAD_MAX + at, data, len) == 0;
    return same ? FIT_COPY : FIT_OVERLAP;
}

static void put_data(struct slot *s, uint32_t at, const uint8_t *data, uint32_t len)
{
    memcpy(s->bytes + HEAD_MAX + at, data, len);
    for (uint32_t unit = at / UNIT; unit < (at + len + UNIT - 1) / UNIT; unit++) {
        s->units[unit / 64] |= 1ull << unit % 64;
    }
    s->have += len;
    s->reach = at + len > s->reach ? at + len : s->reach;
}

/* False when the fragment does not go with those before. */
static bool add(struct slot *s, const struct packet *p)
{
    uint32_t len = 0;
    const uint8_t *data = data_of(p, &len);
    uint32_t end = p->fragment_at + len;
    if (data == NULL) {
        return false;
    }
    bool contradicts = s->len != 0 && (p->more_fragments ? end >= s->len : end != s->len);
    enum fit fit = fit_of(s, p->fragment_at, data, len);
    if (contradicts || fit == FIT_OVERLAP || (!p->later_fragment && !keep_head(s, p))) {
        return false;
    }
    if (fit == FIT_NEW) {
        put_data(s, p->fragment_at, data, len);
    }
    if (!p->more_fragments) {
        s->len = end;
    }
    return s->reach <= s->len || s->len == 0;
}

/* Writes the length that the whole has; false when no field could say it. */
static bool finish_head(struct slot *s)
{
    bool v6 = s->first.ends.family == ADDR_IPV6;
    uint32_t total = s->head_len + s->len - (v6 ? (uint32_t)IPV6_HEADER : 0);
    uint8_t *at = s->bytes + HEAD_MAX - s->head_len + (v6 ? IPV6_LENGTH_AT : IPV4_LENGTH_AT);
    at[0] = (uint8_t)(total >> 8);
    at[1] = (uint8_t)total;
    return total <= TOTAL_MAX;
}

static bool is_whole(struct slot *s)
{
    return s->len != 0 && s->have == s->len && s->head_len != 0 && finish_head(s);
}

static enum fragment_result hand_out(struct fragments *f, uint32_t handle, struct packet *p,
                                     struct datagram *whole)
{
    struct slot *s = slot_at(f, handle);
    *whole =
        (struct datagram){.bytes = s->bytes + HEAD_MAX - s->head_len, .len = s->head_len + s->len};
    *p = (struct packet){
        .time_ns = p->time_ns,
        .began_ns = s->first.time_ns,
        .ends = {.vlan = s->first.ends.vlan, .origin = s->first.ends.origin},
        .src_mac = p->src_mac,
        .dst_mac = p->dst_mac,
        .source = p->source,
        .more_packets = (uint16_t)(s->packets - 1),
        .more_bytes = s->ip_bytes - (uint32_t)whole->len,
        .frames = s->frames,
        .frame_len = s->frame_bytes,
        .tunnel_told = p->tunnel_told,
    };
    unlink_slot(f, handle);
    lend(f, handle);
    return FRAGMENT_WHOLE;
}

/* The first fragment tells the ports, and all that come after it are told them. */
static void share_ports(struct slot *s, struct packet *p)
{
    if (!p->later_fragment) {
        s->first.ends = p->ends;
        s->ports_known = true;
    } else if (s->ports_known) {
        p->ends = s->first.ends;
    }
}

/* What was held is given up with the one that broke it. */
static enum fragment_result refuse(struct fragments *f, struct slot *s)
{
    if (!s->refused && !f->pushed_out) {
        f->pushed_out = take_held(s, &f->given_up);
    }
    s->refused = true;
    return FRAGMENT_ALONE;
}

enum fragment_result fragments_take(struct fragments *f, struct packet *p, struct datagram *whole)
{
    uint32_t handle = find(f, p);
    if (handle == NO_SLOT && (handle = begin(f, p)) == NO_SLOT) {
        return FRAGMENT_ALONE;
    }
    struct slot *s = slot_at(f, handle);
    share_ports(s, p);
    if (s->refused || s->packets == PACKETS_MAX || !add(s, p)) {
        return refuse(f, s);
    }
    s->packets++;
    s->ip_bytes += p->ip_len;
    s->frames += p->frames;
    s->frame_bytes += p->frame_len;
    return is_whole(s) ? hand_out(f, handle, p, whole) : FRAGMENT_HELD;
}

bool fragments_give_up(struct fragments *f, uint64_t now_ns, struct packet *p)
{
    if (f->pushed_out) {
        f->pushed_out = false;
        *p = f->given_up;
        return true;
    }
    while (f->oldest != NO_SLOT) {
        struct slot *s = slot_at(f, f->oldest);
        if (now_ns < s->first.time_ns + AGE_MAX_NS) {
            return false;
        }
        bool held = take_held(s, p);
        drop(f, f->oldest);
        if (held) {
            return true;
        }
    }
    return false;
}

static uint64_t moved_back(uint64_t time_ns, uint64_t by_ns)
{
    return time_ns > by_ns ? time_ns - by_ns : 0;
}

void fragments_shift_back(struct fragments *f, uint64_t by_ns)
{
    for (uint32_t handle = f->oldest; handle != NO_SLOT; handle = slot_at(f, handle)->newer) {
        struct packet *first = &slot_at(f, handle)->first;
        first->time_ns = moved_back(first->time_ns, by_ns);
    }
    f->given_up.time_ns = moved_back(f->given_up.time_ns, by_ns);
}
