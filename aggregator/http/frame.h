/*
 * One text frame of the live channel, made once and shared by every socket that sends it. Only
 * the server's thread holds references, so they are plain numbers.
 */
#pragma once

#include <stddef.h>

struct http_frame {
    unsigned refs;
    size_t len;
    char text[];
};

/* A copy of text with one reference; NULL when memory is short. */
struct http_frame *http_frame_new(const char *text, size_t len);
struct http_frame *http_frame_ref(struct http_frame *frame);
/* NULL is fine. */
void http_frame_unref(struct http_frame *frame);
