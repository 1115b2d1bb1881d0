/*
 * One HTTP transaction: read the request with its body, hand it over, wait for the answer, write
 * it in parts. libwebsockets frees our pointer's place at each transaction's end, and tells so
 * first: that is where an exchange ends, whatever became of it.
 */
#include "aggregator/http/context.h"

#include "aggregator/http/text.h"

#define LOG_MODULE "http"
#include "common/log.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a body that is too large, this much is read and passed over; beyond, the connection ends. */
enum { DISCARD_MAX = 8 * HTTP_BODY_MAX };
enum { PAUSE_US = 10 * 1000 };

struct exchange {
    uint64_t id;
    struct lws *wsi;
    struct http_request *request;   /* while it is read; then it is the handler's */
    struct http_response *response; /* once there is one */
    size_t body_room;               /* Content-Length */
    size_t sent;                    /* bytes of the response's body */
    bool head;                      /* only headers are wanted */
    bool last;                      /* the rest of the input cannot be read: close afterwards */
    bool body_done;
    bool headers_sent;
};

struct exchange_entry {
    uint64_t id;
    struct exchange *exchange;
};

struct table *exchange_table_new(size_t max, struct err *e)
{
    return table_new(sizeof(uint64_t), sizeof(struct exchange_entry), max, e);
}

static struct exchange *exchange_new(struct http_server *server, struct lws *wsi)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    uint64_t id = ++server->last_id;
    bool made = false;
    struct exchange_entry *entry =
        exchange != NULL ? table_put(server->exchanges, &id, &made) : NULL;
    if (entry == NULL) {
        free(exchange);
        return NULL;
    }
    *exchange = (struct exchange){.id = id, .wsi = wsi};
    entry->exchange = exchange;
    http_stat_add(&server->stats.exchanges, 1);
    return exchange;
}

static void exchange_free(struct http_server *server, struct exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    (void)table_remove(server->exchanges, &exchange->id); /* it is there: exchange_new put it */
    http_request_free(exchange->request);
    http_response_free(exchange->response);
    free(exchange);
    http_stat_sub(&server->stats.exchanges, 1);
}

/*
 * libwebsockets wakes for input that it will not read before the answer is out (a pipelined
 * request, the client's end of stream) again and again, without pause. So input is shut off while
 * there is nothing to write; but then it does not tell either that the connection can be written,
 * so it is opened again for each write.
 */
static int input_off(struct exchange *exchange)
{
    return lws_rx_flow_control(exchange->wsi, 0) < 0 ? -1 : 0;
}

static int input_on_and_write(struct exchange *exchange)
{
    if (lws_rx_flow_control(exchange->wsi, 1) < 0) {
        return -1;
    }
    return lws_callback_on_writable(exchange->wsi) < 0 ? -1 : 0;
}

/* Without memory for an answer the exchange ends by its time-out. */
static void set_response(struct exchange *exchange, struct http_response *response)
{
    exchange->response = response;
    (void)input_on_and_write(exchange); /* fails only for a connection that is about to be closed */
}

static void refuse(struct exchange *exchange, const struct http_fault *fault)
{
    http_request_free(exchange->request);
    exchange->request = NULL;
    struct http_response *response = http_response_error(fault);
    if (exchange->last) {
        http_response_header(response, "connection:", "close");
    }
    set_response(exchange, response);
}

void exchange_answer(struct http_server *server, struct http_response *response)
{
    const struct exchange_entry *entry = table_get(server->exchanges, &response->request_id);
    if (entry == NULL || entry->exchange->response != NULL) {
        http_stat_add(&server->stats.answers_late, 1);
        http_response_free(response);
        return;
    }
    set_response(entry->exchange, response);
}

static int hand_over(struct http_server *server, struct exchange *exchange)
{
    struct http_request *request = exchange->request;
    exchange->request = NULL;
    server_wait_over(server, exchange->wsi);
    lws_set_timeout(exchange->wsi, PENDING_TIMEOUT_USER_OK, WAIT_SECONDS);
    server->handlers.request(server->handlers.arg, request);
    return 0;
}

static bool has_body(enum http_method method)
{
    return method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH;
}

/* Reads a Content-Length (RFC 9110, 8.6: digits only); false when it is none. */
static bool read_length(const char *text, uint64_t *length)
{
    enum { DIGITS_MAX = 18 };
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > DIGITS_MAX || text[digits] != '\0') {
        return false;
    }
    *length = strtoull(text, NULL, 10);
    return true;
}

/* What cannot be served is said before any of the body is read. NULL: all is well. */
static const struct http_fault *check_body(struct lws *wsi, enum http_method method,
                                           uint64_t *length)
{
    static const struct http_fault chunked = {
        411, "length_required", "A request with a body must say its length.", "Content-Length",
        "Send the body in one piece, without Transfer-Encoding."};
    static const struct http_fault unreadable = {
        400, "bad_request", "Content-Length is not a number.", "Content-Length", NULL};
    static const struct http_fault large = {413, "too_large", "The body is larger than 1 MiB.",
                                            NULL, NULL};
    static const struct http_fault unexpected = {
        400, "bad_request", "A request of this method has no body.", "Content-Length", NULL};
    char text[32] = "";
    bool given = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0;
    *length = 0;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
        (!given && has_body(method))) {
        return &chunked;
    }
    if (given && (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_CONTENT_LENGTH) < 0 ||
                  !read_length(text, length))) {
        return &unreadable;
    }
    if (*length > HTTP_BODY_MAX) {
        return &large;
    }
    return *length > 0 && !has_body(method) ? &unexpected : NULL;
}

static enum http_method method_of(int lws_method)
{
    switch (lws_method) {
    case LWSHUMETH_GET: return HTTP_GET;
    case LWSHUMETH_HEAD: return HTTP_HEAD;
    case LWSHUMETH_POST: return HTTP_POST;
    case LWSHUMETH_PUT: return HTTP_PUT;
    case LWSHUMETH_PATCH: return HTTP_PATCH;
    case LWSHUMETH_DELETE: return HTTP_DELETE;
    default: return HTTP_OPTIONS;
    }
}

static int begin(struct http_server *server, struct lws *wsi, struct exchange **state)
{
    char *path = NULL;
    int path_len = 0;
    enum http_method method = method_of(lws_http_get_uri_and_method(wsi, &path, &path_len));
    struct exchange *exchange = path != NULL ? exchange_new(server, wsi) : NULL;
    if (exchange == NULL) {
        return -1;
    }
    *state = exchange;
    exchange->head = method == HTTP_HEAD;
    exchange->request = request_read(wsi, method, path, (size_t)path_len);
    if (exchange->request == NULL) {
        return -1;
    }
    exchange->request->id = exchange->id;
    uint64_t length = 0;
    const struct http_fault *fault = check_body(wsi, method, &length);
    if (fault != NULL) {
        exchange->last = fault->status != 413 || length > DISCARD_MAX;
        refuse(exchange, fault);
        return 0;
    }
    exchange->body_room = (size_t)length;
    if (length > 0) {
        return 0;
    }
    return input_off(exchange) == 0 ? hand_over(server, exchange) : -1;
}

static int take_body(struct exchange *exchange, const char *bytes, size_t len)
{
    struct http_request *request = exchange->request;
    if (request == NULL) {
        return 0; /* refused already: what still comes is passed over */
    }
    if (request->body == NULL) {
        request->body = malloc(exchange->body_room + 1);
    }
    if (request->body == NULL || len > exchange->body_room - request->body_len) {
        return -1;
    }
    memcpy(request->body + request->body_len, bytes, len);
    request->body_len += len;
    request->body[request->body_len] = '\0';
    return 0;
}

/*
 * libwebsockets comes here again when there is input behind a body (a pipelined request), and
 * would for ever: such a client is hung up on.
 */
static int body_complete(struct http_server *server, struct exchange *exchange)
{
    if (exchange->body_done) {
        return -1;
    }
    exchange->body_done = true;
    return exchange->request != NULL ? hand_over(server, exchange) : 0;
}

static size_t body_left(const struct exchange *exchange)
{
    return exchange->head ? 0 : exchange->response->body_len - exchange->sent;
}

/* Puts headers, if they are still to come, and as much body as fits into one write. */
static int write_part(struct http_server *server, struct exchange *exchange)
{
    unsigned char *start = server->scratch + LWS_PRE;
    struct answer_part part = {.at = start, .end = server->scratch + sizeof server->scratch};
    const struct http_response *response = exchange->response;
    if (!exchange->headers_sent &&
        answer_write_headers(server, exchange->wsi, response, exchange->id, &part) != 0) {
        log_error(NULL, "the headers of an answer do not fit");
        return -1;
    }
    exchange->headers_sent = true;
    size_t room = (size_t)(part.end - part.at);
    size_t len = body_left(exchange) < room ? body_left(exchange) : room;
    if (len > 0) {
        memcpy(part.at, response->body + exchange->sent, len);
        part.at += len;
        exchange->sent += len;
    }
    size_t total = (size_t)(part.at - start);
    http_stat_add(&server->stats.bytes_sent, total);
    enum lws_write_protocol kind = body_left(exchange) > 0 ? LWS_WRITE_HTTP : LWS_WRITE_HTTP_FINAL;
    return lws_write(exchange->wsi, start, total, kind) < 0 ? -1 : 0;
}

/* Writes on at once, or looks again after a pause while the client is slow to read. */
static int go_on(struct exchange *exchange)
{
    struct pollfd out = {.fd = lws_get_socket_fd(exchange->wsi), .events = POLLOUT};
    if (poll(&out, 1, 0) != 0) {
        return input_on_and_write(exchange);
    }
    lws_set_timer_usecs(exchange->wsi, PAUSE_US);
    return input_off(exchange);
}

static int writable(struct http_server *server, struct exchange *exchange)
{
    if (exchange == NULL || exchange->response == NULL) {
        return 0;
    }
    struct lws *wsi = exchange->wsi;
    bool done = exchange->headers_sent && body_left(exchange) == 0;
    if (!done) {
        lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, WAIT_SECONDS);
        if (write_part(server, exchange) != 0) {
            return -1;
        }
        if (body_left(exchange) > 0) {
            return go_on(exchange);
        }
        answer_count(server, exchange->response->status);
    }
    if (exchange->last) {
        return -1;
    }
    server_wait(server, wsi); /* for the next request */
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

/* NULL when the client may have its WebSocket; else the answer. */
static struct http_response *judge_upgrade(struct http_server *server, struct lws *wsi,
                                           const struct http_request *request)
{
    static const struct http_fault unknown = {
        400, "bad_request", "A WebSocket must ask for a subprotocol that is known here.",
        "Sec-WebSocket-Protocol", NULL};
    char protocols[128];
    copy_header(wsi, WSI_TOKEN_PROTOCOL, protocols, sizeof protocols);
    if (!text_list_has(protocols, server->protocol)) {
        return http_response_error(&unknown);
    }
    return server->handlers.upgrade(server->handlers.arg, request);
}

/* Only our own WebSocket is an upgrade; h2c and the like are hung up on. */
static int confirm_upgrade(struct http_server *server, struct lws *wsi, const char *to)
{
    char *path = NULL;
    int path_len = 0;
    if (strcasecmp(to, "websocket") != 0 ||
        lws_http_get_uri_and_method(wsi, &path, &path_len) != LWSHUMETH_GET) {
        return -1;
    }
    struct http_request *request = request_read(wsi, HTTP_GET, path, (size_t)path_len);
    if (request == NULL) {
        return -1;
    }
    request->id = ++server->last_id;
    struct http_response *refusal = judge_upgrade(server, wsi, request);
    int result = 0;
    if (refusal != NULL) {
        result = answer_write_whole(server, wsi, refusal, request->id) == 0 ? 1 : -1;
    }
    http_response_free(refusal);
    http_request_free(request);
    return result;
}

/* What a client sends after it was hung up on. */
static bool comes_too_late(const struct http_server *server, struct lws *wsi,
                           enum lws_callback_reasons reason)
{
    bool input = reason == LWS_CALLBACK_HTTP || reason == LWS_CALLBACK_HTTP_BODY ||
                 reason == LWS_CALLBACK_HTTP_BODY_COMPLETION ||
                 reason == LWS_CALLBACK_HTTP_CONFIRM_UPGRADE;
    return input && crowd_is_doomed(&server->crowd, wsi);
}

int exchange_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                      size_t len)
{
    struct exchange **state = user;
    struct http_server *server = server_of(wsi);
    if (comes_too_late(server, wsi, reason)) {
        return -1;
    }
    switch (reason) {
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED: server_wait(server, wsi); return 0;
    case LWS_CALLBACK_WSI_DESTROY: server_forget(server, wsi); return 0;
    case LWS_CALLBACK_HTTP: return begin(server, wsi, state);
    case LWS_CALLBACK_HTTP_BODY: return take_body(*state, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION: return body_complete(server, *state);
    case LWS_CALLBACK_HTTP_WRITEABLE: return writable(server, *state);
    case LWS_CALLBACK_TIMER: return *state != NULL ? go_on(*state) : 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return confirm_upgrade(server, wsi, in);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return -1; /* a WebSocket of no protocol */
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
    case LWS_CALLBACK_CLOSED_HTTP:
        if (state != NULL) {
            exchange_free(server, *state);
            *state = NULL;
        }
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        server_deliver_replies(server);
        server->handlers.woken(server->handlers.arg);
        return 0;
    default: return 0;
    }
}
