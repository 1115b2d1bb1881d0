/*
 * Many latencies in bounded room, for their median, and so that two such sums become one. Exact to
 * 0.05 % up to LATENCY_BINS different ones; beyond that neighbours share a bin, the finest round
 * the median. The same idea as a DDSketch (Masson, Rim, Lee, VLDB 2019), whose 1 % would take 800
 * bins from 10 µs to a minute; a flow has to do with these. No pointers: a state that is copied and
 * put to rest as bytes. Nobody looks at what lies beyond `used`.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct reader;
struct writer;

enum { LATENCY_BINS = 24, LATENCIES_PACKED_MAX = 1 + LATENCY_BINS * 7 };

struct latencies {
    uint32_t count[LATENCY_BINS]; /* none is 0 */
    uint16_t code[LATENCY_BINS];  /* ascending */
    uint32_t total;               /* the sum of the counts */
    uint32_t used;
};

/*
 * A latency in 16 bits, 5 of exponent and 11 of what follows the leading one: the greater one has
 * the greater code, and a step is 0.05 % at most. 1 µs to 71 minutes; 0 counts as 1.
 */
uint16_t latency_code(uint32_t us);
/* The least latency of that code, µs. */
uint32_t latency_us(uint16_t code);

/* Makes it one of none, and leaves the bins as they are. */
static inline void latencies_clear(struct latencies *l)
{
    l->used = 0;
    l->total = 0;
}

/* Adds one that came `count` times. */
void latencies_add(struct latencies *l, uint32_t us, uint32_t count);
/* As if all of `from` had been added; within the error of both. */
void latencies_merge(struct latencies *l, const struct latencies *from);
/* µs; 0 when there are none. The lower of two that share the middle. */
uint32_t latencies_median(const struct latencies *l);
/* False for what latencies_add never leaves behind. */
bool latencies_are_sound(const struct latencies *l);

/* A byte of how many bins, and each with its code and its count: a byte, or 255 and four. */
void latencies_write(struct writer *w, const struct latencies *l);
/* Marks the reader bad when it is none. */
void latencies_read(struct reader *in, struct latencies *l);
