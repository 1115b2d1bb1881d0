#include "agent/print/assembly.h"

#include <string.h>

enum { WORD_BITS = 64 };

void assembly_begin(struct assembly *a, uint32_t start)
{
    memset(a->seen, 0, sizeof a->seen);
    a->start = start;
}

/* Ones for the bits from..to (to not included) of a word, 0 <= from <= to <= 64. */
static uint64_t ones(size_t from, size_t to)
{
    uint64_t below_to = to == WORD_BITS ? UINT64_MAX : (UINT64_C(1) << to) - 1;
    return from == WORD_BITS ? 0 : below_to & UINT64_MAX << from;
}

void assembly_put(struct assembly *a, uint64_t offset, const uint8_t *bytes, size_t len)
{
    if (offset >= ASSEMBLY_SIZE || len == 0) {
        return;
    }
    size_t from = (size_t)offset;
    size_t to = len < ASSEMBLY_SIZE - from ? from + len : ASSEMBLY_SIZE;
    memcpy(a->bytes + from, bytes, to - from);
    for (size_t word = from / WORD_BITS; word * WORD_BITS < to; word++) {
        size_t base = word * WORD_BITS;
        size_t first = from > base ? from - base : 0;
        size_t last = to - base < WORD_BITS ? to - base : WORD_BITS;
        a->seen[word] |= ones(first, last);
    }
}

size_t assembly_ready(const struct assembly *a)
{
    for (size_t word = 0; word < ASSEMBLY_SIZE / WORD_BITS; word++) {
        if (a->seen[word] != UINT64_MAX) {
            return word * WORD_BITS + (size_t)__builtin_ctzll(~a->seen[word]);
        }
    }
    return ASSEMBLY_SIZE;
}
