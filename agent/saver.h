/*
 * A file that is replaced as a whole, again and again, without holding up the loop: the writing and
 * its fsync run in libuv's pool, one at a time; of texts that come meanwhile only the newest is
 * written. The loop does not end before the last one is on disk. The loop's thread.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/* Zeroed but for the first four, which are the caller's to fill; does not move. */
struct saver {
    uv_loop_t *loop;
    const char *path;          /* borrowed */
    void (*failed)(void *arg); /* a text is not on disk; logged already */
    void *arg;

    uv_work_t work;
    char *text, *next; /* being written; the one after that; owned */
    size_t len, next_len;
    bool busy;
    int result;
    struct err e;
};

/* Takes over text. */
void saver_put(struct saver *s, char *text, size_t len);
