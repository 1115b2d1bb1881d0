/*
 * What is near: names that hold the word come first, then those that few changes lead to, by the
 * number of letters inserted, deleted or replaced (Levenshtein 1966), whatever their case.
 */
#include "aggregator/api/app_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    COMPARED_MAX = 40, /* letters that are compared */
    NEAR_MAX = 3,
    NEVER = 1000,
};

static bool is_known(const char *const *names, const char *text)
{
    for (; *names != NULL; names++) {
        if (strcasecmp(*names, text) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned two = a < b ? a : b;
    return two < c ? two : c;
}

/* Row by row of the usual table; `row` holds the one above. */
static unsigned changes_between(const char *a, const char *b)
{
    unsigned row[COMPARED_MAX + 1];
    size_t a_len = strnlen(a, COMPARED_MAX), b_len = strnlen(b, COMPARED_MAX);
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            unsigned here = least(row[j] + 1, row[j - 1] + 1, corner + (same ? 0 : 1));
            corner = row[j];
            row[j] = here;
        }
    }
    return row[b_len];
}

/* 0: holds it; NEVER: too far off to be meant. */
static unsigned distance(const char *name, const char *text)
{
    size_t len = strlen(text);
    if (len >= 3 && strcasestr(name, text) != NULL) {
        return 0;
    }
    unsigned changes = changes_between(name, text);
    return changes <= 1 + len / 4 ? changes : NEVER;
}

static void put_near(const char *const *names, const char *text, char *buf, size_t size)
{
    const char *near[NEAR_MAX + 1] = {NULL};
    unsigned far[NEAR_MAX + 1];
    unsigned count = 0;
    for (; *names != NULL; names++) {
        unsigned at = count, d = distance(*names, text);
        for (; at > 0 && d < far[at - 1]; at--) {
            near[at] = near[at - 1];
            far[at] = far[at - 1];
        }
        near[at] = *names;
        far[at] = d;
        count += d < NEVER && count < NEAR_MAX ? 1 : 0;
    }
    for (unsigned i = 0; i < count; i++) {
        size_t len = strlen(buf);
        (void)snprintf(buf + len, size - len, "%s%s", i == 0 ? "Near are: " : ", ", near[i]);
    }
}

struct names_list {
    const char *key;
    bool categories;
};

static void check_name(const char *text, size_t index, const char *field,
                       struct config_fault *fault, void *arg)
{
    const struct names_list *list = arg;
    const char *const *names = list->categories ? app_names_categories : app_names_apps;
    (void)index; /* it is part of the field */
    if (is_known(names, text)) {
        return;
    }
    char hint[CONFIG_MESSAGE_SIZE] = "";
    put_near(names, text, hint, sizeof hint);
    config_fault_set(fault, field,
                     hint[0] != '\0' ? hint : "The pages of flows show the names in use.",
                     "Agents know no %s \"%.60s\": this would never match.",
                     list->categories ? "category" : "application", text);
}

void app_names_check(const json_t *body, struct config_fault *fault)
{
    static const struct names_list lists[] = {
        {"apps", false},      {"apps_allowed", false},      {"apps_denied", false},
        {"categories", true}, {"categories_allowed", true}, {"categories_denied", true},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct names_list list = lists[i];
        if (json_is_array(json_object_get(body, list.key))) {
            (void)config_list(body, list.key, SIZE_MAX, check_name, &list, fault);
        }
    }
}
