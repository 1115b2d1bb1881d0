#include "common/wire/config_read.h"

#include "common/wire/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void config_fault_set(struct config_fault *fault, const char *field, const char *hint,
                      const char *format, ...)
{
    if (fault->bad) {
        return;
    }
    fault->bad = true;
    (void)snprintf(fault->field, sizeof fault->field, "%s", field); /* cut: it is for a person */
    (void)snprintf(fault->hint, sizeof fault->hint, "%s", hint != NULL ? hint : "");
    va_list list;
    va_start(list, format);
    (void)vsnprintf(fault->message, sizeof fault->message, format, list);
    va_end(list);
    text_clean(fault->message, strlen(fault->message)); /* it quotes what was given */
    text_clean(fault->field, strlen(fault->field));
}

static bool is_known(const char *const *known, const char *name)
{
    for (; *known != NULL; known++) {
        if (strcmp(*known, name) == 0) {
            return true;
        }
    }
    return strcmp(name, "id") == 0 || strcmp(name, "name") == 0;
}

void config_known(const json_t *item, const char *const *known, struct config_fault *fault)
{
    void *at = json_object_iter((json_t *)(uintptr_t)item); /* only read through */
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)item, at)) {
        const char *name = json_object_iter_key(at);
        if (!is_known(known, name)) {
            config_fault_set(fault, name, "Leave it out.", "This member is not known here.");
        }
    }
}

/* The member, NULL when it is missing or null. */
static const json_t *member(const json_t *item, const char *key)
{
    const json_t *value = json_object_get(item, key);
    return json_is_null(value) ? NULL : value;
}

bool config_has(const json_t *item, const char *key)
{
    return member(item, key) != NULL;
}

void config_text(const json_t *item, const char *key, size_t min, char *buf, size_t size,
                 struct config_fault *fault)
{
    const json_t *value = member(item, key);
    buf[0] = '\0';
    if (value == NULL) {
        if (min > 0) {
            config_fault_set(fault, key, NULL, "This is missing.");
        }
        return;
    }
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (text == NULL) {
        config_fault_set(fault, key, NULL, "This must be a text.");
    } else if (len < min || len >= size) {
        config_fault_set(fault, key, NULL, "Use %zu to %zu bytes.", min, size - 1);
    } else if (!text_is_clean(text, len)) {
        config_fault_set(fault, key, NULL, "Leave out control characters.");
    } else {
        memcpy(buf, text, len + 1);
    }
}

int64_t config_number(const json_t *item, const char *key, int64_t min, int64_t max,
                      int64_t fallback, struct config_fault *fault)
{
    const json_t *value = member(item, key);
    if (value == NULL) {
        return fallback;
    }
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < min || number > max) {
        config_fault_set(fault, key, NULL, "Use a whole number from %" PRId64 " to %" PRId64 ".",
                         min, max);
        return fallback;
    }
    return number;
}

bool config_bool(const json_t *item, const char *key, bool fallback, struct config_fault *fault)
{
    const json_t *value = member(item, key);
    if (value == NULL) {
        return fallback;
    }
    if (!json_is_boolean(value)) {
        config_fault_set(fault, key, NULL, "Use true or false.");
        return fallback;
    }
    return json_is_true(value);
}

static void name_words(const char *const *words, char *buf, size_t size)
{
    size_t used = 0;
    buf[0] = '\0';
    for (size_t i = 0; words[i] != NULL && used < size; i++) {
        int len = snprintf(buf + used, size - used, "%s%s", i > 0 ? ", " : "", words[i]);
        used += len > 0 ? (size_t)len : 0;
    }
}

int config_word(const json_t *item, const char *key, const char *const *words, int fallback,
                struct config_fault *fault)
{
    const json_t *value = member(item, key);
    const char *text = json_string_value(value);
    if (value == NULL && fallback >= 0) {
        return fallback;
    }
    for (int i = 0; text != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            return i;
        }
    }
    char list[CONFIG_MESSAGE_SIZE - 32];
    name_words(words, list, sizeof list);
    config_fault_set(fault, key, NULL, "Use one of: %s.", list);
    return fallback >= 0 ? fallback : 0;
}

size_t config_list(const json_t *item, const char *key, size_t max, config_entry_fn take, void *arg,
                   struct config_fault *fault)
{
    const json_t *list = member(item, key);
    size_t count = json_array_size(list);
    if (list == NULL) {
        return 0;
    }
    if (!json_is_array(list)) {
        config_fault_set(fault, key, NULL, "This must be a list.");
        return 0;
    }
    if (count > max) {
        config_fault_set(fault, key, "Spread them over several items.",
                         "These are %zu entries; at most %zu fit.", count, max);
        return 0;
    }
    for (size_t i = 0; i < count && !fault->bad; i++) {
        char field[CONFIG_FIELD_SIZE];
        const json_t *entry = json_array_get(list, i);
        const char *text = json_string_value(entry);
        (void)snprintf(field, sizeof field, "%s[%zu]", key, i); /* keys are short */
        if (text == NULL || !text_is_clean(text, json_string_length(entry))) {
            config_fault_set(fault, field, NULL, "This must be a text.");
        } else {
            take(text, i, field, fault, arg);
        }
    }
    return fault->bad ? 0 : count;
}

static void take_prefix(const char *text, size_t index, const char *field,
                        struct config_fault *fault, void *arg)
{
    struct addr_prefix *list = arg;
    if (addr_prefix_parse(text, &list[index]) != 0) {
        config_fault_set(fault, field,
                         "Write an address such as 192.0.2.7, or a network such as 192.0.2.0/24 "
                         "whose host bits are zero.",
                         "\"%.80s\" is no address or network.", text);
    }
}

size_t config_prefixes(const json_t *item, const char *key, struct addr_prefix *list, size_t max,
                       struct config_fault *fault)
{
    return config_list(item, key, max, take_prefix, list, fault);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20); /* lower case */
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool config_mac_parse(const char *text, struct mac *mac)
{
    enum { MAC_TEXT_LEN = MAC_TEXT_SIZE - 1 };
    if (strlen(text) != MAC_TEXT_LEN) {
        return false;
    }
    for (size_t i = 0; i < sizeof mac->bytes; i++) {
        int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);
        char after = text[3 * i + 2];
        bool last = i == sizeof mac->bytes - 1;
        if (high < 0 || low < 0 || (last ? after != '\0' : after != ':' && after != '-')) {
            return false;
        }
        mac->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
