/*
 * A bounded queue of values between threads of one process. Values are copied in and out; what
 * they point to changes hands. The wake function runs on the pushing thread after a push.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;
typedef void (*queue_wake_fn)(void *arg);

/* wake may be NULL. Returns NULL and sets e when memory is short. */
struct queue *queue_new(size_t value_size, size_t slots, queue_wake_fn wake, void *arg,
                        struct err *e);
/* Values still inside are not freed: drain first. free(NULL) is fine. */
void queue_free(struct queue *q);

/* Copies value in; returns false (and counts it) when the queue is full or closed. Any thread. */
bool queue_push(struct queue *q, const void *value);
/* Waits up to wait_ms for room (back-pressure); false when still full or closed. */
bool queue_push_wait(struct queue *q, const void *value, unsigned wait_ms);
/* Copies the oldest value out; returns false at once when empty. */
bool queue_pop(struct queue *q, void *value);
/* Waits up to wait_ms for a value; false when none came or the queue is closed and empty. */
bool queue_pop_wait(struct queue *q, void *value, unsigned wait_ms);
/* No push is taken from now on; waiters wake. */
void queue_close(struct queue *q);
size_t queue_depth(struct queue *q);
uint64_t queue_dropped(struct queue *q);
