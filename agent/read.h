/* picket-agent --read FILE: one capture file through the engine's whole way, in this process. */
#pragma once

#include <stdbool.h>

struct read_options {
    const char *path;
    bool json;         /* one line a flow, in order of the first packet; else a table */
    unsigned top;      /* rows of the table */
    bool no_dpi;       /* flows without nDPI's verdicts, several times as fast */
    bool strict;       /* as dpi.strict */
    unsigned workers;  /* threads that read it, 1 to ENGINE_MAX_WORKERS */
    bool reference;    /* reference_file instead */
    const char *rules; /* for it: a file of custom protocols; NULL: none */
};

/* Returns the exit status: 0, or 1 when the file cannot be read to its end. */
int read_file(const struct read_options *options);
