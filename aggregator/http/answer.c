/* Reading a request out of libwebsockets and writing the head of an answer into its buffer. */
#include "aggregator/http/context.h"

#include "aggregator/http/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void copy_header(struct lws *wsi, enum lws_token_indexes token, char *buf, size_t size)
{
    if (lws_hdr_copy(wsi, buf, (int)size, token) < 0) {
        buf[0] = '\0';
    }
}

static void copy_query(struct lws *wsi, struct http_request *request)
{
    char part[QUERY_STRING_MAX];
    for (int i = 0; request->query_fault == 0; i++) {
        int len = lws_hdr_copy_fragment(wsi, part, sizeof part, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (len == -1) { /* no further part */
            return;
        }
        request->query_fault =
            len >= 0 ? query_params_add(&request->query, part, (size_t)len, &request->query_error)
                     : err_set(&request->query_error, ERR_FULL, "the query is too long");
    }
}

static void copy_session(struct lws *wsi, struct http_request *request)
{
    char cookies[HTTP_MESSAGE_MAX];
    copy_header(wsi, WSI_TOKEN_HTTP_COOKIE, cookies, sizeof cookies);
    if (!text_cookie(cookies, "picket_session", request->session, sizeof request->session)) {
        request->session[0] = '\0';
    }
    explicit_bzero(cookies, sizeof cookies);
}

static void copy_csrf(struct lws *wsi, struct http_request *request)
{
    static const char name[] = "x-picket-csrf:";
    if (lws_hdr_custom_copy(wsi, request->csrf, sizeof request->csrf, name, sizeof name - 1) < 0) {
        request->csrf[0] = '\0';
    }
}

/* An IPv4 client of an IPv6 socket is written as what it is. */
static void copy_peer(struct lws *wsi, char *buf, size_t size)
{
    static const char mapped[] = "::ffff:";
    (void)lws_get_peer_simple(wsi, buf, size); /* "" when unknown */
    size_t skip = strncmp(buf, mapped, sizeof mapped - 1) == 0 ? sizeof mapped - 1 : 0;
    memmove(buf, buf + skip, strlen(buf + skip) + 1);
}

struct http_request *request_read(struct lws *wsi, enum http_method method, const char *path,
                                  size_t path_len)
{
    struct http_request *request = calloc(1, sizeof *request);
    if (request == NULL) {
        return NULL;
    }
    request->method = method;
    if (path_len < sizeof request->path) {
        memcpy(request->path, path, path_len);
    }
    copy_query(wsi, request);
    copy_session(wsi, request);
    copy_csrf(wsi, request);
    copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, request->content_type,
                sizeof request->content_type);
    copy_header(wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, request->accept_encoding,
                sizeof request->accept_encoding);
    copy_header(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, request->if_none_match,
                sizeof request->if_none_match);
    copy_header(wsi, WSI_TOKEN_ORIGIN, request->origin, sizeof request->origin);
    copy_header(wsi, WSI_TOKEN_HOST, request->host, sizeof request->host);
    copy_peer(wsi, request->peer, sizeof request->peer);
    request->tls = lws_is_ssl(wsi) != 0;
    return request;
}

/* The same for every answer: what the browser may do with it. */
static const struct {
    const char *name, *value;
} security_headers[] = {
    {"content-security-policy:",
     "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
     "form-action 'self'; frame-ancestors 'none'"},
    {"x-content-type-options:", "nosniff"},
    {"referrer-policy:", "no-referrer"},
    {"cross-origin-opener-policy:", "same-origin"},
    {"cross-origin-resource-policy:", "same-origin"},
};

static int add_header(struct lws *wsi, struct answer_part *part, const char *name,
                      const char *value)
{
    return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
                                       (const unsigned char *)value, (int)strlen(value), &part->at,
                                       part->end);
}

/* A page with a policy of its own, such as a report, does without the common one. */
static bool has_header(const struct http_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int add_common_headers(const struct http_server *server, struct lws *wsi,
                              const struct http_response *response, uint64_t id,
                              struct answer_part *part)
{
    for (size_t i = 0; i < sizeof security_headers / sizeof security_headers[0]; i++) {
        if (!has_header(response, security_headers[i].name) &&
            add_header(wsi, part, security_headers[i].name, security_headers[i].value) != 0) {
            return -1;
        }
    }
    if (server->tls &&
        add_header(wsi, part, "strict-transport-security:", "max-age=31536000") != 0) {
        return -1;
    }
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, id); /* 20 digits at most */
    return add_header(wsi, part, "x-request-id:", text);
}

int answer_write_headers(const struct http_server *server, struct lws *wsi,
                         const struct http_response *response, uint64_t id,
                         struct answer_part *part)
{
    if (lws_add_http_header_status(wsi, response->status, &part->at, part->end) != 0 ||
        add_common_headers(server, wsi, response, id, part) != 0) {
        return -1;
    }
    for (size_t i = 0; i < response->header_count; i++) {
        if (add_header(wsi, part, response->headers[i].name, response->headers[i].value) != 0) {
            return -1;
        }
    }
    /* RFC 9110, 8.6: neither 204 nor 304 has a length of its own. */
    bool has_length = response->status != 204 && response->status != 304;
    if (has_length &&
        lws_add_http_header_content_length(wsi, response->body_len, &part->at, part->end) != 0) {
        return -1;
    }
    return lws_finalize_http_header(wsi, &part->at, part->end);
}

int answer_write_whole(struct http_server *server, struct lws *wsi,
                       const struct http_response *response, uint64_t id)
{
    unsigned char *start = server->scratch + LWS_PRE;
    struct answer_part part = {.at = start, .end = server->scratch + sizeof server->scratch};
    if (answer_write_headers(server, wsi, response, id, &part) != 0 ||
        response->body_len > (size_t)(part.end - part.at)) {
        return -1;
    }
    if (response->body_len > 0) {
        memcpy(part.at, response->body, response->body_len);
        part.at += response->body_len;
    }
    answer_count(server, response->status);
    return lws_write(wsi, start, (size_t)(part.at - start), LWS_WRITE_HTTP_FINAL) < 0 ? -1 : 0;
}

void answer_count(struct http_server *server, unsigned status)
{
    _Atomic uint64_t *const by_class[] = {
        &server->stats.answers_2xx,
        &server->stats.answers_3xx,
        &server->stats.answers_4xx,
        &server->stats.answers_5xx,
    };
    if (status >= 200 && status < 600) {
        http_stat_add(by_class[status / 100 - 2], 1);
    }
}
