/*
 * Routes: which method on which path leads to which handler, who may, and whether it changes
 * something. The table is constant; its handlers are opaque here and known by the caller.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum http_method {
    HTTP_GET = 1,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
};
const char *http_method_name(enum http_method method);

/* A path is at most this long; a longer one is answered 404. */
enum { ROUTE_PATH_SIZE = 512, ROUTE_VALUE_SIZE = 128, ROUTE_VALUES_MAX = 2 };

struct route {
    enum http_method method;
    const char *path;    /* "/api/v1/instances/{name}": a whole segment in braces is a value */
    unsigned level;      /* least role of the person; 0: anybody */
    bool changes;        /* needs the CSRF token */
    const void *handler; /* the table's owner knows its type */
};

/* What stood for each {name}, in order. */
struct route_values {
    char items[ROUTE_VALUES_MAX][ROUTE_VALUE_SIZE];
};

enum route_found { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };

struct route_match {
    enum route_found found;
    const struct route *route; /* when found */
    struct route_values values;
    char allow[64]; /* with ROUTE_NO_METHOD: the methods that the path knows, for Allow */
};

/* Finds the route of a request; HEAD is answered by GET's. */
enum route_found route_find(const struct route *routes, size_t count, enum http_method method,
                            const char *path, struct route_match *match);

/* True when a path has the form of a pattern; values may be NULL. */
bool route_matches(const char *pattern, const char *path, struct route_values *values);
