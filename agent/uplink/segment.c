#include "agent/uplink/segment.h"

#include "common/reader.h"
#include "common/wire/envelope.h"
#include "common/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { NEAR_SIZE = 496 }; /* bytes read with a record's head: a flow has some 300 */

static const char magic[4] = {'P', 'K', 'S', '1'};

int segment_path(const char *dir, uint64_t first, char path[SEGMENT_PATH_SIZE], struct err *e)
{
    int len = snprintf(path, SEGMENT_PATH_SIZE, "%s/%020" PRIu64 ".seg", dir, first);
    if (len < 0 || len >= SEGMENT_PATH_SIZE) {
        return err_set(e, ERR_ARG, "the path of the spool is too long: %s", dir);
    }
    return 0;
}

int segment_create(const char *dir, uint64_t epoch, uint64_t first, struct segment *s,
                   struct err *e)
{
    char path[SEGMENT_PATH_SIZE];
    if (segment_path(dir, first, path, e) != 0) {
        return -1;
    }
    uint8_t head[SEGMENT_HEAD_SIZE];
    struct writer w = writer_of(head, sizeof head);
    writer_bytes(&w, magic, sizeof magic);
    writer_le32(&w, 0);
    writer_le64(&w, epoch);
    writer_le64(&w, first);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(e, "make %s", path);
    }
    if (write(fd, head, sizeof head) != (ssize_t)sizeof head) {
        err_set_errno(e, "write %s", path);
        (void)close(fd);
        (void)unlink(path); /* half a head helps nobody; a leftover is refused by the scan */
        return -1;
    }
    *s = (struct segment){.epoch = epoch, .first = first, .next = first, .size = sizeof head};
    return fd;
}

/* The sequence belongs to what is protected: a record must not pass for another. */
static uint32_t record_crc(uint64_t sequence, const void *bytes, size_t len)
{
    return crc32c(crc32c(0, &sequence, sizeof sequence), bytes, len);
}

size_t segment_frame(struct segment *s, uint64_t sequence, const void *bytes, size_t len,
                     uint8_t *buf, struct err *e)
{
    if (len > SEGMENT_RECORD_MAX || sequence < s->next) {
        (void)err_set(e, ERR_ARG, "a spool record of %zu bytes and sequence %" PRIu64, len,
                      sequence);
        return 0;
    }
    struct writer w = writer_of(buf, SEGMENT_RECORD_HEAD_SIZE + len);
    writer_le32(&w, (uint32_t)len);
    writer_le32(&w, record_crc(sequence, bytes, len));
    writer_le64(&w, sequence);
    writer_bytes(&w, bytes, len);
    s->size += writer_len(&w);
    s->next = sequence + 1;
    return writer_len(&w);
}

int segment_write(const struct segment *s, int fd, const uint8_t *bytes, size_t len, struct err *e)
{
    off_t at = (off_t)(s->size - len);
    ssize_t done = pwrite(fd, bytes, len, at);
    if (done == (ssize_t)len) {
        return 0;
    }
    int cause = done < 0 ? errno : ENOSPC;
    int cut = ftruncate(fd, at);
    (void)cut; /* the next writing goes over it in any case */
    errno = cause;
    return err_set_errno(e, "write to the spool");
}

int segment_read(int fd, const struct segment *s, struct segment_cursor *at, uint64_t *sequence,
                 void *buf, size_t *len, struct err *e)
{
    if (at->offset < SEGMENT_HEAD_SIZE) {
        at->offset = SEGMENT_HEAD_SIZE;
    }
    if (at->offset >= s->size) {
        return 0;
    }
    uint8_t near[SEGMENT_RECORD_HEAD_SIZE + NEAR_SIZE]; /* most records in one call */
    const size_t head = SEGMENT_RECORD_HEAD_SIZE;
    uint64_t left = s->size - at->offset;
    size_t got = left < sizeof near ? (size_t)left : sizeof near;
    if (got < head || pread(fd, near, got, (off_t)at->offset) != (ssize_t)got) {
        return err_set(e, ERR_IO, "the spool is cut at %" PRIu64, at->offset);
    }
    struct reader r = reader_of(near, head);
    uint32_t size = reader_le32(&r);
    uint32_t crc = reader_le32(&r);
    *sequence = reader_le64(&r);
    if (size > SEGMENT_RECORD_MAX || at->offset + head + size > s->size) {
        return err_set(e, ERR_PARSE, "a spool record of %" PRIu32 " bytes at %" PRIu64, size,
                       at->offset);
    }
    bool whole = size <= got - head;
    if (whole) {
        memcpy(buf, near + head, size);
    } else {
        whole = pread(fd, buf, size, (off_t)(at->offset + head)) == (ssize_t)size;
    }
    if (!whole || record_crc(*sequence, buf, size) != crc) {
        return err_set(e, ERR_PARSE, "a damaged spool record at %" PRIu64, at->offset);
    }
    *len = size;
    at->offset += head + size;
    return 1;
}

int segment_head(int fd, struct segment *s, struct err *e)
{
    uint8_t head[SEGMENT_HEAD_SIZE];
    off_t end = lseek(fd, 0, SEEK_END);
    if (end < SEGMENT_HEAD_SIZE || pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp(head, magic, sizeof magic) != 0) {
        return err_set(e, ERR_PARSE, "not the head of a spool segment");
    }
    struct reader r = reader_of(head + 8, sizeof head - 8);
    s->epoch = reader_le64(&r);
    s->first = reader_le64(&r);
    s->next = s->first;
    s->size = (uint64_t)end;
    if (s->epoch > SEGMENT_SEQUENCE_MAX || s->first == 0 || s->first > SEGMENT_SEQUENCE_MAX) {
        return err_set(e, ERR_PARSE, "the head of a spool segment is damaged");
    }
    return 0;
}

int segment_scan(int fd, uint64_t upto, struct segment *s, bool *cut, struct err *e)
{
    if (segment_head(fd, s, e) != 0) {
        return -1;
    }
    uint8_t buf[SEGMENT_RECORD_MAX];
    struct segment_cursor at = {0};
    uint64_t good = SEGMENT_HEAD_SIZE, sequence = 0;
    size_t len = 0;
    while (segment_read(fd, s, &at, &sequence, buf, &len, NULL) == 1 && sequence >= s->next &&
           sequence <= upto) {
        s->next = sequence + 1;
        good = at.offset;
    }
    *cut = good != s->size;
    s->size = good;
    return 0;
}
