/* The error value's text is put together here: what failed, the system's word for it, context. */
#include "common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static void
err_fill(struct err *e, enum err_code code, int sys, const char *format, va_list args)
{
    e->code = code;
    e->sys = sys;
    if (vsnprintf(e->what, sizeof e->what, format, args) < 0) {
        e->what[0] = '\0';
    }
}

/* Writes at offset at of e->what; a text too long is cut at the end of the buffer. */
static void err_append(struct err *e, size_t at, const char *separator, const char *text)
{
    if (at < sizeof e->what) {
        (void)snprintf(e->what + at, sizeof e->what - at, "%s%s", separator,
                       text); /* cut is fine */
    }
}

int err_set(struct err *e, enum err_code code, const char *format, ...)
{
    if (e == NULL) {
        return -1;
    }
    va_list args;
    va_start(args, format);
    err_fill(e, code, 0, format, args);
    va_end(args);
    return -1;
}

int err_set_errno(struct err *e, const char *format, ...)
{
    int sys = errno;
    if (e == NULL) {
        return -1;
    }
    va_list args;
    va_start(args, format);
    err_fill(e, ERR_IO, sys, format, args);
    va_end(args);
    const char *reason = strerrordesc_np(sys);
    err_append(e, strlen(e->what), ": ", reason != NULL ? reason : "unknown system error");
    errno = sys;
    return -1;
}

int err_wrap(struct err *e, const char *format, ...)
{
    if (e == NULL) {
        return -1;
    }
    char said[sizeof e->what];
    memcpy(said, e->what, sizeof said);
    va_list args;
    va_start(args, format);
    err_fill(e, e->code, e->sys, format, args);
    va_end(args);
    err_append(e, strlen(e->what), ": ", said);
    return -1;
}

const char *err_code_name(enum err_code code)
{
    switch (code) {
    case ERR_NONE: return "none";
    case ERR_NOMEM: return "nomem";
    case ERR_ARG: return "arg";
    case ERR_CONFIG: return "config";
    case ERR_PARSE: return "parse";
    case ERR_IO: return "io";
    case ERR_REMOTE: return "remote";
    case ERR_TIMEOUT: return "timeout";
    case ERR_FULL: return "full";
    case ERR_BUSY: return "busy";
    case ERR_CLOSED: return "closed";
    }
    return "unknown";
}
