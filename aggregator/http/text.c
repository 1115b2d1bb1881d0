/* Readings of header and query texts, each by the grammar that its RFC gives. */
#include "aggregator/http/text.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Length of the UTF-8 sequence at p, or 0 when it is none: overlong, surrogate, cut or too high. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
    unsigned char c = p[0];
    size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (len == 0 || len > left) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (c == 0xe0 && p[1] < 0xa0) || (c == 0xf0 && p[1] < 0x90);
    bool outside = (c == 0xed && p[1] > 0x9f) || (c == 0xf4 && p[1] > 0x8f);
    return overlong || outside ? 0 : len;
}

bool text_is_printable(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < len;) {
        size_t step = utf8_len(p + i, len - i);
        bool control =
            p[i] < 0x20 || p[i] == 0x7f || (p[i] == 0xc2 && step == 2 && p[i + 1] < 0xa0);
        if (step == 0 || control) {
            return false;
        }
        i += step;
    }
    return true;
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

bool text_cookie(const char *header, const char *name, char *buf, size_t size)
{
    size_t name_len = strlen(name);
    for (const char *p = skip_blanks(header); *p != '\0'; p = skip_blanks(p)) {
        size_t len = strcspn(p, ";");
        if (len > name_len && strncmp(p, name, name_len) == 0 && p[name_len] == '=') {
            size_t value_len = len - name_len - 1;
            if (value_len >= size) {
                return false;
            }
            memcpy(buf, p + name_len + 1, value_len);
            buf[value_len] = '\0';
            return true;
        }
        p += len;
        p += *p == ';' ? 1 : 0;
    }
    return false;
}

/* The part of a list that begins with this word (up to the comma), or NULL. */
static const char *find_in_list(const char *list, const char *word)
{
    size_t word_len = strlen(word);
    for (const char *p = skip_blanks(list); *p != '\0'; p = skip_blanks(p)) {
        size_t len = strcspn(p, ",; \t");
        if (len == word_len && strncasecmp(p, word, word_len) == 0) {
            return p;
        }
        p += strcspn(p, ",");
        p += *p == ',' ? 1 : 0;
    }
    return NULL;
}

bool text_list_has(const char *list, const char *word)
{
    return find_in_list(list, word) != NULL;
}

bool text_accepts_encoding(const char *header, const char *coding)
{
    const char *p = find_in_list(header, coding);
    if (p == NULL) {
        return false;
    }
    const char *end = p + strcspn(p, ",");
    const char *semicolon = memchr(p, ';', (size_t)(end - p));
    if (semicolon == NULL) {
        return true;
    }
    const char *q = skip_blanks(semicolon + 1);
    if (strncasecmp(q, "q=", 2) != 0) {
        return true;
    }
    /* q=0, q=0.0 … forbid; any digit but zero allows. */
    for (q += 2; q < end; q++) {
        if (*q >= '1' && *q <= '9') {
            return true;
        }
    }
    return false;
}

bool text_etag_matches(const char *if_none_match, const char *etag)
{
    size_t etag_len = strlen(etag);
    for (const char *p = skip_blanks(if_none_match); *p != '\0'; p = skip_blanks(p)) {
        if (*p == '*') {
            return true;
        }
        if (strncmp(p, "W/", 2) == 0) {
            p += 2;
        }
        size_t len = strcspn(p, ", \t");
        if (len == etag_len && strncmp(p, etag, len) == 0) {
            return true;
        }
        p += strcspn(p, ",");
        p += *p == ',' ? 1 : 0;
    }
    return false;
}

bool text_origin_is(const char *origin, const char *host, bool tls)
{
    static const char secure[] = "https://";
    static const char plain[] = "http://";
    size_t skip = 0;
    if (strncmp(origin, secure, sizeof secure - 1) == 0) {
        skip = sizeof secure - 1;
    } else if (!tls && strncmp(origin, plain, sizeof plain - 1) == 0) {
        skip = sizeof plain - 1;
    }
    return skip > 0 && host[0] != '\0' && strcasecmp(origin + skip, host) == 0;
}
