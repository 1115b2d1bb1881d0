/* Shared text frames. */
#include "aggregator/http/frame.h"

#include <stdlib.h>
#include <string.h>

struct http_frame *http_frame_new(const char *text, size_t len)
{
    struct http_frame *frame = malloc(sizeof *frame + len);
    if (frame != NULL) {
        frame->refs = 1;
        frame->len = len;
        memcpy(frame->text, text, len);
    }
    return frame;
}

struct http_frame *http_frame_ref(struct http_frame *frame)
{
    frame->refs++;
    return frame;
}

void http_frame_unref(struct http_frame *frame)
{
    if (frame != NULL && --frame->refs == 0) {
        free(frame);
    }
}
