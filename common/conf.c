/*
 * Loads settings: each row's text is found (default, file, environment), then every text is read
 * into its place. A fault never ends the work, so that a person sees all of them at once.
 */
#include "common/conf_value.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_MAX = 1 << 20, /* bytes; settings by hand are a thousandth of it */
    SHOWN_MAX = 80,     /* characters of a value that a fault repeats */
    NEAR = 2,           /* edits between an unknown key and the one that was meant */
};

static const char blanks[] = " \t";

/* Where the text of one row comes from. */
struct source {
    const char *text; /* borrowed from the row, the file's copy or the environment */
    unsigned line;    /* in the file; 0: not from the file */
    bool from_env;
};

struct load {
    const struct conf_row *rows;
    size_t count;
    const char *name; /* of the file, for faults */
    const char *section;
    struct source *sources; /* one a row */
    struct conf_faults *faults;
};

void conf_fault(struct conf_faults *faults, const char *format, ...)
{
    faults->count++;
    char *line = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&line, format, args);
    va_end(args);
    if (len < 0) {
        return; /* the count alone makes the load fail */
    }
    size_t before = faults->text == NULL ? 0 : strlen(faults->text);
    char *text = realloc(faults->text, before + (size_t)len + 2);
    if (text != NULL) {
        memcpy(text + before, line, (size_t)len);
        memcpy(text + before + len, "\n", 2);
        faults->text = text;
    }
    free(line);
}

void conf_faults_done(struct conf_faults *faults)
{
    free(faults->text);
    *faults = (struct conf_faults){0};
}

/* A value as a fault shows it: cut, masked when secret, without control characters. */
static const char *shown(const char *value, bool secret, char *buf)
{
    if (secret) {
        return "********";
    }
    size_t len = 0;
    for (; value[len] != '\0' && len < SHOWN_MAX; len++) {
        unsigned char c = (unsigned char)value[len];
        buf[len] = c < ' ' || c == 0x7f ? '?' : value[len];
    }
    buf[len] = '\0';
    if (value[len] != '\0') {
        memcpy(buf + SHOWN_MAX - 3, "...", 3);
    }
    return buf;
}

static char *trim(char *text)
{
    text += strspn(text, blanks);
    size_t len = strlen(text);
    while (len > 0 && strchr(blanks, text[len - 1]) != NULL) {
        text[--len] = '\0';
    }
    return text;
}

/* Ends an unquoted text at the first '#' that opens it or follows a blank. */
static void cut_comment(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '#' && (at == text || at[-1] == ' ' || at[-1] == '\t')) {
            *at = '\0';
            return;
        }
    }
}

/* Takes the quotes off, in place. NULL when the closing quote is missing or text follows it. */
static const char *unquote(char *text)
{
    char *to = text;
    char *from = text + 1;
    for (; *from != '"'; from++) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\')) {
            from++;
        }
        if (*from == '\0') {
            return NULL;
        }
        *to++ = *from;
    }
    from += 1 + strspn(from + 1, blanks);
    if (*from != '\0' && *from != '#') {
        return NULL;
    }
    *to = '\0';
    return text;
}

static const struct conf_row *row_of(const struct load *load, const char *key)
{
    for (size_t i = 0; i < load->count; i++) {
        if (strcmp(load->rows[i].key, key) == 0) {
            return &load->rows[i];
        }
    }
    return NULL;
}

/* Edit distance (Levenshtein), one row of the matrix at a time. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[CONF_KEY_SIZE];
    size_t width = strnlen(b, CONF_KEY_SIZE - 1);
    for (unsigned i = 0; i <= width; i++) {
        row[i] = i;
    }
    for (unsigned y = 0; a[y] != '\0'; y++) {
        unsigned diagonal = row[0];
        row[0] = y + 1;
        for (size_t x = 1; x <= width; x++) {
            unsigned best = diagonal + (a[y] == b[x - 1] ? 0 : 1);
            best = row[x] + 1 < best ? row[x] + 1 : best;
            best = row[x - 1] + 1 < best ? row[x - 1] + 1 : best;
            diagonal = row[x];
            row[x] = best;
        }
    }
    return row[width];
}

/* The value is not repeated: what stands under a mistyped key may be a secret. */
static void fault_unknown(const struct load *load, unsigned line, const char *key)
{
    const char *nearest = NULL;
    unsigned least = NEAR + 1;
    for (size_t i = 0; i < load->count; i++) {
        unsigned d = distance(key, load->rows[i].key);
        if (d < least) {
            least = d;
            nearest = load->rows[i].key;
        }
    }
    char buf[SHOWN_MAX + 1];
    const char *name = shown(key, false, buf);
    if (nearest != NULL) {
        conf_fault(load->faults, "%s:%u: %s: unknown key; did you mean %s?", load->name, line, name,
                   nearest);
    } else {
        conf_fault(load->faults, "%s:%u: %s: unknown key; remove it, or see --print-config for all",
                   load->name, line, name);
    }
}

static void take_value(struct load *load, unsigned line, const char *key, const char *value)
{
    const struct conf_row *row = row_of(load, key);
    if (row == NULL) {
        fault_unknown(load, line, key);
        return;
    }
    struct source *source = &load->sources[row - load->rows];
    if (source->line != 0) {
        char buf[SHOWN_MAX + 1];
        conf_fault(load->faults, "%s:%u: %s = %s: given already in line %u; keep one of the two",
                   load->name, line, key, shown(value, row->secret, buf), source->line);
        return;
    }
    *source = (struct source){.text = value, .line = line};
}

static void take_section(struct load *load, unsigned line, char *text)
{
    cut_comment(text);
    char *name = trim(text);
    size_t len = strlen(name);
    bool closed = name[len - 1] == ']';
    if (!closed || len < 3) {
        char buf[SHOWN_MAX + 1];
        conf_fault(load->faults, "%s:%u: %s: a section is written [name]", load->name, line,
                   shown(name, false, buf));
    }
    if (closed) {
        name[len - 1] = '\0';
    }
    load->section = trim(name + 1); /* what was meant: the keys below are judged by it */
}

static void take_pair(struct load *load, unsigned line, char *text)
{
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        conf_fault(load->faults, "%s:%u: neither a section nor \"key = value\"", load->name, line);
        return;
    }
    *equals = '\0';
    char key[CONF_KEY_SIZE];
    bool plain = strcmp(load->section, "main") == 0;
    (void)snprintf(key, sizeof key, "%s%s%s", plain ? "" : load->section, plain ? "" : ".",
                   trim(text)); /* what is cut is longer than every key, so unknown */

    char *value = equals + 1 + strspn(equals + 1, blanks);
    if (*value != '"') {
        cut_comment(value);
        take_value(load, line, key, trim(value));
        return;
    }
    const char *unquoted = unquote(value);
    if (unquoted == NULL) {
        conf_fault(load->faults, "%s:%u: %s: a quoted value ends in one \" with nothing behind it",
                   load->name, line, key);
        return;
    }
    take_value(load, line, key, unquoted);
}

/* The first control character other than a tab, or -1. */
static int control_character(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return c;
        }
    }
    return -1;
}

static void take_line(struct load *load, unsigned line, char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\r') {
        text[--len] = '\0';
    }
    int control = control_character(text, len);
    if (control >= 0) {
        conf_fault(load->faults, "%s:%u: holds the control character %d; remove it", load->name,
                   line, control);
        return;
    }
    char *first = text + strspn(text, blanks);
    if (*first == '[') {
        take_section(load, line, first);
    } else if (*first != '\0' && *first != '#') {
        take_pair(load, line, first);
    }
}

/* Takes every line of text (len bytes and a zero behind them), which is cut up in place. */
static void take_file(struct load *load, char *text, size_t len)
{
    char *end = text + len;
    unsigned line = 1;
    for (char *at = text; at < end; line++) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        char *stop = newline != NULL ? newline : end;
        *stop = '\0';
        take_line(load, line, at, (size_t)(stop - at));
        at = stop + 1;
    }
}

static void take_environment(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        char name[CONF_ENV_SIZE];
        const char *value = getenv(conf_env_name(load->rows[i].key, name, sizeof name));
        if (value != NULL && value[0] != '\0') {
            load->sources[i] = (struct source){.text = value, .from_env = true};
        }
    }
}

/* Says where a row's text stands: file and line, variable, or default. The text is the row's, or
 * that word of it which is at fault. */
static void fault_value(struct load *load, size_t at, const char *text, const char *what)
{
    const struct conf_row *row = &load->rows[at];
    const struct source *source = &load->sources[at];
    char buf[SHOWN_MAX + 1];
    const char *value = shown(text, row->secret, buf);
    if (source->from_env) {
        char name[CONF_ENV_SIZE];
        conf_fault(load->faults, "environment %s: %s = %s: %s",
                   conf_env_name(row->key, name, sizeof name), row->key, value, what);
    } else if (source->line != 0) {
        conf_fault(load->faults, "%s:%u: %s = %s: %s", load->name, source->line, row->key, value,
                   what);
    } else {
        conf_fault(load->faults, "default: %s = %s: %s", row->key, value, what);
    }
}

static void fault_missing(struct load *load, const struct conf_row *row)
{
    char name[CONF_ENV_SIZE];
    conf_fault(load->faults, "%s: %s: missing; set it there or as %s: %s", load->name, row->key,
               conf_env_name(row->key, name, sizeof name), row->help);
}

/* The row's own check of what was read: of a list, each word has its turn. */
static void check_value(struct load *load, size_t at, const void *settings)
{
    const struct conf_row *row = &load->rows[at];
    struct err e = {0};
    if (row->check == NULL) {
        return;
    }
    if (row->type != CONF_LIST) {
        if (row->check(load->sources[at].text, &e) != 0) {
            fault_value(load, at, load->sources[at].text, e.what);
        }
        return;
    }
    const struct conf_list *list = (const void *)((const char *)settings + row->offset);
    for (size_t i = 0; i < list->count; i++) {
        if (row->check(list->items[i], &e) != 0) {
            fault_value(load, at, list->items[i], e.what);
        }
    }
}

static void read_values(struct load *load, void *settings)
{
    for (size_t i = 0; i < load->count; i++) {
        const struct conf_row *row = &load->rows[i];
        const char *text = load->sources[i].text;
        if (text == NULL) {
            fault_missing(load, row);
            continue;
        }
        if (control_character(text, strlen(text)) >= 0) {
            fault_value(load, i, text, "holds a control character; remove it");
            continue;
        }
        struct err e = {0};
        if (conf_value_read(row, text, settings, &e) != 0) {
            fault_value(load, i, text, e.what);
        } else {
            check_value(load, i, settings);
        }
    }
}

/* text is cut up and wiped; NULL for no file. */
static int load_all(const struct conf_row *rows, size_t count, const char *name, char *text,
                    size_t len, void *settings, struct conf_faults *faults)
{
    struct load load = {
        .rows = rows, .count = count, .name = name, .section = "main", .faults = faults};
    load.sources = calloc(count, sizeof *load.sources);
    if (load.sources == NULL) {
        conf_fault(faults, "%s: memory is short", name);
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        load.sources[i].text = rows[i].fallback;
    }
    if (text != NULL) {
        take_file(&load, text, len);
    }
    take_environment(&load);
    read_values(&load, settings);
    free(load.sources);
    return faults->count == 0 ? 0 : -1;
}

int conf_load_text(const struct conf_row *rows, size_t count, const char *name, const char *text,
                   size_t len, void *settings, struct conf_faults *faults)
{
    *faults = (struct conf_faults){0};
    char *copy = malloc(len + 1);
    if (copy == NULL) {
        conf_fault(faults, "%s: memory is short", name);
        return -1;
    }
    if (len > 0) {
        memcpy(copy, text, len);
    }
    copy[len] = '\0';
    int result = load_all(rows, count, name, copy, len, settings, faults);
    explicit_bzero(copy, len);
    free(copy);
    return result;
}

/* The whole file, *len bytes, owned by the caller; NULL with a fault. */
static char *read_file(const char *path, size_t *len, struct conf_faults *faults)
{
    struct err e = {0};
    char *text = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)err_set_errno(&e, "cannot be opened");
        goto out;
    }
    text = malloc(FILE_MAX + 1);
    if (text == NULL) {
        (void)err_set(&e, ERR_NOMEM, "memory is short");
        goto out;
    }
    *len = fread(text, 1, FILE_MAX + 1, file);
    if (ferror(file)) {
        (void)err_set_errno(&e, "cannot be read");
    } else if (*len > FILE_MAX) {
        (void)err_set(&e, ERR_CONFIG, "is larger than %d bytes", FILE_MAX);
    }
out:
    if (file != NULL) {
        (void)fclose(file); /* only read from */
    }
    if (e.code != ERR_NONE) {
        conf_fault(faults, "%s: %s; check the path and its rights", path, e.what);
        free(text);
        text = NULL;
    }
    return text;
}

int conf_load(const struct conf_row *rows, size_t count, const char *path, void *settings,
              struct conf_faults *faults)
{
    *faults = (struct conf_faults){0};
    if (path == NULL) {
        return load_all(rows, count, "settings", NULL, 0, settings, faults);
    }
    size_t len = 0;
    char *text = read_file(path, &len, faults);
    if (text == NULL) {
        faults->no_file = true;
        return -1;
    }
    int result = conf_load_text(rows, count, path, text, len, settings, faults);
    explicit_bzero(text, len);
    free(text);
    return result;
}

void conf_done(const struct conf_row *rows, size_t count, void *settings)
{
    for (size_t i = 0; i < count; i++) {
        conf_value_done(&rows[i], settings);
    }
}
