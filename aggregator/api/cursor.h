/* The place of a row in a list by time and id, as the opaque text that `next` carries. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { CURSOR_TEXT_SIZE = 48 };

struct cursor_place {
    int64_t at_us; /* UTC */
    int64_t id;
};

char *cursor_format(const struct cursor_place *place, char buf[CURSOR_TEXT_SIZE]);
/* False for what cursor_format did not write. */
bool cursor_parse(const char *text, struct cursor_place *place);
