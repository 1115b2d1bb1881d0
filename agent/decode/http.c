#include "agent/decode/http.h"

#include "common/reader.h"

#include <strings.h>

enum { LINES_MAX = 100 /* of a head that are looked at */ };

bool http_is_request(const uint8_t *bytes, size_t len)
{
    static const char *const methods[] = {"GET ",     "POST ",    "HEAD ",  "PUT ",  "DELETE ",
                                          "OPTIONS ", "CONNECT ", "PATCH ", "TRACE "};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        size_t method = strlen(methods[i]);
        if (len >= method && memcmp(bytes, methods[i], method) == 0) {
            return true;
        }
    }
    return false;
}

/* The next line without its end; false when it is cut off. */
static bool read_line(struct reader *r, struct http_text *line)
{
    size_t left = reader_left(r);
    const uint8_t *end = left == 0 ? NULL : memchr(r->at, '\n', left);
    if (end == NULL) {
        return false;
    }
    size_t len = (size_t)(end - r->at);
    *line = (struct http_text){.at = reader_bytes(r, len), .len = len};
    reader_skip(r, 1);
    if (len > 0 && line->at[len - 1] == '\r') {
        line->len--;
    }
    return true;
}

static bool starts_with(const struct http_text *text, const char *word)
{
    size_t len = strlen(word);
    return text->len >= len && memcmp(text->at, word, len) == 0;
}

/* "HTTP/1.1 200 OK" */
static bool read_status(const struct http_text *line, struct http_head *h)
{
    enum { DIGITS_AT = 9 };
    if (line->len < DIGITS_AT + 3 || line->at[DIGITS_AT - 1] != ' ') {
        return false;
    }
    for (size_t i = DIGITS_AT; i < DIGITS_AT + 3; i++) {
        if (line->at[i] < '0' || line->at[i] > '9') {
            return false;
        }
        h->status = h->status * 10 + (unsigned)(line->at[i] - '0');
    }
    return h->status >= 100 && h->status <= 599;
}

/* "GET /index.html HTTP/1.1" */
static bool read_request(const struct http_text *line, struct http_head *h)
{
    if (!http_is_request(line->at, line->len)) {
        return false;
    }
    size_t at = 1;
    while (line->at[at - 1] != ' ') { /* every method ends with one */
        at++;
    }
    const uint8_t *end = memchr(line->at + at, ' ', line->len - at);
    if (end == NULL) {
        return false;
    }
    struct http_text version = {.at = end + 1, .len = line->len - (size_t)(end + 1 - line->at)};
    h->target = (struct http_text){.at = line->at + at, .len = (size_t)(end - line->at) - at};
    h->asks = true;
    return h->target.len > 0 && starts_with(&version, "HTTP/1.");
}

/* The value of a field line when its name is this one. */
static bool take_field(const struct http_text *line, const char *name, struct http_text *value)
{
    size_t len = strlen(name);
    if (line->len <= len || line->at[len] != ':' ||
        strncasecmp((const char *)line->at, name, len) != 0) {
        return false;
    }
    size_t at = len + 1;
    while (at < line->len && (line->at[at] == ' ' || line->at[at] == '\t')) {
        at++;
    }
    *value = (struct http_text){.at = line->at + at, .len = line->len - at};
    return true;
}

bool http_head_read(const uint8_t *bytes, size_t len, struct http_head *h)
{
    struct reader r = reader_of(bytes, len);
    struct http_text line;
    *h = (struct http_head){.asks = false};
    if (!read_line(&r, &line) ||
        !(starts_with(&line, "HTTP/1.") ? read_status(&line, h) : read_request(&line, h))) {
        return false;
    }
    for (unsigned i = 0; i < LINES_MAX && read_line(&r, &line); i++) {
        if (line.len == 0) {
            h->body = (struct http_text){.at = r.at, .len = reader_left(&r)};
            break;
        }
        if (!take_field(&line, "User-Agent", &h->user_agent)) {
            (void)take_field(&line, "Server", &h->server); /* all others are passed over */
        }
    }
    return true;
}

bool http_user_agent(const uint8_t *bytes, size_t len, char agent[HTTP_AGENT_SIZE])
{
    struct http_head h;
    size_t used = 0;
    if (!http_head_read(bytes, len, &h) || !h.asks) {
        return false;
    }
    for (; used < h.user_agent.len && used + 1 < HTTP_AGENT_SIZE; used++) {
        uint8_t c = h.user_agent.at[used];
        agent[used] = c >= ' ' && c < 0x7f ? (char)c : '?';
    }
    agent[used] = '\0';
    return used > 0;
}
