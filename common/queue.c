/* A mutex, two conditions (a value, room) and a circle of slots. */
#include "common/queue.h"

#include "common/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct queue {
    pthread_mutex_t lock; /* guards all that follows, except what never changes */
    pthread_cond_t value_came;
    pthread_cond_t room_came;
    queue_wake_fn wake; /* never changes */
    void *wake_arg;     /* never changes */
    size_t value_size;  /* bytes; never changes */
    size_t slots;       /* never changes */
    size_t first;       /* slot of the oldest value */
    size_t depth;       /* values inside */
    uint64_t dropped;   /* pushes refused */
    bool closed;
    uint8_t *values;
};

/* A condition whose timed waits go by the monotonic clock. */
static int cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0) {
        return -1;
    }
    int failed = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (failed == 0) {
        failed = pthread_cond_init(cond, &attr);
    }
    (void)pthread_condattr_destroy(&attr); /* cannot fail for an attribute just made */
    return failed == 0 ? 0 : -1;
}

static uint8_t *slot_at(struct queue *q, size_t place)
{
    return q->values + (q->first + place) % q->slots * q->value_size;
}

struct queue *queue_new(size_t value_size, size_t slots, queue_wake_fn wake, void *arg,
                        struct err *e)
{
    if (value_size == 0 || slots == 0 || slots > PTRDIFF_MAX / value_size) {
        (void)err_set(e, ERR_ARG, "a queue of %zu slots of %zu bytes", slots, value_size);
        return NULL;
    }
    struct queue *q = calloc(1, sizeof *q);
    uint8_t *values = calloc(slots, value_size);
    if (q == NULL || values == NULL) {
        goto fail;
    }
    *q = (struct queue){
        .wake = wake, .wake_arg = arg, .value_size = value_size, .slots = slots, .values = values};
    if (pthread_mutex_init(&q->lock, NULL) != 0) {
        goto fail;
    }
    if (cond_init(&q->value_came) != 0) {
        goto fail_lock;
    }
    if (cond_init(&q->room_came) != 0) {
        goto fail_value;
    }
    return q;

fail_value:
    (void)pthread_cond_destroy(&q->value_came);
fail_lock:
    (void)pthread_mutex_destroy(&q->lock);
fail:
    free(values);
    free(q);
    (void)err_set(e, ERR_NOMEM, "a queue of %zu slots of %zu bytes", slots, value_size);
    return NULL;
}

void queue_free(struct queue *q)
{
    if (q == NULL) {
        return;
    }
    (void)pthread_cond_destroy(&q->room_came);
    (void)pthread_cond_destroy(&q->value_came);
    (void)pthread_mutex_destroy(&q->lock);
    free(q->values);
    free(q);
}

/* With the lock held: puts the value in if there is room. */
static bool put_locked(struct queue *q, const void *value)
{
    if (q->closed || q->depth == q->slots) {
        return false;
    }
    memcpy(slot_at(q, q->depth), value, q->value_size);
    q->depth++;
    (void)pthread_cond_signal(&q->value_came);
    return true;
}

/* With the lock held: takes the oldest value out if there is one. */
static bool take_locked(struct queue *q, void *value)
{
    if (q->depth == 0) {
        return false;
    }
    memcpy(value, slot_at(q, 0), q->value_size);
    q->first = (q->first + 1) % q->slots;
    q->depth--;
    (void)pthread_cond_signal(&q->room_came);
    return true;
}

static void wake_after(struct queue *q, bool pushed)
{
    if (pushed && q->wake != NULL) {
        q->wake(q->wake_arg);
    }
}

bool queue_push(struct queue *q, const void *value)
{
    (void)pthread_mutex_lock(&q->lock);
    bool pushed = put_locked(q, value);
    q->dropped += pushed ? 0 : 1;
    (void)pthread_mutex_unlock(&q->lock);
    wake_after(q, pushed);
    return pushed;
}

bool queue_push_wait(struct queue *q, const void *value, unsigned wait_ms)
{
    struct timespec deadline = clock_mono_in(wait_ms);
    int waited = 0;
    (void)pthread_mutex_lock(&q->lock);
    while (!q->closed && q->depth == q->slots && waited == 0) {
        waited = pthread_cond_timedwait(&q->room_came, &q->lock, &deadline);
    }
    bool pushed = put_locked(q, value);
    (void)pthread_mutex_unlock(&q->lock);
    wake_after(q, pushed);
    return pushed;
}

bool queue_pop(struct queue *q, void *value)
{
    (void)pthread_mutex_lock(&q->lock);
    bool taken = take_locked(q, value);
    (void)pthread_mutex_unlock(&q->lock);
    return taken;
}

bool queue_pop_wait(struct queue *q, void *value, unsigned wait_ms)
{
    struct timespec deadline = clock_mono_in(wait_ms);
    int waited = 0;
    (void)pthread_mutex_lock(&q->lock);
    while (!q->closed && q->depth == 0 && waited == 0) {
        waited = pthread_cond_timedwait(&q->value_came, &q->lock, &deadline);
    }
    bool taken = take_locked(q, value);
    (void)pthread_mutex_unlock(&q->lock);
    return taken;
}

void queue_close(struct queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    q->closed = true;
    (void)pthread_cond_broadcast(&q->value_came);
    (void)pthread_cond_broadcast(&q->room_came);
    (void)pthread_mutex_unlock(&q->lock);
}

size_t queue_depth(struct queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    size_t depth = q->depth;
    (void)pthread_mutex_unlock(&q->lock);
    return depth;
}

uint64_t queue_dropped(struct queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    uint64_t dropped = q->dropped;
    (void)pthread_mutex_unlock(&q->lock);
    return dropped;
}
