/* Escaping after HTML 5, 13.1: the five characters that may end a text or a quoted attribute. */
#include "aggregator/report/html.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 16 * 1024, FORMAT_MAX = 1024 };

void html_done(struct html *html)
{
    free(html->text);
    *html = (struct html){0};
}

static bool make_room(struct html *html, size_t more)
{
    size_t need = html->len + more + 1;
    if (html->failed || need > HTML_MAX) {
        html->failed = true;
        return false;
    }
    if (need <= html->size) {
        return true;
    }
    size_t size = html->size > 0 ? html->size : FIRST_SIZE;
    while (size < need) {
        size *= 2;
    }
    char *text = realloc(html->text, size);
    if (text == NULL) {
        html->failed = true;
        return false;
    }
    html->text = text;
    html->size = size;
    return true;
}

static void append(struct html *html, const char *bytes, size_t len)
{
    if (make_room(html, len)) {
        memcpy(html->text + html->len, bytes, len);
        html->len += len;
        html->text[html->len] = '\0';
    }
}

void html_raw(struct html *html, const char *markup)
{
    append(html, markup, strlen(markup));
}

static const char *escaped(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return (unsigned char)c < ' ' ? " " : NULL;
    }
}

void html_text(struct html *html, const char *text)
{
    const char *plain = text;
    for (; *text != '\0'; text++) {
        const char *instead = escaped(*text);
        if (instead != NULL) {
            append(html, plain, (size_t)(text - plain));
            html_raw(html, instead);
            plain = text + 1;
        }
    }
    append(html, plain, (size_t)(text - plain));
}

void html_format(struct html *html, const char *format, ...)
{
    char text[FORMAT_MAX];
    va_list list;
    va_start(list, format);
    int len = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (len < 0 || (size_t)len >= sizeof text) {
        html->failed = true; /* half a tag would spoil the page */
        return;
    }
    append(html, text, (size_t)len);
}

void html_cut(struct html *html, size_t len)
{
    if (len < html->len) {
        html->len = len;
        html->text[len] = '\0';
    }
}
