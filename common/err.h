/*
 * The one error value: set where something fails, wrapped with context on its way outward,
 * logged once where it is handled. Not for the packet path (an enum and a counter there).
 */
#pragma once

enum err_code {
    ERR_NONE,
    ERR_NOMEM,
    ERR_ARG,
    ERR_CONFIG,
    ERR_PARSE,
    ERR_IO,
    ERR_REMOTE,
    ERR_TIMEOUT,
    ERR_FULL, /* beyond a limit: it will not fit next time either */
    ERR_BUSY, /* not at present: trying again makes sense */
    ERR_CLOSED,
};

struct err {
    enum err_code code;
    int sys; /* errno at the time, 0 if none */
    char what[480];
};

/* Sets e and returns -1, so that "return err_set(…)" reads well. e may be NULL. */
int err_set(struct err *e, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Like err_set with ERR_IO; adds the text of errno to the sentence. */
int err_set_errno(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of what is already said; keeps code and sys. Returns -1. */
int err_wrap(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The word for a code, such as "timeout"; static text. */
const char *err_code_name(enum err_code code);
