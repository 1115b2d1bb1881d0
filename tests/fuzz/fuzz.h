/* The entry of a fuzz target, as libFuzzer names it, and what a target says when a rule breaks. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Unlike assert this is there in every build. */
#define FUZZ_CHECK(holds)                                                                          \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The input as a string of the heap, cut at its first zero byte; free it. */
static inline char *fuzz_text(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);
    FUZZ_CHECK(text != NULL);
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)bytes[i];
    }
    text[len] = '\0';
    return text;
}
