/* Every type of setting in one place: its reader beside its writer. */
#include "common/conf_value.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *suffix;
    int64_t factor;
};

/* Smallest first: the writer takes the last one that divides the number. */
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit bytes_units[] = {
    {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
enum {
    DURATION_UNITS = sizeof duration_units / sizeof duration_units[0],
    BYTES_UNITS = sizeof bytes_units / sizeof bytes_units[0],
};

static const struct {
    const char *word;
    bool value;
} bool_words[] = {{"true", true}, {"false", false}, {"yes", true},
                  {"no", false},  {"on", true},     {"off", false}};

/* The separators of a list. */
static const char list_separators[] = ", \t";

static void *place_of(const struct conf_row *row, void *settings)
{
    return (char *)settings + row->offset;
}

static const void *value_of(const struct conf_row *row, const void *settings)
{
    return (const char *)settings + row->offset;
}

/* Reads decimal digits into *number; returns where they end, or NULL for none or too many. */
static const char *read_digits(const char *text, int64_t *number)
{
    const char *at = text;
    *number = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, *at - '0', number)) {
            return NULL;
        }
    }
    return at == text ? NULL : at;
}

/* A whole number with one of the units; "0" needs none. */
static int parse_with_unit(const char *text, const struct unit *units, size_t count, int64_t *value)
{
    int64_t number = 0;
    const char *suffix = read_digits(text, &number);
    if (suffix == NULL) {
        return -1;
    }
    suffix += strspn(suffix, " \t");
    if (*suffix == '\0' && number == 0) {
        *value = 0;
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(suffix, units[i].suffix) == 0) {
            return __builtin_mul_overflow(number, units[i].factor, value) ? -1 : 0;
        }
    }
    return -1;
}

int conf_parse_duration(const char *text, int64_t *ms)
{
    return parse_with_unit(text, duration_units, DURATION_UNITS, ms);
}

int conf_parse_bytes(const char *text, int64_t *bytes)
{
    return parse_with_unit(text, bytes_units, BYTES_UNITS, bytes);
}

static int parse_int(const char *text, int64_t *number)
{
    bool negative = *text == '-';
    const char *end = read_digits(text + (negative ? 1 : 0), number);
    if (end == NULL || *end != '\0') {
        return -1;
    }
    *number = negative ? -*number : *number;
    return 0;
}

static int read_bool(const char *text, bool *value, struct err *e)
{
    for (size_t i = 0; i < sizeof bool_words / sizeof bool_words[0]; i++) {
        if (strcmp(text, bool_words[i].word) == 0) {
            *value = bool_words[i].value;
            return 0;
        }
    }
    return err_set(e, ERR_CONFIG, "is neither true nor false; write true or false");
}

static int read_text(const char *text, char **value, struct err *e)
{
    *value = strdup(text);
    return *value != NULL ? 0 : err_set(e, ERR_NOMEM, "could not be kept: memory is short");
}

static size_t count_words(const char *text)
{
    size_t words = 0;
    for (text += strspn(text, list_separators); *text != '\0'; words++) {
        text += strcspn(text, list_separators);
        text += strspn(text, list_separators);
    }
    return words;
}

static int read_list(const char *text, struct conf_list *list, struct err *e)
{
    size_t words = count_words(text);
    if (words == 0) {
        return 0;
    }
    list->items = calloc(words, sizeof *list->items);
    while (list->items != NULL && list->count < words) {
        text += strspn(text, list_separators);
        size_t len = strcspn(text, list_separators);
        list->items[list->count] = strndup(text, len);
        if (list->items[list->count] == NULL) {
            break;
        }
        list->count++;
        text += len;
    }
    return list->count == words ? 0 : err_set(e, ERR_NOMEM, "could not be kept: memory is short");
}

static int parse_number(const struct conf_row *row, const char *text, int64_t *number,
                        struct err *e)
{
    int failed = 0;
    const char *wanted = "a whole number, such as 10";
    if (row->type == CONF_DURATION) {
        failed = conf_parse_duration(text, number);
        wanted = "a number with its unit ms, s, m, h or d, such as 10s";
    } else if (row->type == CONF_BYTES) {
        failed = conf_parse_bytes(text, number);
        wanted = "a number with its unit B, KiB, MiB or GiB, such as 64MiB";
    } else {
        failed = parse_int(text, number);
    }
    if (failed != 0) {
        return err_set(e, ERR_CONFIG, "is not a %s; write %s", conf_type_name(row->type), wanted);
    }
    return 0;
}

/* Says the limits with their units. */
static int out_of_limits(const struct conf_row *row, struct err *e)
{
    char limits[80] = "";
    FILE *out = fmemopen(limits, sizeof limits, "w");
    if (out != NULL) {
        conf_value_write_number(row, row->min, out);
        (void)fputs(" to ", out); /* two numbers always fit */
        conf_value_write_number(row, row->max, out);
        (void)fclose(out);
    }
    return err_set(e, ERR_CONFIG, "is out of range; choose from %s", limits);
}

static int read_number(const struct conf_row *row, const char *text, int64_t *value, struct err *e)
{
    int64_t number = 0;
    if (parse_number(row, text, &number, e) != 0) {
        return -1;
    }
    bool limited = row->min != 0 || row->max != 0;
    if (limited && (number < row->min || number > row->max)) {
        return out_of_limits(row, e);
    }
    *value = number;
    return 0;
}

int conf_value_read(const struct conf_row *row, const char *text, void *settings, struct err *e)
{
    void *place = place_of(row, settings);
    switch (row->type) {
    case CONF_TEXT: return read_text(text, place, e);
    case CONF_LIST: return read_list(text, place, e);
    case CONF_BOOL: return read_bool(text, place, e);
    case CONF_INT:
    case CONF_DURATION:
    case CONF_BYTES: return read_number(row, text, place, e);
    }
    return err_set(e, ERR_ARG, "has a type that nobody knows");
}

void conf_value_done(const struct conf_row *row, void *settings)
{
    if (row->type == CONF_TEXT) {
        char **text = place_of(row, settings);
        if (row->secret && *text != NULL) {
            explicit_bzero(*text, strlen(*text));
        }
        free(*text);
        *text = NULL;
    } else if (row->type == CONF_LIST) {
        struct conf_list *list = place_of(row, settings);
        for (size_t i = 0; i < list->count; i++) {
            if (row->secret) {
                explicit_bzero(list->items[i], strlen(list->items[i]));
            }
            free(list->items[i]);
        }
        free(list->items);
        *list = (struct conf_list){0};
    }
}

bool conf_value_is_empty(const struct conf_row *row, const void *settings)
{
    if (row->type == CONF_TEXT) {
        char *const *text = value_of(row, settings);
        return *text == NULL || **text == '\0';
    }
    if (row->type == CONF_LIST) {
        const struct conf_list *list = value_of(row, settings);
        return list->count == 0;
    }
    return false;
}

/* True when a text means something else in a file unless it stands in quotes. */
static bool needs_quotes(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && (text[0] == '"' || text[0] == ' ' || text[0] == '\t' ||
                       text[len - 1] == ' ' || text[len - 1] == '\t' || strchr(text, '#') != NULL);
}

/* What stands between quotes; the caller of the writers looks at ferror once, at the end. */
static void write_escaped(const char *text, FILE *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            (void)fputc('\\', out);
        }
        (void)fputc(*text, out);
    }
}

static void write_text(const char *text, FILE *out)
{
    if (!needs_quotes(text)) {
        (void)fputs(text, out);
        return;
    }
    (void)fputc('"', out);
    write_escaped(text, out);
    (void)fputc('"', out);
}

/* The whole list stands in quotes when one of its words needs them. */
static void write_list(const struct conf_list *list, FILE *out)
{
    bool quoted = false;
    for (size_t i = 0; i < list->count; i++) {
        quoted = quoted || needs_quotes(list->items[i]);
    }
    (void)fputs(quoted ? "\"" : "", out);
    for (size_t i = 0; i < list->count; i++) {
        (void)fputs(i > 0 ? ", " : "", out);
        if (quoted) {
            write_escaped(list->items[i], out);
        } else {
            (void)fputs(list->items[i], out);
        }
    }
    (void)fputs(quoted ? "\"" : "", out);
}

static void write_with_unit(int64_t number, const struct unit *units, size_t count, FILE *out)
{
    if (number == 0) {
        (void)fputc('0', out);
        return;
    }
    size_t best = 0;
    for (size_t i = 0; i < count; i++) {
        best = number % units[i].factor == 0 ? i : best;
    }
    (void)fprintf(out, "%" PRId64 "%s", number / units[best].factor, units[best].suffix);
}

void conf_value_write_number(const struct conf_row *row, int64_t number, FILE *out)
{
    if (row->type == CONF_DURATION) {
        write_with_unit(number, duration_units, DURATION_UNITS, out);
    } else if (row->type == CONF_BYTES) {
        write_with_unit(number, bytes_units, BYTES_UNITS, out);
    } else {
        (void)fprintf(out, "%" PRId64, number);
    }
}

void conf_value_write(const struct conf_row *row, const void *settings, FILE *out)
{
    const void *value = value_of(row, settings);
    switch (row->type) {
    case CONF_TEXT: {
        char *const *text = value;
        write_text(*text != NULL ? *text : "", out);
        break;
    }
    case CONF_LIST: write_list(value, out); break;
    case CONF_BOOL: (void)fputs(*(const bool *)value ? "true" : "false", out); break;
    case CONF_INT:
    case CONF_DURATION:
    case CONF_BYTES: conf_value_write_number(row, *(const int64_t *)value, out); break;
    }
}

const char *conf_type_name(enum conf_type type)
{
    switch (type) {
    case CONF_TEXT: return "text";
    case CONF_LIST: return "list";
    case CONF_BOOL: return "true or false";
    case CONF_INT: return "whole number";
    case CONF_DURATION: return "duration";
    case CONF_BYTES: return "size";
    }
    return "value";
}

char *conf_env_name(const char *key, char *buf, size_t size)
{
    int len = snprintf(buf, size, "PICKET_%s", key);
    if (len < 0 || (size_t)len >= size) {
        buf[0] = '\0';
    }
    for (char *at = buf; *at != '\0'; at++) {
        *at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
    }
    return buf;
}
