/*
 * Text from packets is anything at all; text on the wire and in the database is UTF-8 without
 * control characters. Packing cleans it, unpacking insists on it. Any thread.
 */
#pragma once

#include "common/reader.h"
#include "common/writer.h"

#include <stdbool.h>
#include <stddef.h>

/* True when the bytes are well-formed UTF-8 (RFC 3629) without control characters. */
bool text_is_clean(const char *text, size_t len);
/* Puts '?' for every byte that keeps the text from being clean, in place. */
void text_clean(char *text, size_t len);

/* A length byte and the text, cleaned and cut at 255 bytes; the cut never splits a character. */
void text_write(struct writer *w, const char *text);
/* Reads what text_write wrote, with a final NUL; bad when it is not clean or fills size. */
void text_read(struct reader *r, char *buf, size_t size);
