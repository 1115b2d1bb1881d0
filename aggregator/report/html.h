/*
 * A page under construction: a growing text with a cap. What comes from outside goes through
 * html_text, which escapes; everything else is a constant of ours or a number.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { HTML_MAX = 8 * 1024 * 1024 };

struct html {
    char *text; /* NUL behind its end once anything is written; owned */
    size_t len, size;
    bool failed; /* no memory, or more than HTML_MAX: what follows is dropped */
};

void html_done(struct html *html);
/* Markup that is a constant. */
void html_raw(struct html *html, const char *markup);
/* Text from outside, escaped for elements and for attributes in double quotes. */
void html_text(struct html *html, const char *text);
/* Markup with numbers and words of ours in it; never a text from outside. */
void html_format(struct html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes back what was written since len was html->len. */
void html_cut(struct html *html, size_t len);
