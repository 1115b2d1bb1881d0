/* Which addresses do not leave this machine: there, and only there, plain text is let pass. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* "localhost", 127.0.0.0/8, ::1 with or without brackets. Other names are not looked up. */
bool loopback_is_host(const char *host, size_t len);
/* nats:// to a host that is not this machine: without TLS whoever hears it may read and take over.
 */
bool loopback_is_plain_abroad(const char *url);
