#include "agent/uplink/stream.h"

#include "common/file.h"
#include "common/wire/delivery.h"
#include "common/wire/envelope.h"
#include "common/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    STATE_MAX = 256,
    PENDING_SIZE = SEGMENT_RECORD_MAX + 16 * 1024, /* room for the largest record */
};

static int state_path(const struct stream *s, char path[SEGMENT_PATH_SIZE], struct err *e)
{
    int len = snprintf(path, SEGMENT_PATH_SIZE, "%s/state", s->dir);
    return len > 0 && len < SEGMENT_PATH_SIZE ? 0
                                              : err_set(e, ERR_ARG, "path too long: %s", s->dir);
}

int stream_save(struct stream *s, struct err *e)
{
    if (s->saved_acked == s->acked) {
        return 0;
    }
    char path[SEGMENT_PATH_SIZE], text[STATE_MAX];
    if (state_path(s, path, e) != 0) {
        return -1;
    }
    int len = snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", s->epoch,
                       s->acked, s->dropped_upto);
    if (file_replace(path, text, (size_t)len, 0600, e) != 0) {
        return -1;
    }
    s->saved_acked = s->acked;
    return 0;
}

/* Reads the state file; false when there is none that can be understood. */
static bool state_load(struct stream *s)
{
    char path[SEGMENT_PATH_SIZE];
    size_t len = 0;
    char *text = state_path(s, path, NULL) == 0 ? file_read(path, STATE_MAX, &len, NULL) : NULL;
    bool good = text != NULL && sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &s->epoch,
                                       &s->acked, &s->dropped_upto) == 3;
    free(text);
    return good;
}

static int segments_add(struct stream *s, const struct segment *segment, struct err *e)
{
    if (s->count == s->room) {
        size_t room = s->room == 0 ? 16 : s->room * 2;
        struct segment *grown = reallocarray(s->segments, room, sizeof *grown);
        if (grown == NULL) {
            return err_set(e, ERR_NOMEM, "no memory for %zu spool segments", room);
        }
        s->segments = grown;
        s->room = room;
    }
    s->segments[s->count++] = *segment;
    return 0;
}

static void segment_unlink(const struct stream *s, uint64_t first)
{
    char path[SEGMENT_PATH_SIZE];
    if (segment_path(s->dir, first, path, NULL) == 0) {
        (void)unlink(path); /* a file that stays is read again at the next start, no harm */
    }
}

static int only_segments(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len == 24 && strcmp(entry->d_name + 20, ".seg") == 0 &&
           strspn(entry->d_name, "0123456789") == 20;
}

static int open_segment(const struct stream *s, uint64_t first, struct err *e)
{
    char path[SEGMENT_PATH_SIZE];
    if (segment_path(s->dir, first, path, e) != 0) {
        return -1;
    }
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd >= 0 ? fd : err_set_errno(e, "open %s", path);
}

/* Takes one file found in the folder: kept when it is of this epoch, or the first to say one. */
static int adopt(struct stream *s, uint64_t first, struct err *e)
{
    int fd = open_segment(s, first, e);
    if (fd < 0) {
        return -1;
    }
    struct segment segment;
    bool good = segment_head(fd, &segment, NULL) == 0 && segment.first == first &&
                (s->epoch == 0 || segment.epoch == s->epoch);
    (void)close(fd);
    if (!good) {
        segment_unlink(s, first); /* what it held becomes a gap */
        return 0;
    }
    if (s->count > 0) {
        s->segments[s->count - 1].next = first; /* at most: where less is there, it is a gap */
    }
    s->epoch = segment.epoch;
    return segments_add(s, &segment, e);
}

static int adopt_all(struct stream *s, struct err *e)
{
    struct dirent **names = NULL;
    int found = scandir(s->dir, &names, only_segments, alphasort);
    if (found < 0) {
        return err_set_errno(e, "read the folder %s", s->dir);
    }
    int rc = 0;
    for (int i = 0; i < found; i++) {
        rc = rc == 0 ? adopt(s, strtoull(names[i]->d_name, NULL, 10), e) : rc;
        free(names[i]);
    }
    free(names);
    return rc;
}

/* Cuts what follows the last good record up to `upto` off the last segment, which fd is open on. */
static int cut_last(struct stream *s, int fd, uint64_t upto, struct err *e)
{
    struct segment *last = &s->segments[s->count - 1];
    bool cut = false;
    if (segment_scan(fd, upto, last, &cut, e) != 0) {
        return -1;
    }
    if (cut && ftruncate(fd, (off_t)last->size) != 0) {
        return err_set_errno(e, "cut the tail of a segment in %s", s->dir);
    }
    return 0;
}

static void read_close(struct stream *s)
{
    if (s->read_fd >= 0) {
        (void)close(s->read_fd);
    }
    s->read_fd = -1;
}

static int begin_segment(struct stream *s, struct err *e)
{
    struct segment segment;
    int fd = segment_create(s->dir, s->epoch, s->next, &segment, e);
    if (fd < 0) {
        return -1;
    }
    if (folder_sync(s->dir, e) != 0 || segments_add(s, &segment, e) != 0) {
        (void)close(fd);
        segment_unlink(s, s->next);
        return -1;
    }
    if (s->write_fd >= 0) {
        (void)close(s->write_fd);
    }
    s->write_fd = fd;
    return 0;
}

int stream_flush(struct stream *s, struct err *e)
{
    if (s->pending_len == 0) {
        return 0;
    }
    if (segment_write(&s->segments[s->count - 1], s->write_fd, s->pending, s->pending_len, e) !=
        0) {
        return -1;
    }
    s->pending_len = s->pending_count = 0;
    return 0;
}

unsigned stream_forget_pending(struct stream *s)
{
    unsigned count = s->pending_count;
    if (s->pending_len > 0) {
        struct segment *last = &s->segments[s->count - 1];
        last->size -= s->pending_len;
        last->next = s->pending_first;
        s->pending_len = s->pending_count = 0;
    }
    return count;
}

/* The next segment. What is not yet durable may stand in the last one only. */
static int rotate(struct stream *s, struct err *e)
{
    if (stream_flush(s, e) != 0) {
        return -1;
    }
    if (fdatasync(s->write_fd) != 0) {
        (void)err_set_errno(e, "fdatasync in %s", s->dir);
        return stream_distrust(s, NULL) == 0 ? 0 : -1;
    }
    return begin_segment(s, e);
}

int stream_distrust(struct stream *s, struct err *e)
{
    (void)stream_forget_pending(s); /* what is not durable goes in any case */
    read_close(s);
    (void)close(s->write_fd); /* its fault is known already */
    while (s->count > 1 && s->segments[s->count - 1].first > s->durable) {
        segment_unlink(s, s->segments[--s->count].first);
    }
    s->write_fd = open_segment(s, s->segments[s->count - 1].first, e);
    if (s->write_fd < 0 || cut_last(s, s->write_fd, s->durable, e) != 0) {
        return -1;
    }
    return s->segments[s->count - 1].first < s->next ? begin_segment(s, e) : 0;
}

/* The last segment after a start: its tail may be torn. */
static int reopen_last(struct stream *s, struct err *e)
{
    s->write_fd = open_segment(s, s->segments[s->count - 1].first, e);
    if (s->write_fd < 0 || cut_last(s, s->write_fd, SEGMENT_SEQUENCE_MAX, e) != 0) {
        return -1;
    }
    if (fdatasync(s->write_fd) != 0) {
        return err_set_errno(e, "fdatasync in %s", s->dir);
    }
    s->next = s->segments[s->count - 1].next;
    s->acked = s->acked < s->next ? s->acked : s->next - 1;
    s->saved_acked = s->acked;
    s->durable = s->next - 1;
    return 0;
}

static int begin_epoch(struct stream *s, uint64_t now_s, struct err *e)
{
    s->epoch = s->epoch + 1 > now_s ? s->epoch + 1 : now_s;
    s->next = 1;
    s->acked = s->dropped_upto = s->durable = 0;
    s->saved_acked = UINT64_MAX; /* differs: the state file is written at once */
    return begin_segment(s, e) == 0 ? stream_save(s, e) : -1;
}

int stream_open(struct stream *s, const char *dir, uint64_t segment_max, uint64_t now_s,
                struct err *e)
{
    *s = (struct stream){.write_fd = -1, .read_fd = -1, .segment_max = segment_max};
    if ((size_t)snprintf(s->dir, sizeof s->dir, "%s", dir) >= sizeof s->dir) {
        return err_set(e, ERR_ARG, "the path of the spool is too long: %s", dir);
    }
    if (folder_make(dir, 0700, e) != 0) {
        return -1;
    }
    (void)state_load(s); /* without it everything kept is sent again, and trimmed at the centre */
    if (adopt_all(s, e) != 0) {
        return -1;
    }
    if (s->count == 0) {
        /* The tail is lost: its sequences must not be used again. */
        return begin_epoch(s, now_s, e);
    }
    return reopen_last(s, e);
}

void stream_close(struct stream *s)
{
    if (s->write_fd >= 0) {
        (void)stream_flush(s, NULL); /* what cannot be written becomes a gap at the next start */
        (void)stream_save(s, NULL);  /* an older state only means that more is sent again */
        (void)close(s->write_fd);
    }
    s->write_fd = -1;
    read_close(s);
    free(s->pending);
    s->pending = NULL;
    s->pending_len = s->pending_count = 0;
    free(s->segments);
    s->segments = NULL;
    s->count = s->room = 0;
}

/* Room for one more among what is pending. */
static int pending_room(struct stream *s, size_t len, struct err *e)
{
    if (s->pending == NULL && (s->pending = malloc(PENDING_SIZE)) == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for the spool");
    }
    bool full = s->pending_len + SEGMENT_RECORD_HEAD_SIZE + len > PENDING_SIZE;
    return full ? stream_flush(s, e) : 0;
}

int stream_append(struct stream *s, const void *bytes, size_t len, uint64_t *sequence,
                  struct err *e)
{
    if ((s->segments[s->count - 1].size >= s->segment_max && rotate(s, e) != 0) ||
        pending_room(s, len, e) != 0) {
        return -1;
    }
    size_t framed = segment_frame(&s->segments[s->count - 1], s->next, bytes, len,
                                  s->pending + s->pending_len, e);
    if (framed == 0) {
        return -1;
    }
    if (s->pending_len == 0) {
        s->pending_first = s->next;
    }
    s->pending_len += framed;
    s->pending_count++;
    *sequence = s->next++;
    return 0;
}

void stream_skip(struct stream *s, bool for_room)
{
    if (for_room) {
        s->dropped_upto = s->next;
    }
    s->next++;
}

void stream_set_durable(struct stream *s, uint64_t upto)
{
    if (upto > s->durable && upto < s->next) {
        s->durable = upto;
    }
}

void stream_ack(struct stream *s, uint64_t upto)
{
    if (upto > s->acked && upto < s->next) {
        s->acked = upto;
    }
}

/* The last segment that begins at or before the sequence; the oldest when none does. */
static size_t segment_of(const struct stream *s, uint64_t sequence)
{
    size_t i = s->count - 1;
    while (i > 0 && s->segments[i].first > sequence) {
        i--;
    }
    return i;
}

static int read_open(struct stream *s, size_t index, struct err *e)
{
    const struct segment *segment = &s->segments[index];
    read_close(s);
    char path[SEGMENT_PATH_SIZE];
    if (segment_path(s->dir, segment->first, path, e) != 0) {
        return -1;
    }
    s->read_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->read_fd < 0) {
        return err_set_errno(e, "open %s", path);
    }
    s->read_first = segment->first;
    s->read_next = segment->first;
    s->read_at = (struct segment_cursor){0};
    return 0;
}

/*
 * The first kept record with a sequence ≥ from, into buf; the cursor stands behind it. 1, or 0
 * when there is none. A damaged place makes the rest of its segment a gap.
 */
static int read_from(struct stream *s, uint64_t from, uint64_t *sequence, void *buf, size_t *len,
                     struct err *e)
{
    size_t index = segment_of(s, from);
    if (s->read_fd < 0 || s->read_first != s->segments[index].first || s->read_next > from) {
        if (read_open(s, index, e) != 0) {
            return -1;
        }
    }
    while (true) {
        int got = segment_read(s->read_fd, &s->segments[index], &s->read_at, sequence, buf, len, e);
        if (got == 1 && *sequence >= from) {
            s->read_next = *sequence + 1;
            return 1;
        }
        if (got == 1) {
            continue;
        }
        if (index + 1 >= s->count && (got == 0 || rotate(s, NULL) != 0)) {
            return got;
        }
        if (read_open(s, ++index, e) != 0) {
            return -1;
        }
    }
}

/* The record just read, of len bytes, is what the next reading from `from` begins with. */
static void read_again(struct stream *s, uint64_t from, size_t len)
{
    s->read_at.offset -= SEGMENT_RECORD_HEAD_SIZE + len;
    s->read_next = from;
}

static enum gap_reason reason_of(const struct stream *s, uint64_t from, uint64_t to)
{
    if (to <= s->dropped_upto) {
        return GAP_SPOOL_FULL;
    }
    const struct segment *segment = &s->segments[segment_of(s, to)];
    if (segment->first <= from) {
        return GAP_DISK_ERROR; /* left out between two records of one file */
    }
    return segment == s->segments ? GAP_LOST_SEGMENT : GAP_TORN_TAIL;
}

static bool batch_put(struct stream_batch *b, const void *bytes, size_t len)
{
    struct writer w = writer_of(b->body + b->len, b->size - b->len);
    writer_le32(&w, (uint32_t)len);
    writer_bytes(&w, bytes, len);
    if (w.full) {
        return false;
    }
    b->len += writer_len(&w);
    b->count++;
    return true;
}

static bool batch_put_gap(const struct stream *s, struct stream_batch *b, uint64_t from,
                          uint64_t to)
{
    uint8_t packed[GAP_PACKED_SIZE];
    struct gap gap = {.from = from, .to = to, .reason = (uint8_t)reason_of(s, from, to)};
    return batch_put(b, packed, gap_pack(&gap, packed, sizeof packed));
}

int stream_read(struct stream *s, uint64_t from, uint32_t max, struct stream_batch *b,
                struct err *e)
{
    uint8_t record[SEGMENT_RECORD_MAX];
    b->len = 0;
    b->count = 0;
    b->first = from;
    b->last = from - 1;
    if (stream_flush(s, e) != 0) { /* a look goes beyond what is durable */
        return -1;
    }
    while (b->count < max && b->last < s->durable) {
        uint64_t sequence = 0;
        size_t len = 0;
        int got = read_from(s, b->last + 1, &sequence, record, &len, e);
        if (got < 0) {
            return b->count > 0 ? 0 : -1;
        }
        if (got == 0) {
            break;
        }
        if (sequence > s->durable) {
            read_again(s, b->last + 1, len);
            break;
        }
        if (sequence > b->last + 1) {
            if (!batch_put_gap(s, b, b->last + 1, sequence - 1)) {
                read_again(s, b->last + 1, len);
                break;
            }
            b->last = sequence - 1;
        }
        if (b->count == max || !batch_put(b, record, len)) {
            read_again(s, b->last + 1, len);
            break;
        }
        b->last = sequence;
    }
    return 0;
}

uint64_t stream_drop_oldest(struct stream *s, bool acknowledged_only)
{
    if (s->count < 2) {
        return 0;
    }
    struct segment oldest = s->segments[0];
    uint64_t last = s->segments[1].first - 1;
    bool waits = last > s->acked;
    if (waits && acknowledged_only) {
        return 0;
    }
    if (waits && last > s->dropped_upto) {
        s->dropped_upto = last;
    }
    struct err e = {0};
    s->saved_acked = UINT64_MAX; /* the state goes to disk before the file goes away */
    if (stream_save(s, &e) != 0 && e.sys != ENOSPC) {
        return 0; /* on a full disk the file goes first: that is what makes the room */
    }
    if (s->read_first == oldest.first) {
        read_close(s);
    }
    segment_unlink(s, oldest.first);
    memmove(s->segments, s->segments + 1, (s->count - 1) * sizeof *s->segments);
    s->count--;
    return oldest.size;
}

uint64_t stream_bytes(const struct stream *s)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->count; i++) {
        bytes += s->segments[i].size;
    }
    return bytes;
}

/* The share of a segment's bytes that its unacknowledged sequences make up. */
static uint64_t waiting_in(const struct segment *segment, uint64_t acked)
{
    uint64_t last = segment->next - 1;
    if (segment->next == segment->first || last <= acked) {
        return 0;
    }
    uint64_t waiting = last - (acked > segment->first - 1 ? acked : segment->first - 1);
    return segment->size * waiting / (segment->next - segment->first);
}

uint64_t stream_waiting_bytes(const struct stream *s)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->count; i++) {
        bytes += waiting_in(&s->segments[i], s->acked);
    }
    return bytes;
}

int stream_remove(struct stream *s, struct err *e)
{
    char path[SEGMENT_PATH_SIZE];
    while (s->count > 0) {
        segment_unlink(s, s->segments[--s->count].first);
    }
    if (state_path(s, path, NULL) == 0) {
        (void)unlink(path);
    }
    read_close(s);
    (void)close(s->write_fd);
    s->write_fd = -1;
    free(s->pending);
    s->pending = NULL;
    s->pending_len = s->pending_count = 0;
    free(s->segments);
    s->segments = NULL;
    s->room = 0;
    return rmdir(s->dir) == 0 ? 0 : err_set_errno(e, "remove %s", s->dir);
}

/* Puts the folder of a new epoch in the place of the old one, whose records it has taken over. */
static int replace_folder(struct stream *s, struct stream *old, struct err *e)
{
    read_close(s); /* it may have the old name */
    if (stream_remove(old, e) != 0) {
        return -1;
    }
    if (rename(s->dir, old->dir) != 0) {
        return err_set_errno(e, "put %s in the place of %s", s->dir, old->dir);
    }
    memcpy(s->dir, old->dir, sizeof s->dir);
    return 0;
}

int stream_new_epoch(struct stream *s, uint64_t now_s, struct err *e)
{
    if (stream_flush(s, e) != 0) {
        return -1;
    }
    struct stream old = *s;
    s->segments = NULL;
    s->pending = NULL;
    s->count = s->room = 0;
    s->write_fd = s->read_fd = -1;
    /* The new files stand in a folder of their own until the old ones are copied. */
    int len = snprintf(s->dir, sizeof s->dir, "%s.new", old.dir);
    int rc = len < (int)sizeof s->dir ? folder_make(s->dir, 0700, e)
                                      : err_set(e, ERR_ARG, "path too long: %s", old.dir);
    rc = rc == 0 ? begin_epoch(s, now_s, e) : -1;
    uint8_t record[SEGMENT_RECORD_MAX];
    uint64_t from = old.acked + 1, sequence = 0, ignored = 0;
    size_t size = 0;
    while (rc == 0 && read_from(&old, from, &sequence, record, &size, NULL) == 1) {
        rc = stream_append(s, record, size, &ignored, e);
        from = sequence + 1;
    }
    if (rc != 0) {
        stream_close(s);
        *s = old;
        return -1;
    }
    return replace_folder(s, &old, e);
}
