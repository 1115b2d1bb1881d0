#include "agent/capture/gzip.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

enum { BUFFER = 128 * 1024 };

bool gzip_is(int fd)
{
    unsigned char magic[2] = {0};
    return pread(fd, magic, sizeof magic, 0) == (ssize_t)sizeof magic && magic[0] == 0x1f &&
           magic[1] == 0x8b;
}

static ssize_t read_more(void *cookie, char *buf, size_t size)
{
    int len = gzread(cookie, buf, (unsigned)size);
    if (len < 0) {
        errno = EIO; /* broken data, or a fault of the disk */
    }
    return len;
}

static int end(void *cookie)
{
    return gzclose_r(cookie) == Z_OK ? 0 : -1;
}

FILE *gzip_stream(int fd)
{
    static const cookie_io_functions_t functions = {.read = read_more, .close = end};
    gzFile gz = gzdopen(fd, "rb");
    if (gz == NULL) {
        (void)close(fd); /* only read from */
        return NULL;
    }
    (void)gzbuffer(gz, BUFFER); /* slower without, no more */
    FILE *stream = fopencookie(gz, "rb", functions);
    if (stream == NULL) {
        (void)gzclose_r(gz); /* likewise */
    }
    return stream;
}
