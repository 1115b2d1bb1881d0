#include "common/wire/fields.h"

#include "common/wire/envelope.h"
#include "common/wire/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_TEXT_SIZE = 24 };

/* Depth by brackets outside of strings: enough to refuse before the parser recurses. */
static bool depth_is_within(const char *text, size_t len, unsigned limit)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\') {
                i++; /* what is escaped does not end the string */
            } else if (text[i] == '"') {
                in_string = false;
            }
            continue;
        }
        in_string = text[i] == '"';
        if (text[i] == '{' || text[i] == '[') {
            depth++;
        } else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        }
        if (depth > limit) {
            return false;
        }
    }
    return true;
}

json_t *fields_parse(const void *bytes, size_t len, size_t max, struct err *e)
{
    if (len == 0 || len > max) {
        (void)err_set(e, ERR_PARSE, "a JSON text of %zu bytes", len);
        return NULL;
    }
    if (!depth_is_within(bytes, len, JSON_MAX_DEPTH)) {
        (void)err_set(e, ERR_PARSE, "JSON deeper than %d", JSON_MAX_DEPTH);
        return NULL;
    }
    json_error_t why;
    json_t *root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL) {
        (void)err_set(e, ERR_PARSE, "bad JSON at byte %d", why.position);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        (void)err_set(e, ERR_PARSE, "JSON without an object");
        return NULL;
    }
    return root;
}

struct fields fields_of(const json_t *object, struct err *e)
{
    return (struct fields){.object = object, .e = e, .bad = false};
}

void fields_fault(struct fields *f, const char *key, const char *what)
{
    if (!f->bad) {
        f->bad = true;
        (void)err_set(f->e, ERR_PARSE, "member \"%s\" %s", key, what);
    }
}

/* The member, or NULL once anything is bad; a missing one is a fault when it is needed. */
static const json_t *member(struct fields *f, const char *key, bool needed)
{
    if (f->bad) {
        return NULL;
    }
    const json_t *value = json_object_get(f->object, key);
    if (value == NULL && needed) {
        fields_fault(f, key, "is missing");
    }
    return value;
}

static uint64_t to_u64(struct fields *f, const char *key, const json_t *value, uint64_t max)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number > max) {
        fields_fault(f, key, "is not a number in range");
        return 0;
    }
    return (uint64_t)number;
}

uint64_t fields_u64(struct fields *f, const char *key, uint64_t max)
{
    const json_t *value = member(f, key, true);
    return value == NULL ? 0 : to_u64(f, key, value, max);
}

uint64_t fields_u64_or(struct fields *f, const char *key, uint64_t max, uint64_t fallback)
{
    const json_t *value = member(f, key, false);
    if (value == NULL) {
        return f->bad ? 0 : fallback;
    }
    return to_u64(f, key, value, max);
}

uint64_t fields_id(struct fields *f, const char *key)
{
    char text[ID_TEXT_SIZE];
    fields_text_or_empty(f, key, text, sizeof text);
    if (text[0] == '\0') {
        return 0;
    }
    if (strspn(text, "0123456789") != strlen(text)) {
        fields_fault(f, key, "is not a decimal number");
        return 0;
    }
    errno = 0;
    uint64_t id = strtoull(text, NULL, 10);
    if (errno != 0) {
        fields_fault(f, key, "is above 64 bits");
        return 0;
    }
    return id;
}

bool fields_bool_or(struct fields *f, const char *key, bool fallback)
{
    const json_t *value = member(f, key, false);
    if (value == NULL) {
        return fallback && !f->bad;
    }
    if (!json_is_boolean(value)) {
        fields_fault(f, key, "is neither true nor false");
        return false;
    }
    return json_is_true(value);
}

static void to_text(struct fields *f, const char *key, const json_t *value, char *buf, size_t size)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (text == NULL || len >= size) {
        fields_fault(f, key, "is not a text that fits");
        return;
    }
    if (!text_is_clean(text, len)) {
        fields_fault(f, key, "holds control characters");
        return;
    }
    memcpy(buf, text, len + 1);
}

void fields_text(struct fields *f, const char *key, char *buf, size_t size)
{
    buf[0] = '\0';
    const json_t *value = member(f, key, true);
    if (value != NULL) {
        to_text(f, key, value, buf, size);
    }
}

void fields_text_or_empty(struct fields *f, const char *key, char *buf, size_t size)
{
    buf[0] = '\0';
    const json_t *value = member(f, key, false);
    if (value != NULL) {
        to_text(f, key, value, buf, size);
    }
}

struct fields fields_object(struct fields *f, const char *key)
{
    const json_t *value = member(f, key, true);
    if (value != NULL && !json_is_object(value)) {
        fields_fault(f, key, "is not an object");
    }
    return (struct fields){.object = value, .e = f->e, .bad = f->bad};
}

uint8_t fields_choice(struct fields *f, const char *key, const char *const *words, size_t count)
{
    char word[32];
    fields_text(f, key, word, sizeof word);
    for (size_t i = 1; i < count && !f->bad; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (uint8_t)i;
        }
    }
    fields_fault(f, key, "is no known word");
    return 0;
}

enum addr_family fields_addr(struct fields *f, const char *key, struct addr *addr)
{
    char text[ADDR_TEXT_SIZE];
    fields_text(f, key, text, sizeof text);
    enum addr_family family = f->bad ? ADDR_NONE : addr_parse(text, addr);
    if (family == ADDR_NONE) {
        fields_fault(f, key, "is no address");
    }
    return family;
}

const json_t *fields_list(struct fields *f, const char *key, size_t max)
{
    const json_t *list = member(f, key, false);
    if (list == NULL) {
        return NULL;
    }
    if (!json_is_array(list) || json_array_size(list) > max) {
        fields_fault(f, key, "is no list, or too long a one");
        return NULL;
    }
    return list;
}

struct fields fields_entry(struct fields *f, const char *key, const json_t *entry)
{
    if (!json_is_object(entry)) {
        fields_fault(f, key, "holds what is no object");
    }
    return (struct fields){.object = entry, .e = f->e, .bad = f->bad};
}

json_t *fields_string(const char *text)
{
    char *clean = strdup(text);
    if (clean == NULL) {
        return NULL;
    }
    text_clean(clean, strlen(clean));
    json_t *value = json_string(clean);
    free(clean);
    return value;
}

json_t *fields_id_string(uint64_t id)
{
    char text[ID_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%" PRIu64, id); /* 20 digits at most */
    return json_string(text);
}

size_t fields_dump(json_t *root, void *buf, size_t size)
{
    if (root == NULL) {
        return 0;
    }
    size_t len = json_dumpb(root, buf, size, JSON_COMPACT);
    json_decref(root);
    return len <= size ? len : 0;
}
