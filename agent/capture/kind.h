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

struct source *source_open_live(const char *interface, const struct source_options *options,
                                struct err *e);
struct source *source_open_file(const struct file_word *word, const struct source_options *options,
                                struct err *e);
