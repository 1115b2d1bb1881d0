#include "aggregator/store/pg_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool pg_list_open(struct pg_list *l, unsigned count, size_t each)
{
    *l = (struct pg_list){.size = (size_t)count * (each + 1) + sizeof "{}"};
    l->text = malloc(l->size);
    if (l->text == NULL) {
        return false;
    }
    memcpy(l->text, "{}", sizeof "{}");
    l->len = sizeof "{}" - 1;
    return true;
}

void pg_list_add(struct pg_list *l, const char *form, ...)
{
    size_t at = l->len - 1; /* over the closing brace */
    if (l->len > sizeof "{}" - 1) {
        l->text[at++] = ',';
    }
    size_t room = l->size - at;
    va_list args;
    va_start(args, form);
    int len = vsnprintf(l->text + at, room, form, args);
    va_end(args);
    if (len < 0 || (size_t)len + sizeof "}" > room) {
        l->text[l->len - 1] = '}';
        l->text[l->len] = '\0';
        return;
    }
    l->len = at + (size_t)len;
    l->text[l->len++] = '}';
    l->text[l->len] = '\0';
}

void pg_list_done(struct pg_list *l)
{
    free(l->text);
    *l = (struct pg_list){0};
}
