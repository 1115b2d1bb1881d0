/* A linear search over a small table; segments are compared one by one. */
#include "aggregator/http/router.h"

#include <stdio.h>
#include <string.h>

static const char *const method_names[] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    [HTTP_OPTIONS] = "OPTIONS",
};

const char *http_method_name(enum http_method method)
{
    return method_names[method];
}

/* Copies what stands for a {name}; false when it is empty or too long. */
static bool take_value(const char *segment, size_t len, struct route_values *values, size_t *count)
{
    if (len == 0 || len >= ROUTE_VALUE_SIZE || *count == ROUTE_VALUES_MAX) {
        return false;
    }
    if (values != NULL) {
        memcpy(values->items[*count], segment, len);
        values->items[*count][len] = '\0';
    }
    (*count)++;
    return true;
}

bool route_matches(const char *pattern, const char *path, struct route_values *values)
{
    size_t count = 0;
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        size_t want = strcspn(pattern, "/");
        size_t have = strcspn(path, "/");
        if (pattern[0] == '{') {
            if (!take_value(path, have, values, &count)) {
                return false;
            }
        } else if (want != have || memcmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += have;
    }
    return *pattern == '\0' && *path == '\0';
}

static void allow_add(char *allow, size_t size, enum http_method method)
{
    size_t len = strlen(allow);
    (void)snprintf(allow + len, size - len, "%s%s", len > 0 ? ", " : "",
                   http_method_name(method)); /* all seven names fit */
    if (method == HTTP_GET) {
        allow_add(allow, size, HTTP_HEAD);
    }
}

enum route_found route_find(const struct route *routes, size_t count, enum http_method method,
                            const char *path, struct route_match *match)
{
    enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
    *match = (struct route_match){.found = ROUTE_NO_PATH};
    for (size_t i = 0; i < count; i++) {
        if (!route_matches(routes[i].path, path, &match->values)) {
            continue;
        }
        if (routes[i].method == wanted) {
            match->route = &routes[i];
            match->found = ROUTE_FOUND;
            return match->found;
        }
        match->found = ROUTE_NO_METHOD;
        allow_add(match->allow, sizeof match->allow, routes[i].method);
    }
    return match->found;
}
