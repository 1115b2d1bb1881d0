/*
 * Words of four bytes, in groups of four. First a bit for each group that is not all zero; then,
 * for each of those, a byte that tells for each word whether it takes 0, 1, 2 or 4 bytes, and
 * these bytes, lowest first.
 */
#include "common/squeeze.h"

#include <string.h>

enum { GROUP = 4, GROUP_BYTES = GROUP * sizeof(uint32_t) };

static unsigned tag_of(uint32_t word)
{
    return word == 0 ? 0 : word < 1u << 8 ? 1 : word < 1u << 16 ? 2 : 3;
}

static uint8_t *put_word(uint32_t word, unsigned tag, uint8_t *out)
{
    static const uint8_t bytes_of[4] = {0, 1, 2, 4};
    for (unsigned i = 0; i < sizeof word; i++) {
        out[i] = (uint8_t)(word >> (8 * i)); /* what is too much is written over */
    }
    return out + bytes_of[tag];
}

static uint8_t *put_group(const uint32_t *words, uint8_t *out)
{
    uint8_t *tags = out++;
    *tags = 0;
    for (unsigned i = 0; i < GROUP; i++) {
        unsigned tag = tag_of(words[i]);
        *tags |= (uint8_t)(tag << (2 * i));
        out = put_word(words[i], tag, out);
    }
    return out;
}

size_t squeeze(const void *state, size_t size, uint8_t *out)
{
    const uint8_t *from = state;
    size_t groups = size / GROUP_BYTES;
    uint8_t *at = out + (groups + 7) / 8;
    memset(out, 0, (groups + 7) / 8);
    for (size_t i = 0; i < groups; i++) {
        uint32_t words[GROUP];
        uint64_t halves[2];
        memcpy(words, from + i * GROUP_BYTES, sizeof words);
        memcpy(halves, words, sizeof halves);
        if ((halves[0] | halves[1]) != 0) {
            out[i / 8] |= (uint8_t)(1u << (i % 8));
            at = put_group(words, at);
        }
    }
    return (size_t)(at - out);
}

static uint32_t get_word(const uint8_t **in, unsigned tag)
{
    const uint8_t *at = *in;
    switch (tag) {
    case 1: *in += 1; return at[0];
    case 2: *in += 2; return at[0] | (uint32_t)at[1] << 8;
    case 3:
        *in += 4;
        return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    default: return 0;
    }
}

static const uint8_t *get_group(const uint8_t *in, uint32_t *words)
{
    unsigned tags = *in++;
    for (unsigned i = 0; i < GROUP; i++) {
        words[i] = get_word(&in, tags >> (2 * i) & 3);
    }
    return in;
}

void unsqueeze(const uint8_t *in, void *state, size_t size)
{
    uint8_t *to = state;
    size_t groups = size / GROUP_BYTES;
    const uint8_t *at = in + (groups + 7) / 8;
    memset(state, 0, size);
    for (size_t i = 0; i < groups; i++) {
        if ((in[i / 8] >> (i % 8) & 1) != 0) {
            uint32_t words[GROUP];
            at = get_group(at, words);
            memcpy(to + i * GROUP_BYTES, words, sizeof words);
        }
    }
}
