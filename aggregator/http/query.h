/*
 * The query of a URL: names and values, checked to be printable UTF-8. The server adds
 * each part as libwebsockets gives it, split at '&' and percent-decoded; handlers read.
 */
#pragma once

#include "common/err.h"

#include <stddef.h>

enum { QUERY_STRING_MAX = 4096, QUERY_PARAMS_MAX = 32 };

struct query_param {
    const char *name; /* into text */
    const char *value;
};

struct query_params {
    size_t count;
    struct query_param items[QUERY_PARAMS_MAX];
    size_t used; /* bytes of text */
    char text[QUERY_STRING_MAX];
};

/*
 * Adds one "name=value" that is decoded already (what stands between two '&'). An empty one is
 * passed over. -1 and e for a name twice, too many, too long, or bytes that are no text; the
 * name at fault is then in e's sentence.
 */
int query_params_add(struct query_params *params, const char *pair, size_t len, struct err *e);

/* The value, or NULL when there is none of that name. */
const char *query_params_get(const struct query_params *params, const char *name);
