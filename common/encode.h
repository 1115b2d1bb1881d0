/*
 * Bytes as text, the three ways that NATS identities need: base32 and base64url (RFC 4648, both
 * without padding) and lower-case hex. Any thread; no state.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Characters without the final NUL that len bytes become. */
#define BASE32_LEN(len)    (((len)*8 + 4) / 5)
#define BASE64URL_LEN(len) (((len)*4 + 2) / 3)
#define HEX_LEN(len)       ((len)*2)

/* buf must hold XXX_LEN(len) + 1 bytes. Each returns buf. */
char *base32_encode(const void *bytes, size_t len, char *buf);
char *base64url_encode(const void *bytes, size_t len, char *buf);
char *hex_encode(const void *bytes, size_t len, char *buf);

/*
 * Bytes written, or -1 when text is not canonical (foreign character, spare bits set) or does not
 * fit into size.
 */
long base32_decode(const char *text, size_t text_len, uint8_t *buf, size_t size);
long base64url_decode(const char *text, size_t text_len, uint8_t *buf, size_t size);
