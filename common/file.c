#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return -1;
        }
        bytes += written;
        len -= (size_t)written;
    }
    return 0;
}

/* Writes a new file and makes its bytes last; takes it away again on failure. */
static int write_new(const char *path, const void *bytes, size_t len, mode_t mode, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return err_set_errno(e, "cannot create %s", path);
    }
    int failed = fchmod(fd, mode) != 0 || write_all(fd, bytes, len) != 0 || fsync(fd) != 0;
    if (failed) {
        (void)err_set_errno(e, "cannot write %s", path);
    }
    if (close(fd) != 0 && !failed) {
        failed = 1;
        (void)err_set_errno(e, "cannot close %s", path);
    }
    if (failed) {
        (void)unlink(path); /* what is half written is of no use; the fault is told already */
    }
    return failed ? -1 : 0;
}

/* The folder that holds path, into buf. */
static int parent_of(const char *path, char *buf, size_t size, struct err *e)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (len >= size) {
        return err_set(e, ERR_ARG, "the path %s is too long", path);
    }
    memcpy(buf, slash == NULL ? "." : path, len);
    buf[len] = '\0';
    return 0;
}

int folder_sync(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_set_errno(e, "cannot open the folder %s", path);
    }
    int result = fsync(fd) == 0 ? 0 : err_set_errno(e, "cannot sync the folder %s", path);
    (void)close(fd); /* read-only: nothing can be lost */
    return result;
}

int file_replace(const char *path, const void *bytes, size_t len, mode_t mode, struct err *e)
{
    char temporary[PATH_MAX], folder[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof temporary) {
        return err_set(e, ERR_ARG, "the path %s is too long", path);
    }
    if (parent_of(path, folder, sizeof folder, e) != 0) {
        return -1;
    }
    (void)unlink(temporary); /* left by a crash, or not there */
    if (write_new(temporary, bytes, len, mode, e) != 0) {
        return -1;
    }
    if (rename(temporary, path) != 0) {
        (void)err_set_errno(e, "cannot rename %s", temporary);
        (void)unlink(temporary); /* the fault is told already */
        return -1;
    }
    return folder_sync(folder, e);
}

int file_create(const char *path, const void *bytes, size_t len, mode_t mode, struct err *e)
{
    char folder[PATH_MAX];
    if (parent_of(path, folder, sizeof folder, e) != 0 ||
        write_new(path, bytes, len, mode, e) != 0) {
        return -1;
    }
    return folder_sync(folder, e);
}

/* Reads up to max bytes of an open file into a new buffer. */
static char *read_open(int fd, const char *path, size_t max, size_t *len, struct err *e)
{
    char *bytes = malloc(max + 2);
    if (bytes == NULL) {
        (void)err_set(e, ERR_NOMEM, "reading %s", path);
        return NULL;
    }
    size_t have = 0;
    while (have <= max) {
        ssize_t got = read(fd, bytes + have, max + 1 - have);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            (void)err_set_errno(e, "cannot read %s", path);
            goto fail;
        }
        if (got == 0) {
            bytes[have] = '\0';
            *len = have;
            return bytes;
        }
        have += (size_t)got;
    }
    (void)err_set(e, ERR_FULL, "%s is larger than %zu bytes", path, max);
fail:
    explicit_bzero(bytes, max + 2); /* it may have been a secret */
    free(bytes);
    return NULL;
}

static char *read_path(const char *path, size_t max, size_t *len, mode_t forbidden, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)err_set_errno(e, "cannot open %s", path);
        return NULL;
    }
    struct stat st;
    char *bytes = NULL;
    if (fstat(fd, &st) != 0) {
        (void)err_set_errno(e, "cannot look at %s", path);
    } else if ((st.st_mode & forbidden) != 0) {
        (void)err_set(e, ERR_CONFIG, "%s may be read or written by others: chmod 600 it", path);
    } else {
        bytes = read_open(fd, path, max, len, e);
    }
    (void)close(fd); /* read-only: nothing can be lost */
    return bytes;
}

char *file_read(const char *path, size_t max, size_t *len, struct err *e)
{
    return read_path(path, max, len, 0, e);
}

char *file_read_secret(const char *path, size_t max, size_t *len, struct err *e)
{
    return read_path(path, max, len, S_IRWXG | S_IRWXO, e);
}

int folder_make(const char *path, mode_t mode, struct err *e)
{
    char at[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof at) {
        return err_set(e, ERR_ARG, "a folder's path of %zu bytes", len);
    }
    memcpy(at, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (at[i] != '/' && at[i] != '\0') {
            continue;
        }
        at[i] = '\0';
        if (mkdir(at, mode) != 0 && errno != EEXIST) {
            return err_set_errno(e, "cannot make the folder %s", at);
        }
        at[i] = path[i];
    }
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return err_set(e, ERR_IO, "%s is not a folder", path);
    }
    return 0;
}

int folder_room(const char *path, uint64_t *bytes, struct err *e)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0) {
        return err_set_errno(e, "cannot ask for the size of the disk of %s", path);
    }
    *bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    return 0;
}
