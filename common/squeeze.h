/*
 * A state at rest: a struct of which most words are zero or small, in a quarter of its room, and
 * back without a loss. Not a format: only for the memory of the program that wrote it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Room that suffices for any state of size bytes, a multiple of 16. */
#define SQUEEZE_ROOM(size) ((size) + (size) / 16 + ((size) / 16 + 7) / 8)

/* Returns the bytes used of out, which has SQUEEZE_ROOM(size). */
size_t squeeze(const void *state, size_t size, uint8_t *out);
/* Fills state from what squeeze wrote of one of the same size. */
void unsqueeze(const uint8_t *in, void *state, size_t size);
