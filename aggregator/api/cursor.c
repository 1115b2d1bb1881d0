/* "TIME.ID" in decimal. */
#include "aggregator/api/cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *cursor_format(const struct cursor_place *place, char buf[CURSOR_TEXT_SIZE])
{
    (void)snprintf(buf, CURSOR_TEXT_SIZE, "%" PRId64 ".%" PRId64, place->at_us, place->id);
    return buf; /* twice 20 signs fit */
}

bool cursor_parse(const char *text, struct cursor_place *place)
{
    if (strspn(text, "0123456789.") != strlen(text) || text[0] == '.') {
        return false;
    }
    char *end = NULL;
    errno = 0;
    place->at_us = strtoll(text, &end, 10);
    if (*end != '.' || end[1] < '0' || end[1] > '9') {
        return false;
    }
    place->id = strtoll(end + 1, &end, 10);
    return errno == 0 && *end == '\0';
}
