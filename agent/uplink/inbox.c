#include "agent/uplink/inbox.h"

#include "common/queue.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
    bool is_event;
    enum bus_event event;
    char text[INBOX_TEXT_SIZE]; /* of the event, or the message's subject */
    uint8_t *bytes;             /* owned */
    size_t len;
};

struct inbox {
    struct queue *queue;
    uv_async_t wake;
    struct inbox_handlers handlers;
    void (*closed)(void *arg);
    void *closed_arg;
};

static void on_pushed(void *arg)
{
    struct inbox *in = arg;
    (void)uv_async_send(&in->wake); /* fails only for another kind of handle */
}

static void on_wake(uv_async_t *wake)
{
    struct inbox *in = wake->data;
    struct item item;
    while (queue_pop(in->queue, &item)) {
        if (item.is_event) {
            in->handlers.event(item.event, item.text, in->handlers.arg);
        } else {
            in->handlers.message(item.text, item.bytes, item.len, in->handlers.arg);
        }
        free(item.bytes);
    }
}

struct inbox *inbox_new(uv_loop_t *loop, const struct inbox_handlers *handlers, struct err *e)
{
    struct inbox *in = calloc(1, sizeof *in);
    if (in == NULL) {
        (void)err_set(e, ERR_NOMEM, "the inbox");
        return NULL;
    }
    in->handlers = *handlers;
    in->queue = queue_new(sizeof(struct item), INBOX_SLOTS, on_pushed, in, e);
    if (in->queue == NULL) {
        free(in);
        return NULL;
    }
    if (uv_async_init(loop, &in->wake, on_wake) != 0) {
        queue_free(in->queue);
        free(in);
        (void)err_set(e, ERR_IO, "the loop takes no wake-up");
        return NULL;
    }
    in->wake.data = in;
    return in;
}

void inbox_discard(struct inbox *in)
{
    struct item item;
    while (queue_pop(in->queue, &item)) {
        free(item.bytes);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct inbox *in = handle->data;
    void (*closed)(void *) = in->closed;
    void *arg = in->closed_arg;
    inbox_discard(in);
    queue_free(in->queue);
    free(in);
    closed(arg);
}

void inbox_close(struct inbox *in, void (*closed)(void *arg), void *arg)
{
    in->closed = closed;
    in->closed_arg = arg;
    uv_close((uv_handle_t *)&in->wake, on_closed);
}

void inbox_on_event(enum bus_event event, const char *text, void *inbox)
{
    struct inbox *in = inbox;
    struct item item = {.is_event = true, .event = event};
    (void)snprintf(item.text, sizeof item.text, "%s", text); /* for the log: a cut is fine */
    (void)queue_push(in->queue, &item);                      /* a full queue counts it */
}

void inbox_on_message(const char *subject, const void *bytes, size_t len, void *inbox)
{
    struct inbox *in = inbox;
    struct item item = {.len = len, .bytes = malloc(len > 0 ? len : 1)};
    int subject_len = snprintf(item.text, sizeof item.text, "%s", subject);
    if (item.bytes == NULL || subject_len < 0 || (size_t)subject_len >= sizeof item.text) {
        free(item.bytes);
        return; /* no subject of ours is so long */
    }
    memcpy(item.bytes, bytes, len);
    if (!queue_push(in->queue, &item)) {
        free(item.bytes);
    }
}

uint64_t inbox_dropped(struct inbox *in)
{
    return queue_dropped(in->queue);
}
