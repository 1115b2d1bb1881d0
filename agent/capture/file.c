/*
 * Capture files by libpcap, compressed by gzip or not, at their own pace or as fast as they go,
 * once or in a loop. The file is opened before the walls go up and never again: a loop rewinds the
 * descriptor. Times are shifted so that the first packet is of now, and each round follows the one
 * before. A file that is read at once is shifted so that its last packet is of now: its times would
 * else run ahead of the clock, and flows of hours to come never end. It is gone through twice for
 * that, both times by the worker, a batch a turn: a large file takes longer than a watchdog waits.
 */
#include "agent/capture/gzip.h"
#include "agent/capture/kind.h"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BUFFER = 64 * 1024 };
#define ROUND_GAP_NS 1000000000ull    /* between the rounds of a loop */
#define GAP_MAX_NS   3600000000000ull /* a longer silence in a file is shortened to this */

struct file_source {
    struct source head;
    int fd; /* ours for ever; each round reads through a copy */
    pcap_t *pcap;
    struct bpf_program program;
    bool filtered;
    bool loop;
    double pace;
    int link_type;
    off_t size;          /* bytes of the file */
    uint64_t span_ns;    /* time in a file that is read at once; else 0 */
    uint64_t began_ns;   /* wall time of the first packet; 0 before it */
    uint64_t elapsed_ns; /* time of the file up to the packet in hand, all rounds */
    uint64_t last_ns;    /* its stamp in the file */
    uint64_t round_packets;
    bool measuring;   /* the first way through a file that is read at once */
    bool fresh_round; /* no packet of this round was read yet */
    bool held;        /* a packet was read that is not due yet */
    struct pcap_pkthdr header;
    const u_char *bytes;
    uint64_t held_ns; /* its time, shifted */
    uint64_t now_ns;  /* wall time of the last read */
    bool ended;
    char buffer[READ_BUFFER]; /* of the stream below pcap; glibc makes none of a wanted size */
};

static int open_round(struct file_source *file, struct err *e)
{
    char buf[PCAP_ERRBUF_SIZE] = "";
    int fd = dup(file->fd);
    bool back = fd >= 0 && lseek(file->fd, 0, SEEK_SET) == 0;
    bool gzip = back && gzip_is(file->fd);
    FILE *stream = !back ? NULL : gzip ? gzip_stream(fd) : fdopen(fd, "rb");
    if (stream == NULL) {
        int result = err_set_errno(e, "%s: cannot be read from its beginning", file->head.label);
        if (fd >= 0 && !gzip) {
            (void)close(fd);
        }
        return result;
    }
    (void)setvbuf(stream, file->buffer, _IOFBF, sizeof file->buffer); /* slower without, no more */
    file->pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, buf);
    if (file->pcap == NULL) {
        (void)fclose(stream);
        return err_set(e, ERR_PARSE, "%s: %s", file->head.label, buf);
    }
    file->link_type = pcap_datalink(file->pcap);
    file->fresh_round = true;
    file->round_packets = 0;
    return 0;
}

static void close_round(struct file_source *file)
{
    if (file->pcap != NULL) {
        pcap_close(file->pcap);
        file->pcap = NULL;
    }
}

/* Moves the file's own clock on to the packet just read; a step back or a void costs nothing. */
static void advance(struct file_source *file, uint64_t stamp_ns)
{
    uint64_t step = 0;
    if (file->fresh_round) {
        step = file->began_ns == 0 ? 0 : ROUND_GAP_NS;
        file->last_ns = stamp_ns;
        file->fresh_round = false;
    } else if (stamp_ns > file->last_ns) {
        step = stamp_ns - file->last_ns;
        file->last_ns = stamp_ns;
    }
    file->elapsed_ns += step < GAP_MAX_NS ? step : GAP_MAX_NS;
}

static uint64_t stamp_of(const struct pcap_pkthdr *header)
{
    return (uint64_t)header->ts.tv_sec * 1000000000u + (uint64_t)header->ts.tv_usec; /* ns */
}

static void hold(struct file_source *file, const struct pcap_pkthdr *header, const u_char *bytes,
                 uint64_t now_ns)
{
    uint64_t stamp = stamp_of(header);
    bool first = file->began_ns == 0;
    advance(file, stamp);
    if (first) {
        file->began_ns = now_ns > file->span_ns ? now_ns - file->span_ns : now_ns;
    }
    file->header = *header;
    file->bytes = bytes;
    file->held = true;
    uint64_t passed_ns = file->elapsed_ns;
    if (file->pace > 0) {
        passed_ns = (uint64_t)((double)passed_ns / file->pace);
        file->head.due_ns = file->began_ns + passed_ns;
    }
    file->held_ns = file->head.keeps_time ? stamp : file->began_ns + passed_ns;
}

static enum source_result broken(struct file_source *file, const char *why)
{
    if (strstr(why, "different from the type of the first interface") != NULL) {
        why = "it holds several link types; split it by tshark -Y frame.interface_id==N -w FILE";
    }
    (void)snprintf(file->head.error, sizeof file->head.error, "%s: %.90s", file->head.label,
                   why); /* cut to fit */
    return SOURCE_ERROR;
}

/* At the end of the file: the next round, or the end. */
static enum source_result next_round(struct file_source *file)
{
    if (!file->loop || file->round_packets == 0) { /* an empty file would turn for ever */
        file->ended = true;
        return SOURCE_END;
    }
    struct err e = {0};
    close_round(file);
    return open_round(file, &e) == 0 ? SOURCE_MORE : broken(file, e.what);
}

static bool is_wanted(const struct file_source *file, const struct pcap_pkthdr *header,
                      const u_char *bytes)
{
    return !file->filtered || pcap_offline_filter(&file->program, header, bytes) != 0;
}

/* Reads one packet and holds it. SOURCE_MORE: held, or a new round has begun. */
static enum source_result fetch(struct file_source *file, uint64_t now_ns)
{
    struct pcap_pkthdr *header = NULL;
    const u_char *bytes = NULL;
    int result = pcap_next_ex(file->pcap, &header, &bytes);
    if (result == PCAP_ERROR_BREAK) {
        return next_round(file);
    }
    if (result != 1) {
        return broken(file, pcap_geterr(file->pcap));
    }
    file->round_packets++;
    if (is_wanted(file, header, bytes)) {
        hold(file, header, bytes, now_ns);
    }
    return SOURCE_MORE;
}

/* Moves on by at most `limit` packets. At the end, or at what is broken, the reading begins. */
static enum source_result measure(struct file_source *file, unsigned limit)
{
    struct pcap_pkthdr *header = NULL;
    const u_char *bytes = NULL;
    struct err e = {0};
    for (unsigned count = 0; count < limit; count++) {
        if (pcap_next_ex(file->pcap, &header, &bytes) != 1) {
            file->measuring = false;
            break;
        }
        if (is_wanted(file, header, bytes)) {
            advance(file, stamp_of(header));
        }
    }
    if (file->measuring) {
        return SOURCE_MORE;
    }
    file->span_ns = file->elapsed_ns;
    file->elapsed_ns = 0;
    close_round(file);
    return open_round(file, &e) == 0 ? SOURCE_MORE : broken(file, e.what);
}

static void note_place(struct file_source *file)
{
    off_t at = ftello(pcap_file(file->pcap));
    if (at > 0 && file->size > 0) {
        file->head.permille = at < file->size ? (uint32_t)(at * 1000 / file->size) : 1000;
    }
}

static void give(struct file_source *file, packet_fn fn, void *arg)
{
    struct packet_view view = {
        .bytes = file->bytes,
        .caplen = file->header.caplen,
        .len = file->header.len,
        .time_ns = file->held_ns,
        .link_type = file->link_type,
    };
    file->held = false;
    fn(&view, arg);
}

/* A clock set back takes the shifted times along: a paced file would else wait for it. */
static void follow_clock(struct file_source *file, uint64_t now_ns)
{
    uint64_t back_ns = file->now_ns > now_ns ? file->now_ns - now_ns : 0;
    file->now_ns = now_ns;
    if (back_ns < SOURCE_STEP_NS || file->began_ns <= back_ns) {
        return;
    }
    file->began_ns -= back_ns;
    file->head.due_ns -= file->head.due_ns > back_ns ? back_ns : file->head.due_ns;
    file->held_ns -= file->head.keeps_time ? 0 : back_ns;
}

static enum source_result file_read(struct source *s, unsigned limit, uint64_t now_ns, packet_fn fn,
                                    void *arg)
{
    struct file_source *file = (struct file_source *)s;
    if (file->ended) {
        return SOURCE_END;
    }
    follow_clock(file, now_ns);
    if (file->measuring) {
        return measure(file, limit);
    }
    note_place(file);
    for (unsigned count = 0; count < limit; count++) {
        if (!file->held) {
            enum source_result result = fetch(file, now_ns);
            if (result != SOURCE_MORE) {
                return result;
            }
        }
        if (file->held && s->due_ns > now_ns) {
            return SOURCE_AGAIN;
        }
        if (file->held) {
            give(file, fn, arg);
        }
    }
    return SOURCE_MORE;
}

static void file_stats(struct source *s, uint64_t *dropped)
{
    (void)s; /* a file drops nothing */
    (void)dropped;
}

static void file_close(struct source *s)
{
    struct file_source *file = (struct file_source *)s;
    close_round(file);
    if (file->filtered) {
        pcap_freecode(&file->program);
    }
    if (file->fd >= 0) {
        (void)close(file->fd); /* only read from */
    }
    free(file);
}

static const struct source_ops file_ops = {
    .read = file_read,
    .stats = file_stats,
    .close = file_close,
};

static int compile_filter(struct file_source *file, const char *text, struct err *e)
{
    if (text[0] == '\0') {
        return 0;
    }
    if (pcap_compile(file->pcap, &file->program, text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        return err_set(e, ERR_CONFIG, "capture.filter: %s", pcap_geterr(file->pcap));
    }
    file->filtered = true;
    return 0;
}

struct source *source_open_file(const struct file_word *word, const struct source_options *options,
                                struct err *e)
{
    struct file_source *file = calloc(1, sizeof *file);
    if (file == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for a source");
        return NULL;
    }
    file->head = (struct source){.ops = &file_ops, .fd = -1, .keeps_time = word->keep_time};
    file->loop = word->loop;
    file->pace = word->pace;
    memcpy(file->head.label, word->label, sizeof file->head.label);
    file->fd = open(word->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* never hang on a pipe */
    struct stat status;
    if (file->fd < 0 || fstat(file->fd, &status) != 0) {
        (void)err_set_errno(e, "cannot open %s", word->path);
        file_close(&file->head);
        return NULL;
    }
    file->size = status.st_size;
    file->measuring = word->pace <= 0 && !word->keep_time;
    if (open_round(file, e) == 0 && compile_filter(file, options->filter, e) == 0) {
        file->head.link_type = file->link_type;
        return &file->head;
    }
    file_close(&file->head);
    return NULL;
}
