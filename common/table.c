/*
 * Two arrays: the entries lie densely in the order they came, and an index of hash and entry
 * number is searched by linear probing. A removal closes the gap in both (the last entry moves
 * into the hole, later index slots shift back), so nothing dead is ever left behind, and walking
 * the entries from the last to the first stays right while the one just seen is removed.
 */
#include "common/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

enum {
    FIRST_ENTRIES = 16,    /* room of a new table */
    MAX_ENTRIES = 1 << 30, /* so that entry numbers and index sizes fit 32 bits */
};

/* number is the entry's place + 1; 0 means an empty slot. */
struct slot {
    uint32_t hash;
    uint32_t number;
};

struct table {
    size_t key_size;
    size_t entry_size;
    size_t max;    /* entries at most */
    size_t room;   /* entries allocated */
    size_t count;  /* entries in use */
    uint64_t seed; /* random, so that nobody outside can choose keys that collide */
    uint32_t mask; /* index size - 1; the index is at least half as large again as room */
    struct slot *index;
    uint8_t *entries;
};

static uint8_t *entry_at(const struct table *t, size_t place)
{
    return t->entries + place * t->entry_size;
}

static uint32_t hash_of(const struct table *t, const void *key)
{
    return (uint32_t)XXH3_64bits_withSeed(key, t->key_size, t->seed);
}

/* The index slot that holds this key, or the empty one where the search ended. */
static uint32_t slot_of_key(const struct table *t, const void *key, uint32_t hash)
{
    uint32_t at = hash & t->mask;
    for (; t->index[at].number != 0; at = (at + 1) & t->mask) {
        if (t->index[at].hash == hash &&
            memcmp(entry_at(t, t->index[at].number - 1), key, t->key_size) == 0) {
            break;
        }
    }
    return at;
}

static uint32_t index_size_for(size_t room)
{
    uint32_t size = 2;
    while (size < room + room / 2) {
        size *= 2;
    }
    return size;
}

/* Enters all slots of the old index into a new, empty one. */
static void index_refill(struct slot *index, uint32_t mask, const struct slot *old, size_t old_size)
{
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].number == 0) {
            continue;
        }
        uint32_t at = old[i].hash & mask;
        while (index[at].number != 0) {
            at = (at + 1) & mask;
        }
        index[at] = old[i];
    }
}

/* Gives the table room for so many entries; the table is unchanged when memory is short. */
static int table_grow(struct table *t, size_t room)
{
    uint32_t size = index_size_for(room);
    struct slot *index = calloc(size, sizeof *index);
    if (index == NULL) {
        return -1;
    }
    uint8_t *entries = reallocarray(t->entries, room, t->entry_size);
    if (entries == NULL) {
        free(index);
        return -1;
    }
    if (t->index != NULL) {
        index_refill(index, size - 1, t->index, (size_t)t->mask + 1);
    }
    free(t->index);
    t->index = index;
    t->mask = size - 1;
    t->entries = entries;
    t->room = room;
    return 0;
}

struct table *table_new(size_t key_size, size_t entry_size, size_t max, struct err *e)
{
    if (key_size == 0 || key_size > entry_size || max == 0 || max > MAX_ENTRIES) {
        (void)err_set(e, ERR_ARG, "a table of at most %zu entries of %zu bytes, keys of %zu", max,
                      entry_size, key_size);
        return NULL;
    }
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        (void)err_set_errno(e, "random bytes for a table's seed");
        return NULL;
    }
    struct table *t = calloc(1, sizeof *t);
    if (t == NULL) {
        (void)err_set(e, ERR_NOMEM, "a table");
        return NULL;
    }
    *t = (struct table){.key_size = key_size, .entry_size = entry_size, .max = max, .seed = seed};
    if (table_grow(t, max < FIRST_ENTRIES ? max : FIRST_ENTRIES) != 0) {
        (void)err_set(e, ERR_NOMEM, "the first entries of a table");
        table_free(t);
        return NULL;
    }
    return t;
}

void table_free(struct table *t)
{
    if (t == NULL) {
        return;
    }
    free(t->index);
    free(t->entries);
    free(t);
}

void *table_get(const struct table *t, const void *key)
{
    const struct slot *slot = &t->index[slot_of_key(t, key, hash_of(t, key))];
    return slot->number == 0 ? NULL : entry_at(t, slot->number - 1);
}

void *table_put(struct table *t, const void *key, bool *made)
{
    *made = false;
    uint32_t hash = hash_of(t, key);
    uint32_t at = slot_of_key(t, key, hash);
    if (t->index[at].number != 0) {
        return entry_at(t, t->index[at].number - 1);
    }
    if (t->count == t->max) {
        return NULL;
    }
    if (t->count == t->room) {
        if (table_grow(t, t->room < t->max / 2 ? t->room * 2 : t->max) != 0) {
            return NULL;
        }
        at = slot_of_key(t, key, hash);
    }
    uint8_t *entry = entry_at(t, t->count++);
    memset(entry, 0, t->entry_size);
    memcpy(entry, key, t->key_size);
    t->index[at] = (struct slot){.hash = hash, .number = (uint32_t)t->count};
    *made = true;
    return entry;
}

/* Empties an index slot and moves those back that had to step over it. */
static void slot_empty(struct table *t, uint32_t hole)
{
    for (uint32_t at = (hole + 1) & t->mask; t->index[at].number != 0; at = (at + 1) & t->mask) {
        uint32_t home = t->index[at].hash & t->mask;
        if (((at - home) & t->mask) >= ((at - hole) & t->mask)) {
            t->index[hole] = t->index[at];
            hole = at;
        }
    }
    t->index[hole] = (struct slot){0};
}

bool table_remove(struct table *t, const void *key)
{
    uint32_t at = slot_of_key(t, key, hash_of(t, key));
    uint32_t number = t->index[at].number;
    if (number == 0) {
        return false;
    }
    slot_empty(t, at);
    uint8_t *last = entry_at(t, t->count - 1);
    if (number != t->count) {
        uint32_t moved = slot_of_key(t, last, hash_of(t, last));
        t->index[moved].number = number;
        memcpy(entry_at(t, number - 1), last, t->entry_size);
    }
    t->count--;
    return true;
}

void table_clear(struct table *t)
{
    memset(t->index, 0, ((size_t)t->mask + 1) * sizeof *t->index);
    t->count = 0;
}

size_t table_count(const struct table *t)
{
    return t->count;
}

void *table_next(struct table *t, size_t *at)
{
    /* *at is the place last returned + 1, or 0 before the first. */
    size_t place = *at == 0 ? t->count : *at - 1;
    if (place > t->count) {
        place = t->count;
    }
    if (place == 0) {
        return NULL;
    }
    *at = place;
    return entry_at(t, place - 1);
}
