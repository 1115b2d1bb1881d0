#include "agent/decode/http.h"

#include "common/reader.h"

#include <strings.h>

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

/* The next line without its end; false after the last whole one. */
static bool next_line(struct reader *r, struct reader *line)
{
    const uint8_t *end = memchr(r->at, '\n', reader_left(r));
    if (end == NULL) {
        return false;
    }
    *line = reader_sub(r, (size_t)(end - r->at));
    reader_skip(r, 1);
    if (reader_left(line) > 0 && line->end[-1] == '\r') {
        line->end--;
    }
    return true;
}

static bool copy_value(const struct reader *value, char *agent)
{
    const uint8_t *at = value->at;
    size_t used = 0;
    while (at < value->end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    for (; at < value->end && used + 1 < HTTP_AGENT_SIZE; at++) {
        agent[used++] = *at >= ' ' && *at < 0x7f ? (char)*at : '?';
    }
    agent[used] = '\0';
    return used > 0;
}

bool http_user_agent(const uint8_t *bytes, size_t len, char agent[HTTP_AGENT_SIZE])
{
    static const char header[] = "user-agent:";
    const size_t header_len = sizeof header - 1;
    struct reader r = reader_of(bytes, len);
    struct reader line;
    while (next_line(&r, &line) && reader_left(&line) > 0) {
        if (reader_left(&line) > header_len &&
            strncasecmp((const char *)line.at, header, header_len) == 0) {
            reader_skip(&line, header_len);
            return copy_value(&line, agent);
        }
    }
    return false;
}
