#include "common/wire/text.h"

#include <string.h>

enum { TEXT_WIRE_MAX = 255 };

static bool is_continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Bytes of the character that a lead byte begins; 0 when none may begin so. */
static size_t length_by_lead(unsigned char lead)
{
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        return 2;
    }
    if ((lead & 0xF0) == 0xE0) {
        return 3;
    }
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool second_is_in_range(unsigned char lead, unsigned char second)
{
    switch (lead) {
    case 0xE0: return second >= 0xA0;
    case 0xED: return second <= 0x9F;
    case 0xF0: return second >= 0x90;
    case 0xF4: return second <= 0x8F;
    }
    return true;
}

/* C0 controls, DEL, and C1 controls (U+0080 to U+009F). */
static bool is_control(const unsigned char *at, size_t len)
{
    return (len == 1 && (at[0] < 0x20 || at[0] == 0x7F)) ||
           (len == 2 && at[0] == 0xC2 && at[1] < 0xA0);
}

/* Bytes of the clean character at the start of text; 0 when there is none. */
static size_t clean_span(const unsigned char *at, size_t left)
{
    size_t len = length_by_lead(at[0]);
    if (len == 0 || len > left) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (!is_continuation(at[i])) {
            return 0;
        }
    }
    if (len > 1 && !second_is_in_range(at[0], at[1])) {
        return 0;
    }
    return is_control(at, len) ? 0 : len;
}

bool text_is_clean(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    while (len > 0) {
        size_t span = clean_span(at, len);
        if (span == 0) {
            return false;
        }
        at += span;
        len -= span;
    }
    return true;
}

void text_clean(char *text, size_t len)
{
    unsigned char *at = (unsigned char *)text;
    while (len > 0) {
        size_t span = clean_span(at, len);
        if (span == 0) {
            *at = '?';
            span = 1;
        }
        at += span;
        len -= span;
    }
}

/* Shortens len so that text does not end inside a character. */
static size_t cut_between_characters(const char *text, size_t len)
{
    while (len > 0 && is_continuation((unsigned char)text[len])) {
        len--;
    }
    return len;
}

void text_write(struct writer *w, const char *text)
{
    char clean[TEXT_WIRE_MAX + 1];
    size_t len = strnlen(text, sizeof clean);
    if (len > TEXT_WIRE_MAX) {
        len = cut_between_characters(text, TEXT_WIRE_MAX);
    }
    memcpy(clean, text, len);
    text_clean(clean, len);
    writer_u8(w, (uint8_t)len);
    writer_bytes(w, clean, len);
}

void text_read(struct reader *r, char *buf, size_t size)
{
    size_t len = reader_u8(r);
    const uint8_t *bytes = reader_bytes(r, len);
    buf[0] = '\0';
    if (bytes == NULL) {
        return;
    }
    if (len >= size || !text_is_clean((const char *)bytes, len)) {
        r->bad = true;
        return;
    }
    memcpy(buf, bytes, len);
    buf[len] = '\0';
}
