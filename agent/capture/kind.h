/* What source.c knows of each kind of source; not for users of sources. */
#pragma once

#include "agent/capture/source.h"

/* The parts of "file:PATH?OPTIONS". */
struct file_word {
    char path[512];
    char label[SOURCE_LABEL_SIZE];
    double pace;
    bool loop;
    bool keep_time;
};

enum { COLLECTOR_ALLOWED = 16 };

/* The parts of "netflow:udp://ADDRESS:PORT?OPTIONS". */
struct collector_word {
    struct addr addr;
    uint8_t family;
    uint16_t port;
    char label[SOURCE_LABEL_SIZE];
    struct addr_prefix allowed[COLLECTOR_ALLOWED];
    size_t allowed_count;
    bool any; /* whoever sends */
    uint32_t sampling;
};

int collector_word_parse(const char *word, struct collector_word *out, struct err *e);
struct source *source_open_collector(const struct collector_word *word, struct err *e);
struct source *source_open_live(const char *interface, const struct source_options *options,
                                struct err *e);
struct source *source_open_file(const struct file_word *word, const struct source_options *options,
                                struct err *e);
