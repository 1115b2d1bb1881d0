#include "agent/collect/template.h"

#include <stdlib.h>

/* Exporters repeat them every few minutes; Cisco's default is 30. Twice that, then it is stale. */
#define LIFETIME_NS 3600000000000ull

enum { VARIABLE_LONG = 255 }; /* RFC 7011, section 7: then two bytes of length follow */

struct templates {
    struct template_key keys[TEMPLATES]; /* apart, so that a search touches little memory */
    struct template pool[TEMPLATES];
    uint32_t counts[UINT8_MAX + 1]; /* by owner, whose numbers are small */
    uint32_t span;                  /* entries from here on were never used */
};

struct templates *templates_new(struct err *e)
{
    struct templates *t = calloc(1, sizeof *t);
    if (t == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for templates");
    }
    return t;
}

void templates_free(struct templates *t)
{
    free(t);
}

static void drop_at(struct templates *t, uint32_t at)
{
    t->counts[t->keys[at].owner & UINT8_MAX]--;
    t->keys[at].owner = 0;
}

/* Where the key stands; t->span when it does not. */
static uint32_t find(const struct templates *t, struct template_key key)
{
    uint32_t at = 0;
    while (at < t->span && (t->keys[at].owner != key.owner || t->keys[at].id != key.id ||
                            t->keys[at].stream != key.stream)) {
        at++;
    }
    return at;
}

static bool is_stale(const struct template *one, uint64_t now_ns)
{
    return now_ns > one->heard_ns + LIFETIME_NS;
}

struct template *templates_find(struct templates *t, struct template_key key, uint64_t now_ns)
{
    uint32_t at = find(t, key);
    if (at == t->span) {
        return NULL;
    }
    if (is_stale(&t->pool[at], now_ns)) {
        drop_at(t, at);
        return NULL;
    }
    return &t->pool[at];
}

void templates_drop(struct templates *t, struct template_key key)
{
    uint32_t at = find(t, key);
    if (at < t->span) {
        drop_at(t, at);
    }
}

/* A free place; TEMPLATES when there is none. */
static uint32_t take(struct templates *t, uint64_t now_ns)
{
    for (uint32_t at = 0; at < t->span; at++) {
        if (t->keys[at].owner != 0 && is_stale(&t->pool[at], now_ns)) {
            drop_at(t, at);
        }
        if (t->keys[at].owner == 0) {
            return at;
        }
    }
    return t->span < TEMPLATES ? t->span++ : TEMPLATES;
}

struct template *templates_renew(struct templates *t, struct template_key key, uint64_t now_ns)
{
    uint32_t at = find(t, key);
    if (at == t->span) {
        if (t->counts[key.owner & UINT8_MAX] >= TEMPLATES_PER_OWNER) {
            return NULL;
        }
        at = take(t, now_ns);
        if (at == TEMPLATES) {
            return NULL;
        }
        t->counts[key.owner & UINT8_MAX]++;
        t->keys[at] = key;
    }
    struct template *one = &t->pool[at];
    one->heard_ns = now_ns;
    one->least = 0;
    one->count = 0;
    one->options = false;
    return one;
}

void templates_drop_stream(struct templates *t, uint16_t owner, uint32_t stream, bool data,
                           bool options)
{
    for (uint32_t at = 0; at < t->span; at++) {
        bool theirs = t->keys[at].owner == owner && t->keys[at].stream == stream;
        if (theirs && (t->pool[at].options ? options : data)) {
            drop_at(t, at);
        }
    }
}

void templates_drop_owner(struct templates *t, uint16_t owner)
{
    for (uint32_t at = 0; at < t->span; at++) {
        if (t->keys[at].owner == owner) {
            drop_at(t, at);
        }
    }
}

uint32_t templates_count(const struct templates *t, uint16_t owner)
{
    return t->counts[owner & UINT8_MAX];
}

bool template_add(struct template *one, enum field field, uint16_t len)
{
    if (one->count == TEMPLATE_FIELDS) {
        return false;
    }
    one->fields[one->count++] = (struct template_field){.field = (uint8_t)field, .len = len};
    one->least += len == FIELD_VARIABLE ? 1 : len;
    return true;
}

static size_t variable_len(struct reader *r)
{
    size_t len = reader_u8(r);
    return len == VARIABLE_LONG ? reader_be16(r) : len;
}

bool template_read(const struct template *one, struct reader *r, struct fields *f)
{
    *f = (struct fields){0};
    for (unsigned i = 0; i < one->count && !r->bad; i++) {
        const struct template_field *field = &one->fields[i];
        size_t len = field->len == FIELD_VARIABLE ? variable_len(r) : field->len;
        field_read(r, (enum field)field->field, len, f);
    }
    return !r->bad;
}
