/*
 * One logfmt line per event on standard error: time, level, program, module, thread, message,
 * error. Any thread may call; errno is kept. Never on the packet path, never a secret.
 */
#pragma once

#include "common/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Names the program in every line and sets the lowest level written. Call once, before threads. */
void log_init(const char *program, enum log_level lowest);

/* Changes the lowest level written; any thread. */
void log_set_level(enum log_level lowest);

/* Reads "debug", "info", "warn" or "error"; returns 0, or -1 for any other word. */
int log_level_parse(const char *word, enum log_level *level);

/*
 * Writes one line. e may be NULL; otherwise its text ends the line as error="…". A call site is
 * limited to 10 lines in 10 seconds; what was held back is said in the next line as held=N.
 */
struct log_site {
    const char *module;
    long long window_ms;
    unsigned written;
    unsigned held;
};
void log_write(struct log_site *site, enum log_level level, const struct err *e, const char *format,
               ...) __attribute__((format(printf, 4, 5)));

/* Each .c file that logs defines LOG_MODULE before it includes this header, such as "spool". */
#ifndef LOG_MODULE
#    define LOG_MODULE "main"
#endif
#define LOG_AT(level, e, ...)                                                                      \
    do {                                                                                           \
        static struct log_site log_site_here = {.module = LOG_MODULE};                             \
        log_write(&log_site_here, (level), (e), __VA_ARGS__);                                      \
    } while (0)
#define log_debug(e, ...) LOG_AT(LOG_LEVEL_DEBUG, e, __VA_ARGS__)
#define log_info(e, ...)  LOG_AT(LOG_LEVEL_INFO, e, __VA_ARGS__)
#define log_warn(e, ...)  LOG_AT(LOG_LEVEL_WARN, e, __VA_ARGS__)
#define log_error(e, ...) LOG_AT(LOG_LEVEL_ERROR, e, __VA_ARGS__)
