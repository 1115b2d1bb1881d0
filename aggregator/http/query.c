/* Keeping of query parameters; texts lie one behind the other in one buffer. */
#include "aggregator/http/query.h"

#include "aggregator/http/text.h"

#include <string.h>

/* Copies a text and its final NUL behind those already kept; NULL when there is no room. */
static char *keep(struct query_params *params, const char *text, size_t len)
{
    if (len >= sizeof params->text - params->used) {
        return NULL;
    }
    char *here = params->text + params->used;
    memcpy(here, text, len);
    here[len] = '\0';
    params->used += len + 1;
    return here;
}

int query_params_add(struct query_params *params, const char *pair, size_t len, struct err *e)
{
    if (len == 0) {
        return 0;
    }
    if (!text_is_printable(pair, len)) {
        return err_set(e, ERR_PARSE, "a parameter of the query is not printable UTF-8");
    }
    const char *equals = memchr(pair, '=', len);
    size_t name_len = equals != NULL ? (size_t)(equals - pair) : len;
    const char *value = equals != NULL ? equals + 1 : pair + len;
    if (params->count == QUERY_PARAMS_MAX) {
        return err_set(e, ERR_FULL, "more than %d parameters", QUERY_PARAMS_MAX);
    }
    const char *name = keep(params, pair, name_len);
    const char *kept = name != NULL ? keep(params, value, len - (size_t)(value - pair)) : NULL;
    if (kept == NULL) {
        return err_set(e, ERR_FULL, "the query is longer than %d bytes", QUERY_STRING_MAX);
    }
    if (query_params_get(params, name) != NULL) {
        return err_set(e, ERR_PARSE, "the parameter %.40s is there twice", name);
    }
    params->items[params->count++] = (struct query_param){.name = name, .value = kept};
    return 0;
}

const char *query_params_get(const struct query_params *params, const char *name)
{
    for (size_t i = 0; i < params->count; i++) {
        if (strcmp(params->items[i].name, name) == 0) {
            return params->items[i].value;
        }
    }
    return NULL;
}
