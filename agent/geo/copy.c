#include "agent/geo/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#    define MFD_NOEXEC_SEAL 0x0008u /* Linux 6.3; some systems allow no other kind */
#endif

enum { CHUNK = 1024 * 1024 };

static int make_memory(struct err *e)
{
    int fd = memfd_create("geo", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) { /* an older kernel */
        fd = memfd_create("geo", MFD_CLOEXEC);
    }
    return fd >= 0 ? fd : err_set_errno(e, "no memory file for a copy");
}

/* What is written to the file meanwhile counts as far as `size`; it is then read again anyway. */
static int fill(int to, int from, uint64_t size, struct err *e)
{
    for (uint64_t done = 0; done < size;) {
        uint64_t left = size - done;
        ssize_t n = sendfile(to, from, NULL, left < CHUNK ? (size_t)left : CHUNK);
        if (n < 0) {
            return err_set_errno(e, "cannot be copied");
        }
        if (n == 0) {
            return err_set(e, ERR_BUSY, "the file grew shorter while it was read");
        }
        done += (uint64_t)n;
    }
    return 0;
}

static int look(int fd, size_t most, uint64_t *size, struct err *e)
{
    enum { MIB = 1024 * 1024 };
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return err_set_errno(e, "cannot be looked at");
    }
    if (!S_ISREG(status.st_mode)) {
        return err_set(e, ERR_PARSE, "it is no plain file");
    }
    *size = (uint64_t)status.st_size;
    if (*size > most) {
        return err_set(e, ERR_FULL, "the file has %llu MiB; at most %zu MiB are read",
                       (unsigned long long)((*size + MIB - 1) / MIB), most / MIB);
    }
    return 0;
}

int copy_of(const char *path, size_t most, struct err *e)
{
    uint64_t size = 0;
    int copy = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* never hang on a pipe */
    if (fd < 0) {
        return err_set_errno(e, "cannot be opened");
    }
    if (look(fd, most, &size, e) == 0 && (copy = make_memory(e)) >= 0 &&
        fill(copy, fd, size, e) != 0) {
        (void)close(copy); /* memory only */
        copy = -1;
    }
    (void)close(fd); /* only read from */
    return copy;
}
