/*
 * From cnats' threads to the loop's: what the bus tells is copied, queued and handed over on the
 * loop. Its two call-backs are given to the bus with the inbox as their argument.
 */
#pragma once

#include "common/bus.h"
#include "common/err.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum { INBOX_SLOTS = 256, INBOX_TEXT_SIZE = 256 };

struct inbox;

/* Both on the loop's thread; all is borrowed for the call. */
struct inbox_handlers {
    void (*event)(enum bus_event event, const char *text, void *arg);
    void (*message)(const char *subject, const void *bytes, size_t len, void *arg);
    void *arg;
};

struct inbox *inbox_new(uv_loop_t *loop, const struct inbox_handlers *handlers, struct err *e);
/* The bus must be closed before. closed is called from the loop when the memory is gone. */
void inbox_close(struct inbox *in, void (*closed)(void *arg), void *arg);

/* bus_event_fn and bus_message_fn. Any thread. */
void inbox_on_event(enum bus_event event, const char *text, void *inbox);
void inbox_on_message(const char *subject, const void *bytes, size_t len, void *inbox);

/* Forgets what a bus that is closed now had still told. */
void inbox_discard(struct inbox *in);
/* Messages lost because the loop did not keep up, since new. */
uint64_t inbox_dropped(struct inbox *in);
