/*
 * Puts one event into one line and hands it to standard error in one write, so that lines of
 * several threads and processes never mix: a line is at most PIPE_BUF bytes.
 */
#include "common/log.h"

#include "common/clock.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    SITE_LINES = 10,        /* lines that one call site may write in a window */
    SITE_WINDOW_MS = 10000, /* length of that window */
    TEXT_SIZE = 480,        /* message and error text; four bytes each when all is escaped */
    WORD_MAX = 32,          /* program, module and thread name */
    LINE_SIZE = PIPE_BUF,
};
_Static_assert(2 * 4 * TEXT_SIZE + 3 * WORD_MAX + 150 <= LINE_SIZE, "every line fits");

struct line {
    size_t len;
    char text[LINE_SIZE];
};

/* The process has one standard error, so this is the one place with state of its own. */
static struct {
    char program[WORD_MAX];
    _Atomic int lowest;    /* set by log_set_level, read by every thread that logs */
    pthread_mutex_t sites; /* guards the counts of all call sites */
} state = {.program = "picket", .lowest = LOG_LEVEL_INFO, .sites = PTHREAD_MUTEX_INITIALIZER};

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};
enum { LEVEL_COUNT = sizeof level_names / sizeof level_names[0] };

static void line_char(struct line *line, char c)
{
    if (line->len < sizeof line->text) {
        line->text[line->len++] = c;
    }
}

static void line_text(struct line *line, const char *text)
{
    for (; *text != '\0'; text++) {
        line_char(line, *text);
    }
}

static void line_hex(struct line *line, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    line_text(line, "\\x");
    line_char(line, digits[byte >> 4]);
    line_char(line, digits[byte & 15]);
}

/* A bare word: what could end or confuse the field becomes '_'. */
static void line_word(struct line *line, const char *name, const char *word)
{
    line_text(line, name);
    for (size_t i = 0; word[i] != '\0' && i < WORD_MAX; i++) {
        unsigned char c = (unsigned char)word[i];
        bool plain = c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
        line_char(line, plain ? word[i] : '_');
    }
}

/* True for the first byte of a C1 control character (U+0080 to U+009F) in UTF-8. */
static bool is_c1(const unsigned char *at)
{
    return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;
}

/* A quoted text: quotes and backslashes escaped, control characters as \n, \t or \xNN. */
static void line_quoted(struct line *line, const char *name, const char *text)
{
    line_text(line, name);
    line_char(line, '"');
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            line_char(line, '\\');
            line_char(line, (char)*at);
        } else if (*at == '\n') {
            line_text(line, "\\n");
        } else if (*at == '\t') {
            line_text(line, "\\t");
        } else if (is_c1(at)) {
            line_hex(line, at[0]);
            line_hex(line, *++at);
        } else if (*at < ' ' || *at == 0x7f) {
            line_hex(line, *at);
        } else {
            line_char(line, (char)*at);
        }
    }
    line_char(line, '"');
}

/* Counts a call; false when the site has used up its window. *held: lines held back before. */
static bool site_admit(struct log_site *site, long long now_ms, unsigned *held)
{
    (void)pthread_mutex_lock(&state.sites); /* a plain mutex, locked once: cannot fail */
    if (site->written == 0 || now_ms - site->window_ms >= SITE_WINDOW_MS) {
        site->window_ms = now_ms;
        site->written = 0;
    }
    bool admitted = site->written < SITE_LINES;
    *held = admitted ? site->held : 0;
    site->held = admitted ? 0 : site->held + 1;
    site->written += admitted ? 1 : 0;
    (void)pthread_mutex_unlock(&state.sites);
    return admitted;
}

static void line_head(struct line *line, const struct log_site *site, enum log_level level)
{
    char time[32];
    char thread[WORD_MAX] = "";
    (void)pthread_getname_np(pthread_self(), thread, sizeof thread); /* empty when it fails */
    line_text(line, "time=");
    line_text(line, clock_format_utc(clock_wall_ns(), time, sizeof time));
    line_word(line, " level=", level_names[level]);
    line_word(line, " program=", state.program);
    line_word(line, " module=", site->module);
    line_word(line, " thread=", thread);
}

static void line_held(struct line *line, unsigned held)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%u", held); /* ten digits at most */
    line_word(line, " held=", number);
}

static void line_send(struct line *line)
{
    if (line->len == sizeof line->text) {
        line->len--;
    }
    line->text[line->len++] = '\n';
    while (write(STDERR_FILENO, line->text, line->len) < 0 && errno == EINTR) {
    } /* any other failure: there is nowhere left to tell it */
}

void log_init(const char *program, enum log_level lowest)
{
    (void)snprintf(state.program, sizeof state.program, "%s", program); /* cut is fine */
    log_set_level(lowest);
}

void log_set_level(enum log_level lowest)
{
    atomic_store_explicit(&state.lowest, (int)lowest, memory_order_relaxed);
}

int log_level_parse(const char *word, enum log_level *level)
{
    for (unsigned i = 0; i < LEVEL_COUNT; i++) {
        if (strcmp(word, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

void log_write(struct log_site *site, enum log_level level, const struct err *e, const char *format,
               ...)
{
    if ((int)level < atomic_load_explicit(&state.lowest, memory_order_relaxed)) {
        return;
    }
    int saved = errno;
    unsigned held = 0;
    if (!site_admit(site, (long long)(clock_mono_ns() / NS_PER_MS), &held)) {
        errno = saved;
        return;
    }
    char message[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (len >= (int)sizeof message) {
        memcpy(message + sizeof message - 4, "...", 4);
    }

    struct line line;
    line.len = 0;
    line_head(&line, site, level);
    line_quoted(&line, " msg=", len < 0 ? format : message);
    if (e != NULL) {
        line_quoted(&line, " error=", e->what);
    }
    if (held > 0) {
        line_held(&line, held);
    }
    line_send(&line);
    errno = saved;
}
