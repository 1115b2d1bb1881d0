/* Building of answers; JSON is written compactly, integers stay integers. */
#include "aggregator/http/response.h"

#include "aggregator/http/request.h"

#define LOG_MODULE "http"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct http_response *http_response_new(unsigned status)
{
    struct http_response *response = calloc(1, sizeof *response);
    if (response != NULL) {
        response->status = status;
    }
    return response;
}

void http_response_free(struct http_response *response)
{
    if (response == NULL) {
        return;
    }
    if (response->secret && response->owned != NULL) {
        explicit_bzero(response->owned, response->body_len);
    }
    free(response->owned);
    free(response);
}

void http_response_header(struct http_response *response, const char *name, const char *value)
{
    if (response == NULL) {
        return;
    }
    if (response->header_count == RESPONSE_HEADERS_MAX || strlen(value) >= RESPONSE_VALUE_SIZE) {
        log_error(NULL, "no room for the header %s", name);
        return;
    }
    struct http_header *header = &response->headers[response->header_count++];
    header->name = name;
    memcpy(header->value, value, strlen(value) + 1);
}

void http_response_own(struct http_response *response, char *text, size_t len)
{
    if (response == NULL) {
        free(text);
        return;
    }
    free(response->owned);
    response->owned = text;
    response->body = text;
    response->body_len = len;
}

void http_response_borrow(struct http_response *response, const char *bytes, size_t len)
{
    if (response != NULL) {
        response->body = bytes;
        response->body_len = len;
    }
}

struct http_response *http_response_json(unsigned status, json_t *body)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    struct http_response *response = http_response_new(text != NULL ? status : 500);
    if (text == NULL) {
        return response;
    }
    http_response_header(response, "content-type:", "application/json");
    http_response_header(response, "cache-control:", "no-store");
    http_response_own(response, text, strlen(text));
    return response;
}

struct http_response *http_response_error(const struct http_fault *fault)
{
    json_t *body = json_pack("{s:{s:s, s:s, s:s?, s:s?}}", "error", "code", fault->code, "message",
                             fault->message, "field", fault->field, "hint", fault->hint);
    return http_response_json(fault->status, body);
}

void http_request_free(struct http_request *request)
{
    if (request == NULL) {
        return;
    }
    if (request->body != NULL) {
        explicit_bzero(request->body, request->body_len); /* it may hold a password */
    }
    free(request->body);
    explicit_bzero(request->session, sizeof request->session);
    free(request);
}
