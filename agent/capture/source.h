/*
 * Where packets come from. One small table of functions for every kind of source: a live
 * interface (live.c) or a capture file (file.c); tests bring their own. Opened by the engine
 * before its walls go up, then read by exactly one worker.
 */
#pragma once

#include "common/addr.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOURCE_ERROR_SIZE = 128, SOURCE_LABEL_SIZE = 32, SOURCE_FILTER_SIZE = 1024 };

/* A wall clock that falls by more was set back; less is the daily work of NTP. */
#define SOURCE_STEP_NS 1000000000ull

/* Who sent a datagram to a collector source. */
struct sender {
    struct addr addr;
    uint8_t family; /* enum addr_family */
    bool allowed;
    uint16_t port;
    uint32_t sampling; /* rate set by the source's word, 0: none */
};

/* One packet as captured, or one datagram as received; bytes are borrowed for the call. */
struct packet_view {
    const struct sender *sender; /* NULL for a packet; else bytes are its UDP payload */
    const uint8_t *bytes;
    uint32_t caplen;  /* bytes here */
    uint32_t len;     /* bytes on the wire, ≥ caplen */
    uint64_t time_ns; /* UTC, shifted to the present for replayed files */
    int link_type;    /* DLT number, as capture files carry it */
};

typedef void (*packet_fn)(const struct packet_view *view, void *arg);

enum source_result {
    SOURCE_AGAIN, /* nothing ready now: wait for the descriptor or the time */
    SOURCE_MORE,  /* a batch was read and more may be waiting */
    SOURCE_END,   /* a file came to its end */
    SOURCE_ERROR, /* source_error tells why */
};

struct source;

struct source_ops {
    /* Hands at most `limit` packets to fn. now_ns is the wall clock, for pacing. */
    enum source_result (*read)(struct source *s, unsigned limit, uint64_t now_ns, packet_fn fn,
                               void *arg);
    /* Adds what the kernel dropped since the last call to *dropped. */
    void (*stats)(struct source *s, uint64_t *dropped);
    void (*close)(struct source *s);
};

/* The common head of every source; the kinds embed it first. */
struct source {
    const struct source_ops *ops;
    char label[SOURCE_LABEL_SIZE]; /* name in records: "eth0", or the file's base name */
    char error[SOURCE_ERROR_SIZE]; /* why the last read failed */
    int fd;                        /* to poll for reading; -1: look at due_ns */
    uint64_t due_ns;               /* wall time of the next packet of a paced file; 0: at once */
    uint32_t permille;             /* how far a file was read in this round */
    int link_type;                 /* DLT number of its packets; -1 when it gives none */
    bool live;                     /* an interface: its silence is the wire's */
    bool keeps_time;               /* a file replayed with its own times */
    bool collects;                 /* gives datagrams of flow exporters, not packets */
};

struct source_options {
    const char *filter; /* BPF text, "" for none */
    int64_t ring;       /* bytes of the kernel's ring of a live source */
    int64_t snaplen;
    unsigned fanout; /* workers that share a live source; 1 for none */
    uint16_t fanout_group;
    uint64_t fanout_key; /* random, the same for all of them: see fanout.h */
};

/*
 * Opens "eth0", "any" or "file:PATH[?loop&pace=N&keep-time&name=TEXT]". NULL and e on failure.
 * pace 1 is the file's own speed, 2 twice that (so that its times are half as far apart), 0 as
 * fast as it goes, once: its packets are then of the time up to now.
 * "netflow:udp://ADDRESS:PORT[?allow=NETWORK&sampling=N&name=TEXT]" receives what flow exporters
 * send, from the networks allowed (private ones when none is named, "allow=any" for all).
 */
struct source *source_open(const char *word, const struct source_options *options, struct err *e);
/* Checks the form of such a word without opening it, for --check-config. 0, or -1 and e. */
int source_check(const char *word, struct err *e);
/* Checks that libpcap understands a filter, likewise. */
int source_check_filter(const char *filter, struct err *e);
/* True when the word names a file. */
bool source_is_file(const char *word);
/* True when the word names a port for flow exporters. */
bool source_is_collector(const char *word);
/* The label that the word's records will carry. Returns buf of SOURCE_LABEL_SIZE. */
char *source_label(const char *word, char *buf);
/* libpcap's name for a link type, such as "EN10MB", or its number in buf. */
const char *source_link_name(int link_type, char *buf, size_t size);
void source_close(struct source *s);
