/* The first bytes of a stream, put together from parts in any order. Memory is the caller's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { ASSEMBLY_SIZE = 8192 };

struct assembly {
    uint64_t seen[ASSEMBLY_SIZE / 64]; /* bit n: byte n is there */
    uint32_t start;                    /* sequence number of the first byte */
    uint8_t bytes[ASSEMBLY_SIZE];
};

/* Empties it. */
void assembly_begin(struct assembly *a, uint32_t start);
/* Adds a part; what lies beyond the end is left out. */
void assembly_put(struct assembly *a, uint64_t offset, const uint8_t *bytes, size_t len);
/* Bytes from the first on without a hole. */
size_t assembly_ready(const struct assembly *a);
