/* Capture files that are compressed with gzip, as a stream that libpcap reads. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* True when the file begins as gzip's do (RFC 1952). Does not move it. */
bool gzip_is(int fd);
/* A stream of what is in the file, from its beginning on; takes over fd. NULL without memory. */
FILE *gzip_stream(int fd);
