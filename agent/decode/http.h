/*
 * The head of an HTTP/1 message at the beginning of a segment: the few fields that risks and
 * fingerprints are made of. One look at hostile bytes without memory of its own; what is cut off is
 * not there. Source: RFC 9112 sections 2 to 5.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_AGENT_SIZE = 96 };

/* Bytes of the segment, borrowed; NULL and 0 when the field is not there. */
struct http_text {
    const uint8_t *at;
    size_t len;
};

struct http_head {
    bool asks;                   /* a request; else an answer */
    unsigned status;             /* of an answer, 100 to 599 */
    struct http_text target;     /* of a request, as sent */
    struct http_text user_agent; /* User-Agent */
    struct http_text server;     /* Server */
    struct http_text body;       /* what follows the head in this segment */
};

/* False when the bytes do not begin a message. */
bool http_head_read(const uint8_t *bytes, size_t len, struct http_head *h);
/* True when the bytes begin with a request line's method. */
bool http_is_request(const uint8_t *bytes, size_t len);
/* Writes a request's User-Agent, printable and cut to the field; false when it has none. */
bool http_user_agent(const uint8_t *bytes, size_t len, char agent[HTTP_AGENT_SIZE]);
