#define XXH_INLINE_ALL
#include "agent/qoe/calls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

enum { WAYS = 8, CALL_SETS = 512, END_SETS = 2048, CALLER = 0, CALLED = 1 };

/* Where media is expected. Stale when its call's room has been given away. */
struct end {
    uint32_t tag;
    uint32_t room; /* index + 1; 0 free */
    uint16_t generation;
    uint8_t end;
};

struct calls {
    struct call call[CALL_SETS * WAYS];
    struct end end[END_SETS * WAYS];
    uint64_t seed; /* so that nobody outside can fill one bucket at will */
    uint64_t evicted;
};

_Static_assert(sizeof(struct call) <= 512, "a call stays small");

struct calls *calls_new(struct err *e)
{
    struct calls *c = calloc(1, sizeof *c); /* pages are touched as calls come */
    if (c == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for calls");
        return NULL;
    }
    if (getrandom(&c->seed, sizeof c->seed, 0) != (ssize_t)sizeof c->seed) {
        (void)err_set_errno(e, "no random seed for calls");
        free(c);
        return NULL;
    }
    return c;
}

void calls_free(struct calls *c)
{
    free(c);
}

size_t calls_bytes(void)
{
    return sizeof(struct calls);
}

static uint64_t hash_text(const struct calls *c, const char *text, size_t len)
{
    uint64_t hash = XXH3_64bits_withSeed(text, len, c->seed);
    return hash == 0 ? 1 : hash;
}

/* Which of two rooms is rather given away. */
static bool is_dearer(const struct call *a, const struct call *b)
{
    bool a_over = a->state >= CALL_OVER;
    bool b_over = b->state >= CALL_OVER;
    return a_over != b_over ? b_over : a->used_ns > b->used_ns;
}

static struct call *find(struct calls *c, uint64_t hash)
{
    struct call *set = &c->call[(hash % CALL_SETS) * WAYS];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].hash == hash) {
            return &set[i];
        }
    }
    return NULL;
}

static struct call *begin(struct calls *c, uint64_t hash, const struct sip_message *m)
{
    struct call *set = &c->call[(hash % CALL_SETS) * WAYS];
    struct call *room = &set[0];
    for (unsigned i = 0; i < WAYS && room->hash != 0; i++) {
        if (set[i].hash == 0 || is_dearer(room, &set[i])) {
            room = &set[i];
        }
    }
    c->evicted += room->hash != 0 ? 1 : 0;
    *room = (struct call){
        .hash = hash, .state = CALL_TRYING, .generation = (uint16_t)(room->generation + 1u)};
    size_t len = m->call_id_len < MEDIA_CALL_SIZE ? m->call_id_len : MEDIA_CALL_SIZE - 1;
    for (size_t i = 0; i < len; i++) {
        char byte = m->call_id[i];
        room->id[i] = byte > ' ' && byte < 0x7f ? byte : '?';
    }
    return room;
}

static uint32_t end_tag(const struct calls *c, uint8_t family, const struct addr *addr,
                        uint16_t port)
{
    const struct {
        struct addr addr;
        uint16_t port;
        uint16_t family;
    } key = {*addr, port, family};
    return (uint32_t)XXH3_64bits_withSeed(&key, sizeof key, c->seed);
}

static bool is_stale(const struct calls *c, const struct end *end)
{
    return end->room == 0 || c->call[end->room - 1].generation != end->generation;
}

/* A newer announcement of the same place comes first. */
static void announce(struct calls *c, const struct call *call, unsigned index)
{
    const struct sdp_media *m = &call->end[index];
    uint32_t tag = end_tag(c, m->family, &m->addr, m->port);
    struct end *set = &c->end[(tag % END_SETS) * WAYS];
    struct end *room = &set[WAYS - 1];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].tag == tag || is_stale(c, &set[i])) {
            room = &set[i];
            break;
        }
    }
    *room = (struct end){.tag = tag,
                         .room = (uint32_t)(call - c->call) + 1,
                         .generation = call->generation,
                         .end = (uint8_t)index};
}

static void note_media(struct calls *c, struct call *call, const struct sip_message *m)
{
    uint32_t from = (uint32_t)hash_text(c, m->from_tag == NULL ? "" : m->from_tag, m->from_tag_len);
    bool by_caller = (from == call->caller) == (m->status == 0);
    unsigned side = by_caller ? CALLER : CALLED;
    call->held &= (uint8_t) ~(1u << side);
    for (unsigned i = 0; i < m->media; i++) {
        unsigned index = 2 * side + (m->sdp[i].kind == MEDIA_VIDEO ? 1 : 0);
        call->end[index] = m->sdp[i];
        call->held |= (uint8_t)((m->sdp[i].held ? 1u : 0u) << side);
        announce(c, call, index);
    }
}

static void follow(struct call *call, const struct sip_message *m)
{
    if (m->status == 0) {
        if (m->method == SIP_BYE || m->method == SIP_CANCEL) {
            call->state = CALL_OVER;
        }
        return;
    }
    if (m->method != SIP_INVITE || call->state >= CALL_OVER) {
        return;
    }
    if (m->status >= 300) {
        bool asked_for_password = m->status == 401 || m->status == 407;
        bool first = call->state < CALL_UP; /* a refused re-INVITE ends nothing */
        call->state = first && !asked_for_password ? CALL_FAILED : call->state;
    } else if (m->status >= 200) {
        call->state = CALL_UP;
    } else if (m->status > 100 && call->state < CALL_RINGING) {
        call->state = CALL_RINGING;
    }
}

void calls_note(struct calls *c, const struct sip_message *m, uint64_t now_ns)
{
    uint64_t hash = hash_text(c, m->call_id, m->call_id_len);
    struct call *call = find(c, hash);
    if (call == NULL) {
        bool invites = m->method == SIP_INVITE && m->status < 300;
        if (!invites) {
            return; /* registrations and the like have a Call-ID as well */
        }
        call = begin(c, hash, m);
        call->caller =
            (uint32_t)hash_text(c, m->from_tag == NULL ? "" : m->from_tag, m->from_tag_len);
    }
    call->used_ns = now_ns;
    follow(call, m);
    if (m->media > 0) {
        note_media(c, call, m);
    }
}

struct call_ref calls_find(const struct calls *c, uint8_t family, const struct addr *addr,
                           uint16_t port)
{
    uint32_t tag = end_tag(c, family, addr, port);
    const struct end *set = &c->end[(tag % END_SETS) * WAYS];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].tag != tag || is_stale(c, &set[i])) {
            continue;
        }
        const struct sdp_media *m = &c->call[set[i].room - 1].end[set[i].end];
        if (m->port == port && m->family == family && addr_equal(&m->addr, addr)) {
            return (struct call_ref){
                .room = set[i].room, .generation = set[i].generation, .end = set[i].end};
        }
    }
    return (struct call_ref){0};
}

const struct call *calls_at(const struct calls *c, struct call_ref ref)
{
    if (ref.room == 0 || ref.room > CALL_SETS * WAYS || ref.end >= CALL_ENDS) {
        return NULL;
    }
    const struct call *call = &c->call[ref.room - 1];
    return call->generation == ref.generation ? call : NULL;
}

static const struct sdp_format *find_format(const struct sdp_media *m, uint8_t type)
{
    for (unsigned i = 0; i < m->formats; i++) {
        if (m->format[i].type == type) {
            return &m->format[i];
        }
    }
    return NULL;
}

enum codec calls_codec(const struct calls *c, struct call_ref ref, bool away, uint8_t type,
                       uint32_t *clock_hz)
{
    const struct call *call = calls_at(c, ref);
    *clock_hz = 0;
    if (call == NULL) {
        return CODEC_UNKNOWN;
    }
    unsigned heard_by = away ? ref.end ^ 2u : ref.end; /* the same kind of media, the other side */
    const struct sdp_format *format = find_format(&call->end[heard_by], type);
    if (format == NULL) { /* its SDP was not seen, or is not kept to */
        format = find_format(&call->end[heard_by ^ 2u], type);
    }
    if (format == NULL) {
        return CODEC_UNKNOWN;
    }
    *clock_hz = format->clock_hz;
    return (enum codec)format->codec;
}

uint64_t calls_evicted(const struct calls *c)
{
    return c->evicted;
}
