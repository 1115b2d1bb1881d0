/* What a clear HTTP/1 request says of its client (RFC 9112). Read from hostile bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_AGENT_SIZE = 96 };

/* True when the bytes begin with a request line's method. */
bool http_is_request(const uint8_t *bytes, size_t len);
/*
 * Writes the value of the first User-Agent header of a request, printable and cut to the field;
 * false when these bytes hold none.
 */
bool http_user_agent(const uint8_t *bytes, size_t len, char agent[HTTP_AGENT_SIZE]);
