#define LOG_MODULE "spool"
#include "agent/uplink/spool.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SEGMENT_MAX = 8 * 1024 * 1024,
    SEGMENT_MIN = 64 * 1024,
    SEGMENTS_IN_CAP = 16, /* a small spool has small segments, so that dropping one is no rout */
    REPLAY_SHARE = 5,     /* a fifth of the cap may keep what is acknowledged, to send again */
    AGE_MARKS = 256,
    LEDGER_SIZE = 16 * 1024,
    LEDGER_LINE = 80
};

/* When some sequences were accepted, coarsely: enough to tell the age of the oldest. */
struct age_marks {
    struct {
        uint64_t sequence, wall_ns;
    } marks[AGE_MARKS];
    size_t first, count;
};

struct spool {
    char dir[SEGMENT_PATH_SIZE];
    struct stream streams[SPOOL_LANES_END]; /* by lane; a late one that is not there is empty */
    struct age_marks ages[SPOOL_LANES_END];
    uint64_t offered[SPOOL_LANES_END]; /* the highest sequence that the centre may know */
    uint64_t cap_bytes, dropped;
    int ledger_fd;
    char ledger[LEDGER_SIZE]; /* lines about records that are not written yet */
    size_t ledger_len;
    bool failed;
};

enum { LANES = SPOOL_LANES_END - 1 };

static const unsigned drop_order[LANES] = {SPOOL_FLOW_LATE, STREAM_FLOW, SPOOL_COUNTER_LATE,
                                           STREAM_COUNTER,  STREAM_SNMP, STREAM_PROBE,
                                           STREAM_ASSET,    STREAM_ALERT};

enum wire_stream spool_stream_of(unsigned lane)
{
    switch (lane) {
    case SPOOL_COUNTER_LATE: return STREAM_COUNTER;
    case SPOOL_FLOW_LATE: return STREAM_FLOW;
    default: return (enum wire_stream)lane;
    }
}

static unsigned late_lane_of(enum wire_stream stream)
{
    return stream == STREAM_COUNTER ? SPOOL_COUNTER_LATE
           : stream == STREAM_FLOW  ? SPOOL_FLOW_LATE
                                    : 0;
}

static bool is_late(unsigned lane)
{
    return lane > STREAM_COUNT;
}

/* For people. */
static const char *lane_word(unsigned lane)
{
    return wire_stream_word(spool_stream_of(lane));
}

static bool is_there(const struct stream *stream)
{
    return stream->count > 0;
}

static uint64_t segment_size_for(uint64_t cap)
{
    uint64_t size = cap / SEGMENTS_IN_CAP;
    return size < SEGMENT_MIN ? SEGMENT_MIN : size > SEGMENT_MAX ? SEGMENT_MAX : size;
}

static int lane_path(const struct spool *s, unsigned lane, char path[SEGMENT_PATH_SIZE],
                     struct err *e)
{
    int len = snprintf(path, SEGMENT_PATH_SIZE, "%s/%s%s", s->dir, lane_word(lane),
                       is_late(lane) ? "-late" : "");
    return len < SEGMENT_PATH_SIZE ? 0 : err_set(e, ERR_ARG, "the path of the spool is too long");
}

static int open_lane(struct spool *s, unsigned lane, uint64_t now_s, struct err *e)
{
    struct stream *stream = &s->streams[lane];
    char dir[SEGMENT_PATH_SIZE];
    if (lane_path(s, lane, dir, e) != 0 ||
        stream_open(stream, dir, segment_size_for(s->cap_bytes), now_s, e) != 0) {
        return err_wrap(e, "spool %s", dir);
    }
    /* An earlier run may have sent all of it; what comes now, nobody knows yet. */
    s->offered[lane] = stream->next - 1;
    return 0;
}

/* The late lanes that an earlier run has left, then the streams, whose epochs are above. */
static int open_lanes(struct spool *s, uint64_t now_s, struct err *e)
{
    for (unsigned lane = SPOOL_LANES_END - 1; lane > 0; lane--) {
        char dir[SEGMENT_PATH_SIZE];
        if (is_late(lane) && (lane_path(s, lane, dir, e) != 0 || access(dir, F_OK) != 0)) {
            continue;
        }
        unsigned late = is_late(lane) ? 0 : late_lane_of((enum wire_stream)lane);
        uint64_t above = late != 0 ? s->streams[late].epoch + 1 : 0;
        if (open_lane(s, lane, now_s > above ? now_s : above, e) != 0) {
            return -1;
        }
    }
    return 0;
}

struct spool *spool_open(const struct spool_options *options, struct err *e)
{
    struct spool *s = calloc(1, sizeof *s);
    if (s == NULL) {
        err_set(e, ERR_NOMEM, "no memory for the spool");
        return NULL;
    }
    s->cap_bytes = options->cap_bytes;
    s->ledger_fd = options->ledger_fd;
    (void)snprintf(s->dir, sizeof s->dir, "%s", options->dir); /* a cut one is refused below */
    for (unsigned lane = 0; lane < SPOOL_LANES_END; lane++) {
        s->streams[lane] = (struct stream){.write_fd = -1, .read_fd = -1};
    }
    int rc = strlen(options->dir) < sizeof s->dir
                 ? open_lanes(s, options->now_s, e)
                 : err_set(e, ERR_ARG, "the path of the spool is too long");
    if (rc != 0) {
        spool_close(s);
        return NULL;
    }
    return s;
}

void spool_close(struct spool *s)
{
    if (s == NULL) {
        return;
    }
    spool_flush(s);
    for (unsigned lane = 1; lane < SPOOL_LANES_END; lane++) {
        if (s->streams[lane].write_fd >= 0) {
            (void)fdatasync(s->streams[lane].write_fd);
        }
        stream_close(&s->streams[lane]);
    }
    free(s);
}

static uint64_t bytes_of_all(const struct spool *s)
{
    uint64_t bytes = 0;
    for (unsigned lane = 1; lane < SPOOL_LANES_END; lane++) {
        bytes += stream_bytes(&s->streams[lane]);
    }
    return bytes;
}

/* Lets acknowledged segments go while they are more than their share, or room is wanted. */
static void drop_acknowledged(struct spool *s, bool room_wanted)
{
    for (size_t i = 0; i < LANES; i++) {
        struct stream *stream = &s->streams[drop_order[i]];
        while (room_wanted || stream_bytes(stream) - stream_waiting_bytes(stream) >
                                  s->cap_bytes / REPLAY_SHARE / STREAM_COUNT) {
            if (stream_drop_oldest(stream, true) == 0) {
                break;
            }
        }
    }
}

/* Drops the oldest segment of a stream, unsent records and all; false when it has but one. */
static bool drop_unsent(struct spool *s, unsigned lane)
{
    struct stream *stream = &s->streams[lane];
    if (!is_there(stream)) {
        return false;
    }
    uint64_t first = stream->segments[0].first;
    if (stream_drop_oldest(stream, false) == 0) {
        return false;
    }
    uint64_t kept = stream->segments[0].first;
    uint64_t unsent = first > stream->acked ? first : stream->acked + 1;
    if (unsent < kept) {
        s->dropped += kept - unsent;
        log_warn(NULL, "spool full: dropped %s %" PRIu64 "-%" PRIu64, lane_word(lane), unsent,
                 kept - 1);
    }
    return true;
}

/* Frees disk space, whatever the cap says: acknowledged records first. */
static bool free_one_segment(struct spool *s)
{
    uint64_t before = bytes_of_all(s);
    drop_acknowledged(s, true);
    bool freed = bytes_of_all(s) < before;
    for (size_t i = 0; !freed && i < LANES; i++) {
        freed = drop_unsent(s, drop_order[i]);
    }
    return freed;
}

/* Makes room for len bytes; false when only what is being written is left. */
static bool make_room(struct spool *s, size_t len)
{
    if (bytes_of_all(s) + len <= s->cap_bytes) {
        return true;
    }
    drop_acknowledged(s, true);
    for (size_t i = 0; i < LANES; i++) {
        while (bytes_of_all(s) + len > s->cap_bytes && drop_unsent(s, drop_order[i])) {
        }
    }
    return bytes_of_all(s) + len <= s->cap_bytes;
}

/* A line stands in the ledger only once its record is written, or given up as a gap. */
static void ledger_save(struct spool *s)
{
    if (s->ledger_len > 0 &&
        write(s->ledger_fd, s->ledger, s->ledger_len) != (ssize_t)s->ledger_len) {
        log_error(NULL, "the ledger takes no more lines");
    }
    s->ledger_len = 0;
}

static void ledger_note(struct spool *s, enum wire_stream stream, uint64_t sequence)
{
    if (s->ledger_fd < 0) {
        return;
    }
    if (s->ledger_len + LEDGER_LINE > sizeof s->ledger) {
        spool_flush(s);
    }
    int len = snprintf(s->ledger + s->ledger_len, LEDGER_LINE, "%s %" PRIu64 " %" PRIu64 "\n",
                       wire_stream_word(stream), s->streams[stream].epoch, sequence);
    s->ledger_len += (size_t)len; /* fits: a word and two numbers */
}

/* Marks thin out by halves, so that they always span everything that waits. */
static void age_note(struct age_marks *a, uint64_t sequence, uint64_t wall_ns)
{
    if (a->count > 0 && wall_ns < a->marks[a->count - 1].wall_ns + NS_PER_S) {
        return;
    }
    if (a->count == AGE_MARKS) {
        for (size_t i = 0; i < AGE_MARKS / 2; i++) {
            a->marks[i] = a->marks[2 * i];
        }
        a->count = AGE_MARKS / 2;
    }
    a->marks[a->count].sequence = sequence;
    a->marks[a->count++].wall_ns = wall_ns;
}

static void age_forget(struct age_marks *a, uint64_t acked)
{
    size_t gone = 0;
    while (gone + 1 < a->count && a->marks[gone + 1].sequence <= acked + 1) {
        gone++;
    }
    memmove(a->marks, a->marks + gone, (a->count - gone) * sizeof a->marks[0]);
    a->count -= gone;
}

/* A disk that is full before the cap is reached: what is older or matters less makes room. */
static int append_even_if_full(struct spool *s, struct stream *to, const void *bytes, size_t len,
                               uint64_t *sequence, struct err *e)
{
    struct err why = {0};
    int result = stream_append(to, bytes, len, sequence, &why);
    if (result != 0 && why.sys == ENOSPC && free_one_segment(s)) {
        result = stream_append(to, bytes, len, sequence, &why);
    }
    return result == 0 ? 0 : err_set(e, why.code, "%s", why.what);
}

int spool_append(struct spool *s, enum wire_stream stream, const void *bytes, size_t len,
                 uint64_t *sequence, struct err *e)
{
    struct stream *to = &s->streams[stream];
    if (!is_there(to) && open_lane(s, stream, clock_wall_ns() / NS_PER_S, e) != 0) {
        s->dropped++;
        s->failed = true;
        return -1;
    }
    if (!make_room(s, len + SEGMENT_RECORD_HEAD_SIZE)) {
        stream_skip(to, true);
        s->dropped++;
        return err_set(e, ERR_FULL, "the spool is full (%" PRIu64 " bytes)", s->cap_bytes);
    }
    uint64_t given = 0;
    if (append_even_if_full(s, to, bytes, len, &given, e) != 0) {
        stream_skip(to, false);
        s->dropped++;
        s->failed = true;
        return -1;
    }
    s->failed = false;
    ledger_note(s, stream, given);
    age_note(&s->ages[stream], given, clock_wall_ns());
    if (sequence != NULL) {
        *sequence = given;
    }
    return 0;
}

/* What cannot be written although room was made is given up: a gap. */
static void flush_lane(struct spool *s, unsigned lane)
{
    struct stream *of = &s->streams[lane];
    struct err e = {0};
    int result = stream_flush(of, &e);
    if (result != 0 && e.sys == ENOSPC && free_one_segment(s)) {
        e = (struct err){0};
        result = stream_flush(of, &e);
    }
    if (result != 0) {
        unsigned lost = stream_forget_pending(of);
        s->failed = true;
        s->dropped += lost;
        log_error(&e, "%u records of %s could not be kept", lost, lane_word(lane));
    }
}

void spool_flush(struct spool *s)
{
    for (unsigned lane = 1; lane < SPOOL_LANES_END; lane++) {
        if (s->streams[lane].pending_len > 0) {
            flush_lane(s, lane);
        }
    }
    ledger_save(s);
}

bool spool_sync_begin(struct spool *s, unsigned lane, struct spool_sync *job)
{
    const struct stream *from = &s->streams[lane];
    if (!is_there(from)) {
        return false;
    }
    flush_lane(s, lane);
    uint64_t upto = from->segments[from->count - 1].next - 1; /* not what was skipped behind it */
    *job = (struct spool_sync){.lane = lane, .fd = -1, .epoch = from->epoch, .upto = upto};
    if (upto <= from->durable) {
        return false;
    }
    job->fd = fcntl(from->write_fd, F_DUPFD_CLOEXEC, 0);
    return job->fd >= 0;
}

void spool_sync_run(struct spool_sync *job)
{
    job->failed = fdatasync(job->fd) == 0 ? 0 : errno;
    (void)close(job->fd);
    job->fd = -1;
}

void spool_sync_end(struct spool *s, const struct spool_sync *job)
{
    struct stream *of = &s->streams[job->lane];
    if (job->epoch != of->epoch) {
        return;
    }
    if (job->failed == 0) {
        stream_set_durable(of, job->upto);
        return;
    }
    struct err e = {0};
    uint64_t lost = of->next - 1 - of->durable;
    s->failed = true;
    s->dropped += lost;
    log_error(NULL, "the disk lost %" PRIu64 " records of %s", lost, lane_word(job->lane));
    if (stream_distrust(of, &e) != 0) {
        log_error(&e, "the spool of %s cannot go on", lane_word(job->lane));
    }
}

int spool_read(struct spool *s, unsigned lane, uint64_t from, uint32_t max, struct stream_batch *b,
               struct err *e)
{
    if (!is_there(&s->streams[lane])) {
        b->count = 0;
        return 0;
    }
    int result = stream_read(&s->streams[lane], from, max, b, e);
    if (result == 0 && b->last > s->offered[lane]) {
        s->offered[lane] = b->last;
    }
    return result;
}

void spool_ack(struct spool *s, unsigned lane, uint64_t epoch, uint64_t upto)
{
    struct stream *of = &s->streams[lane];
    if (!is_there(of) || epoch != of->epoch) {
        return;
    }
    stream_ack(of, upto);
    if (of->acked > s->offered[lane]) {
        s->offered[lane] = of->acked;
    }
    age_forget(&s->ages[lane], of->acked);
    drop_acknowledged(s, false);
}

uint64_t spool_reconcile(struct spool *s, enum wire_stream stream, uint64_t epoch, uint64_t upto,
                         uint64_t now_s)
{
    struct stream *of = &s->streams[stream];
    bool ahead = epoch > of->epoch || (epoch == of->epoch && upto > s->offered[stream]);
    if (!ahead) {
        uint64_t known = epoch == of->epoch ? upto : 0;
        spool_ack(s, stream, of->epoch, known);
        return known + 1;
    }
    if (epoch == of->epoch) {
        spool_ack(s, stream, epoch, s->offered[stream]); /* an older copy: all of this it has */
    }
    struct err e = {0};
    uint64_t later = epoch + 1 > now_s ? epoch + 1 : now_s;
    if (stream_new_epoch(of, later, &e) != 0) {
        log_error(&e, "no new epoch for %s", wire_stream_word(stream));
        return of->acked + 1;
    }
    s->ages[stream].count = 0;
    s->offered[stream] = 0;
    log_warn(NULL,
             "the centre knows %s %" PRIu64 "/%" PRIu64 ", which this spool never wrote: "
             "new epoch %" PRIu64,
             wire_stream_word(stream), epoch, upto, of->epoch);
    return 1;
}

/* The stream may be left closed: spool_append then opens it. */
static int set_aside(struct spool *s, enum wire_stream stream, unsigned late, uint64_t now_s,
                     struct err *e)
{
    char from[SEGMENT_PATH_SIZE];
    char to[SEGMENT_PATH_SIZE];
    uint64_t above = s->streams[stream].epoch + 1;
    if (lane_path(s, stream, from, e) != 0 || lane_path(s, late, to, e) != 0 ||
        (is_there(&s->streams[late]) && stream_remove(&s->streams[late], e) != 0)) {
        return -1;
    }
    if (stream_flush(&s->streams[stream], e) != 0) {
        return -1;
    }
    if (fdatasync(s->streams[stream].write_fd) != 0) {
        return err_set_errno(e, "fdatasync in %s", from);
    }
    stream_close(&s->streams[stream]);
    if (rename(from, to) != 0) {
        return err_set_errno(e, "rename %s", from);
    }
    s->ages[late] = s->ages[stream];
    s->ages[stream] = (struct age_marks){0};
    return open_lane(s, late, now_s, e) == 0 &&
                   open_lane(s, stream, now_s > above ? now_s : above, e) == 0
               ? folder_sync(s->dir, e)
               : -1;
}

bool spool_set_aside(struct spool *s, enum wire_stream stream, uint64_t least, uint64_t now_s)
{
    unsigned late = late_lane_of(stream);
    if (late == 0) {
        return false;
    }
    const struct stream *live = &s->streams[stream];
    const struct stream *before = &s->streams[late];
    if (live->next - 1 - live->acked < least ||
        (is_there(before) && before->acked + 1 < before->next)) {
        return false;
    }
    struct err e = {0};
    uint64_t waiting = live->next - 1 - live->acked;
    if (set_aside(s, stream, late, now_s, &e) != 0) {
        log_error(&e, "what waits of %s cannot be set aside", wire_stream_word(stream));
        return false;
    }
    log_info(NULL, "%" PRIu64 " records of %s are filled in beside what is new", waiting,
             wire_stream_word(stream));
    return true;
}

void spool_save(struct spool *s)
{
    for (unsigned lane = 1; lane < SPOOL_LANES_END; lane++) {
        struct err e = {0};
        if (is_there(&s->streams[lane]) && stream_save(&s->streams[lane], &e) != 0) {
            log_warn(&e, "what was acknowledged is not saved");
        }
    }
}

struct spool_place spool_place(const struct spool *s, unsigned lane)
{
    const struct stream *of = &s->streams[lane];
    if (!is_there(of)) {
        return (struct spool_place){0};
    }
    return (struct spool_place){
        .epoch = of->epoch, .acked = of->acked, .durable = of->durable, .tail = of->next - 1};
}

void spool_stats(const struct spool *s, struct spool_stats *stats)
{
    *stats =
        (struct spool_stats){.cap_bytes = s->cap_bytes, .dropped = s->dropped, .failed = s->failed};
    for (unsigned lane = 1; lane < SPOOL_LANES_END; lane++) {
        const struct stream *of = &s->streams[lane];
        uint64_t waiting = is_there(of) ? of->next - 1 - of->acked : 0;
        if (waiting == 0) {
            continue;
        }
        stats->records += waiting;
        stats->bytes += stream_waiting_bytes(of);
        const struct age_marks *a = &s->ages[lane];
        uint64_t oldest = a->count > 0 ? a->marks[0].wall_ns : 0;
        if (oldest != 0 && (stats->oldest_wall_ns == 0 || oldest < stats->oldest_wall_ns)) {
            stats->oldest_wall_ns = oldest;
        }
    }
}
