/*
 * An entry a flow points into a block. A flow's records are few, so a record that outgrows its
 * place leaves it empty and takes a new one.
 */
#include "agent/read_book.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 1024 * 1024, FIRST_ROOM = 1024 };

_Static_assert((size_t)FLOW_PACKED_MAX <= (size_t)BLOCK_SIZE, "a record fits a block");

struct block {
    struct block *before;
    size_t used;
    uint8_t bytes[BLOCK_SIZE];
};

struct entry {
    uint8_t *packed; /* NULL: no record of this flow yet, or none is kept */
    uint32_t len;    /* 0: no record of this flow yet */
    uint32_t room;
    uint64_t first_ns;
    uint64_t bytes;
};

struct read_book {
    struct block *last;
    struct entry *entries; /* by flow id, which counts from 1, until they are sorted */
    size_t count;
    size_t room;
    bool keeps; /* records, not only how many flows there were */
    uint64_t first_ns;
    uint64_t last_ns;
};

struct read_book *read_book_new(bool keep)
{
    struct read_book *b = calloc(1, sizeof *b);
    if (b != NULL) {
        b->keeps = keep;
        b->first_ns = UINT64_MAX;
    }
    return b;
}

void read_book_free(struct read_book *b)
{
    if (b == NULL) {
        return;
    }
    while (b->last != NULL) {
        struct block *before = b->last->before;
        free(b->last);
        b->last = before;
    }
    free(b->entries);
    free(b);
}

static struct entry *entry_of(struct read_book *b, uint64_t id)
{
    if (id > b->room) {
        size_t room = b->room == 0 ? FIRST_ROOM : b->room;
        while (room < id) {
            room *= 2;
        }
        struct entry *entries = realloc(b->entries, room * sizeof *entries);
        if (entries == NULL) {
            return NULL;
        }
        memset(entries + b->room, 0, (room - b->room) * sizeof *entries);
        b->entries = entries;
        b->room = room;
    }
    if (id > b->count) {
        b->count = id;
    }
    return &b->entries[id - 1];
}

static uint8_t *place(struct read_book *b, size_t len)
{
    if (b->last == NULL || BLOCK_SIZE - b->last->used < len) {
        struct block *block = malloc(sizeof *block);
        if (block == NULL) {
            return NULL;
        }
        block->before = b->last;
        block->used = 0;
        b->last = block;
    }
    uint8_t *bytes = b->last->bytes + b->last->used;
    b->last->used += len;
    return bytes;
}

static void unpack(const struct entry *entry, struct flow_record *f)
{
    struct err e = {0};
    if (flow_record_unpack(entry->packed, entry->len, f, &e) != 0) {
        abort(); /* it was packed here */
    }
}

static void add_deltas(const struct flow_record *earlier, struct flow_record *sum)
{
    flow_record_add_quality(earlier, sum);
    for (unsigned dir = 0; dir < 2; dir++) {
        sum->bytes[dir] += earlier->bytes[dir];
        sum->packets[dir] += earlier->packets[dir];
        sum->retransmitted[dir] += earlier->retransmitted[dir];
        sum->out_of_order[dir] += earlier->out_of_order[dir];
    }
}

int read_book_add(struct read_book *b, const struct flow_record *news)
{
    struct entry *entry = entry_of(b, news->flow_id);
    if (entry == NULL) {
        return -1;
    }
    b->first_ns = news->first_ns < b->first_ns ? news->first_ns : b->first_ns;
    b->last_ns = news->last_ns > b->last_ns ? news->last_ns : b->last_ns;
    if (!b->keeps) {
        entry->len = 1;
        return 0;
    }
    struct flow_record sum = *news;
    if (entry->packed != NULL) {
        struct flow_record earlier;
        unpack(entry, &earlier);
        add_deltas(&earlier, &sum);
    }
    uint8_t buf[FLOW_PACKED_MAX];
    size_t len = flow_record_pack(&sum, buf, sizeof buf);
    if (len > entry->room) {
        uint8_t *packed = place(b, len);
        if (packed == NULL) {
            return -1; /* what it has stays */
        }
        entry->packed = packed;
        entry->room = (uint32_t)len;
    }
    memcpy(entry->packed, buf, len);
    entry->len = (uint32_t)len;
    entry->first_ns = sum.first_ns;
    entry->bytes = sum.bytes[0] + sum.bytes[1];
    return 0;
}

size_t read_book_count(const struct read_book *b)
{
    return b->count;
}

static int by_time(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    if (a->first_ns != b->first_ns) {
        return a->first_ns < b->first_ns ? -1 : 1;
    }
    struct flow_record of_a;
    struct flow_record of_b;
    unpack(a, &of_a);
    unpack(b, &of_b);
    return memcmp(&of_a.key, &of_b.key, sizeof of_a.key);
}

static int by_bytes(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    if (a->bytes != b->bytes) {
        return a->bytes > b->bytes ? -1 : 1;
    }
    return by_time(left, right);
}

/* Ids without a record, of flows that a full ring lost, go out of the book. */
static void close_gaps(struct read_book *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (b->entries[i].len > 0) {
            b->entries[kept++] = b->entries[i];
        }
    }
    b->count = kept;
}

void read_book_sort(struct read_book *b, enum read_order order)
{
    close_gaps(b);
    if (b->keeps && b->count > 0) { /* qsort wants an array */
        qsort(b->entries, b->count, sizeof *b->entries, order == READ_BY_TIME ? by_time : by_bytes);
    }
}

void read_book_span(const struct read_book *b, uint64_t *first_ns, uint64_t *last_ns)
{
    *first_ns = b->last_ns == 0 ? 0 : b->first_ns;
    *last_ns = b->last_ns;
}

void read_book_get(const struct read_book *b, size_t at, struct flow_record *f)
{
    unpack(&b->entries[at], f);
}
