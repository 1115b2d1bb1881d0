/* Frames in a ring by their number. */
#include "aggregator/api/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void topic_init(struct topic *topic, const char *name, uint64_t now_ms)
{
    *topic = (struct topic){.n = now_ms};
    (void)snprintf(topic->name, sizeof topic->name, "%s", name); /* checked by live.c */
}

static void drop_oldest(struct topic *topic)
{
    uint64_t oldest = topic->n - topic->count + 1;
    struct http_frame **place = &topic->deltas[oldest % TOPIC_DELTAS];
    topic->bytes -= (*place)->len;
    http_frame_unref(*place);
    *place = NULL;
    topic->count--;
}

static void drop_all(struct topic *topic)
{
    while (topic->count > 0) {
        drop_oldest(topic);
    }
}

void topic_done(struct topic *topic)
{
    drop_all(topic);
    http_frame_unref(topic->snap);
    topic->snap = NULL;
}

struct http_frame *topic_frame(const char *type, const char *name, uint64_t n, json_t *data,
                               uint64_t now_ms)
{
    json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:o*}", "t", type, "topic", name, "n",
                             (json_int_t)n, "at_ms", (json_int_t)now_ms, "data", data);
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    struct http_frame *frame = text != NULL ? http_frame_new(text, strlen(text)) : NULL;
    free(text);
    json_decref(root);
    return frame;
}

void topic_skip(struct topic *topic)
{
    drop_all(topic);
    topic->n++;
}

void topic_delta(struct topic *topic, json_t *data, uint64_t now_ms)
{
    struct http_frame *frame = topic_frame("delta", topic->name, topic->n + 1, data, now_ms);
    if (frame == NULL) {
        topic_skip(topic); /* without memory all get a snapshot, when there is some again */
        return;
    }
    while (topic->count == TOPIC_DELTAS ||
           (topic->count > 0 && topic->bytes + frame->len > TOPIC_BYTES_MAX)) {
        drop_oldest(topic);
    }
    topic->n++;
    topic->count++;
    topic->bytes += frame->len;
    topic->deltas[topic->n % TOPIC_DELTAS] = frame;
}

bool topic_can_follow(const struct topic *topic, uint64_t n)
{
    return n <= topic->n && topic->n - n <= topic->count;
}

struct http_frame *topic_at(const struct topic *topic, uint64_t n)
{
    bool kept = n <= topic->n && topic->n - n < topic->count;
    return kept ? topic->deltas[n % TOPIC_DELTAS] : NULL;
}

void topic_set_snap(struct topic *topic, json_t *data, uint64_t now_ms)
{
    http_frame_unref(topic->snap);
    topic->snap = topic_frame("snap", topic->name, topic->n, data, now_ms);
    topic->snap_n = topic->n;
}
