/*
 * A full state makes room by joining two neighbours: those for which (gap × count) / (distance +
 * 1)² is least, the distance from the median counted in latencies. So bins grow with their distance
 * from the median, and a bin that holds little, close to its neighbour, goes first. Joined bins
 * stand at the mean of their codes, which is the mean of logarithms. Deviation from a plain
 * histogram: which bins there are depends on the order of what came; the tests bound the error for
 * several shapes.
 */
#include "common/latency.h"

#include "common/reader.h"
#include "common/writer.h"

#include <string.h>

enum {
    MANTISSA_BITS = 11,
    MANTISSA_MASK = (1 << MANTISSA_BITS) - 1,
    NEAR = 16, /* codes: 0.8 %. A full state adds what is so near to a bin to it */
    MANY = 255,
};

uint16_t latency_code(uint32_t us)
{
    unsigned exponent = 31u - (unsigned)__builtin_clz(us | 1);
    uint32_t mantissa = exponent <= MANTISSA_BITS ? us << (MANTISSA_BITS - exponent)
                                                  : us >> (exponent - MANTISSA_BITS);
    return (uint16_t)(exponent << MANTISSA_BITS | (mantissa & MANTISSA_MASK));
}

uint32_t latency_us(uint16_t code)
{
    unsigned exponent = (unsigned)code >> MANTISSA_BITS;
    uint32_t mantissa = (code & MANTISSA_MASK) | 1u << MANTISSA_BITS;
    return exponent <= MANTISSA_BITS ? mantissa >> (MANTISSA_BITS - exponent)
                                     : mantissa << (exponent - MANTISSA_BITS);
}

/* What joining bin i and the next one would cost; `below` lie under bin i. */
static float cost_of(const struct latencies *l, unsigned i, uint32_t below)
{
    float middle = (float)l->total / 2;
    float both = (float)l->count[i] + (float)l->count[i + 1];
    float over = (float)below - middle;
    float under = middle - (float)below - both;
    float distance = over > 0 ? over : under > 0 ? under : 0;
    return (float)(l->code[i + 1] - l->code[i]) * both / ((distance + 1) * (distance + 1));
}

static void join(struct latencies *l, unsigned i)
{
    uint64_t a = l->count[i];
    uint64_t b = l->count[i + 1];
    l->code[i] = (uint16_t)((l->code[i] * a + l->code[i + 1] * b) / (a + b));
    l->count[i] = (uint32_t)(a + b);
    unsigned after = --l->used - i - 1;
    memmove(&l->code[i + 1], &l->code[i + 2], after * sizeof *l->code);
    memmove(&l->count[i + 1], &l->count[i + 2], after * sizeof *l->count);
    l->code[l->used] = 0;
    l->count[l->used] = 0;
}

static void make_room(struct latencies *l)
{
    unsigned cheapest = 0;
    float least = cost_of(l, 0, 0);
    uint32_t below = l->count[0];
    for (unsigned i = 1; i + 1 < LATENCY_BINS; i++) {
        float cost = cost_of(l, i, below);
        if (cost < least) {
            least = cost;
            cheapest = i;
        }
        below += l->count[i];
    }
    join(l, cheapest);
}

/* The first bin above the code. */
static unsigned place_of(const struct latencies *l, uint16_t code)
{
    unsigned at = l->used;
    while (at > 0 && l->code[at - 1] > code) {
        at--;
    }
    return at;
}

/* The bin that a code is added to, NULL when it wants one of its own; `at` is the first above it.
 */
static uint32_t *bin_of(struct latencies *l, unsigned at, uint16_t code)
{
    int reach = l->used == LATENCY_BINS ? NEAR : 0;
    int above = at < l->used ? l->code[at] - code : UINT16_MAX + 1;
    int below = at > 0 ? code - l->code[at - 1] : UINT16_MAX + 1;
    if (above > reach && below > reach) {
        return NULL;
    }
    return above < below ? &l->count[at] : &l->count[at - 1];
}

static void insert(struct latencies *l, unsigned at, uint16_t code, uint32_t count)
{
    for (unsigned i = l->used++; i > at; i--) {
        l->code[i] = l->code[i - 1];
        l->count[i] = l->count[i - 1];
    }
    l->code[at] = code;
    l->count[at] = count;
}

static void add(struct latencies *l, uint16_t code, uint32_t count)
{
    if (count > UINT32_MAX - l->total) {
        count = UINT32_MAX - l->total; /* of foreign sums; one flow never has so many */
    }
    if (count == 0) {
        return;
    }
    unsigned at = place_of(l, code);
    uint32_t *bin = bin_of(l, at, code);
    l->total += count;
    if (bin != NULL) {
        *bin += count;
        return;
    }
    if (l->used == LATENCY_BINS) {
        make_room(l);
        at = place_of(l, code);
    }
    insert(l, at, code, count);
}

void latencies_add(struct latencies *l, uint32_t us, uint32_t count)
{
    add(l, latency_code(us), count);
}

void latencies_merge(struct latencies *l, const struct latencies *from)
{
    for (unsigned i = 0; i < from->used; i++) {
        add(l, from->code[i], from->count[i]);
    }
}

uint32_t latencies_median(const struct latencies *l)
{
    uint32_t upto = 0;
    for (unsigned i = 0; i < l->used; i++) {
        upto += l->count[i];
        if (upto > (l->total - 1) / 2) {
            return latency_us(l->code[i]);
        }
    }
    return 0;
}

bool latencies_are_sound(const struct latencies *l)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < l->used && i < LATENCY_BINS; i++) {
        if (l->count[i] == 0 || (i > 0 && l->code[i] <= l->code[i - 1])) {
            return false;
        }
        total += l->count[i];
    }
    return l->used <= LATENCY_BINS && total == l->total;
}

void latencies_write(struct writer *w, const struct latencies *l)
{
    writer_u8(w, (uint8_t)l->used);
    for (unsigned i = 0; i < l->used; i++) {
        writer_le16(w, l->code[i]);
        writer_u8(w, l->count[i] < MANY ? (uint8_t)l->count[i] : MANY);
        if (l->count[i] >= MANY) {
            writer_le32(w, l->count[i]);
        }
    }
}

void latencies_read(struct reader *in, struct latencies *l)
{
    *l = (struct latencies){.used = reader_u8(in)};
    if (l->used > LATENCY_BINS) {
        in->bad = true;
        l->used = 0;
    }
    uint64_t total = 0;
    for (unsigned i = 0; i < l->used; i++) {
        l->code[i] = reader_le16(in);
        l->count[i] = reader_u8(in);
        l->count[i] = l->count[i] == MANY ? reader_le32(in) : l->count[i];
        total += l->count[i];
    }
    l->total = total > UINT32_MAX ? 0 : (uint32_t)total; /* then it is not sound */
}
