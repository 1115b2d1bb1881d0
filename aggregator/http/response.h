/*
 * An answer under construction: status, a few headers, a body. Any thread builds one; handing it
 * to http_server_reply gives it away.
 */
#pragma once

#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESPONSE_HEADERS_MAX = 10, RESPONSE_VALUE_SIZE = 256 };

struct http_header {
    const char *name; /* lower case with its colon, such as "etag:"; static text */
    char value[RESPONSE_VALUE_SIZE];
};

struct http_response {
    unsigned status;
    size_t header_count;
    struct http_header headers[RESPONSE_HEADERS_MAX];
    const char *body; /* NULL: no body */
    size_t body_len;
    char *owned;                /* freed with the response: the body, unless it is borrowed */
    bool secret;                /* the body is wiped before it is freed */
    struct http_response *next; /* of the server, while it waits to be sent */
    uint64_t request_id;        /* likewise */
};

/* NULL when memory is short; each function below then passes NULL on. */
struct http_response *http_response_new(unsigned status);
void http_response_free(struct http_response *response);

/* Adds a header; one that is longer than RESPONSE_VALUE_SIZE is left out and logged. */
void http_response_header(struct http_response *response, const char *name, const char *value);
/* Takes over a text made by malloc. */
void http_response_own(struct http_response *response, char *text, size_t len);
/* Borrows bytes that outlive the server. */
void http_response_borrow(struct http_response *response, const char *bytes, size_t len);

/* A JSON body; takes over the reference, also when it is NULL (then the answer is 500). */
struct http_response *http_response_json(unsigned status, json_t *body);

/* What is wrong, in the one shape of errors. field and hint may be NULL. */
struct http_fault {
    unsigned status;
    const char *code;
    const char *message; /* a sentence for a person */
    const char *field;
    const char *hint;
};
struct http_response *http_response_error(const struct http_fault *fault);
