/*
 * Settings as a table: one row is key, type, place, default, limits, reloadable, secret, help.
 * The loader, --check-config, --print-config and docs/config.md all come from the same rows.
 * File form: "key = value" under "[section]", # comments (after a value with a blank before it).
 * A key before any section, or in section "main", is plain ("name"); otherwise "section.key"
 * ("nats.urls"). A value may stand in double quotes, where \" and \\ are a quote and a backslash.
 * The environment overrides: PICKET_SECTION_KEY, plain keys PICKET_KEY; an empty variable counts
 * as not set. An unknown key is a fault, and all faults are named at once, each with line, key,
 * value and remedy.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conf_type {
    CONF_TEXT,     /* char * (owned by the settings struct, never NULL once loaded) */
    CONF_LIST,     /* struct conf_list: words separated by commas or spaces */
    CONF_BOOL,     /* bool: true/false, yes/no, on/off */
    CONF_INT,      /* int64_t */
    CONF_DURATION, /* int64_t in milliseconds; suffixes ms s m h d */
    CONF_BYTES,    /* int64_t in bytes; suffixes B KiB MiB GiB */
};

struct conf_list {
    char **items;
    size_t count;
};

struct conf_row {
    const char *key; /* "nats.urls" */
    enum conf_type type;
    size_t offset;        /* into the settings struct */
    const char *fallback; /* default as text; NULL: the key is required */
    int64_t min, max;     /* for numbers; 0,0: no limits */
    bool reloadable;
    bool secret;      /* masked by --print-config */
    const char *help; /* one sentence, with unit */
    /* Further check of the text, or of each word of a list; NULL for none. */
    int (*check)(const char *value, struct err *e);
};

struct conf_faults {
    unsigned count;
    char *text;   /* one fault a line; owned */
    bool no_file; /* nothing was loaded, so that nothing else can be said */
};

/*
 * Fills a zeroed settings struct from defaults, then the file (path may be NULL), then the
 * environment. Returns 0, or -1 with every fault in faults (free with conf_faults_done); the
 * struct is then to be released with conf_done all the same.
 */
int conf_load(const struct conf_row *rows, size_t count, const char *path, void *settings,
              struct conf_faults *faults);
/* Like conf_load for file text in memory; name stands for the file in faults. */
int conf_load_text(const struct conf_row *rows, size_t count, const char *name, const char *text,
                   size_t len, void *settings, struct conf_faults *faults);
void conf_done(const struct conf_row *rows, size_t count, void *settings);
void conf_faults_done(struct conf_faults *faults);
/* Adds one fault that the rows cannot express (two keys that contradict each other). */
void conf_fault(struct conf_faults *faults, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints every key with its value in file form, secrets as "********". */
void conf_print(const struct conf_row *rows, size_t count, const void *settings, FILE *out);
/* Prints the reference of all keys as Markdown (docs/config.md). */
void conf_print_markdown(const struct conf_row *rows, size_t count, const char *title, FILE *out);
/* Parsers behind the types, for other users: 0 or -1. */
int conf_parse_duration(const char *text, int64_t *ms);
int conf_parse_bytes(const char *text, int64_t *bytes);
