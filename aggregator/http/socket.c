/*
 * One WebSocket: whole text messages in, shared frames out. Frames are pulled: when the socket can
 * take more, the owner is asked for the next one, so nothing is queued for a slow reader here. A
 * frame is written in fragments, one each time the socket is writable.
 */
#include "aggregator/http/context.h"

#define LOG_MODULE "http"
#include "common/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The kernel would else hide a slow reader behind megabytes. */
enum { SEND_BUFFER = 128 * 1024 };

struct http_socket {
    struct lws *wsi;
    struct http_server *server;
    void *state; /* the owner's */
    struct http_frame *frame;
    size_t sent; /* bytes of frame */
    size_t received;
    unsigned close_status; /* 0: stay */
    char message[HTTP_MESSAGE_MAX];
};

static void limit_send_buffer(struct lws *wsi)
{
    int size = SEND_BUFFER;
    if (setsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_SNDBUF, &size, sizeof size) != 0) {
        log_warn(NULL, "cannot limit the send buffer of a WebSocket");
    }
}

static void socket_free(struct http_socket *socket)
{
    http_frame_unref(socket->frame);
    free(socket);
}

static int opened(struct http_server *server, struct lws *wsi, struct http_socket **place)
{
    struct http_socket *socket = calloc(1, sizeof *socket);
    struct http_request *request = socket != NULL ? request_read(wsi, HTTP_GET, "", 0) : NULL;
    if (request == NULL) {
        free(socket);
        return -1;
    }
    *socket = (struct http_socket){.wsi = wsi, .server = server};
    socket->state = server->handlers.opened(server->handlers.arg, socket, request);
    http_request_free(request);
    if (socket->state == NULL) {
        socket_free(socket);
        return -1;
    }
    *place = socket;
    server_wait_over(server, wsi);
    limit_send_buffer(wsi);
    http_stat_add(&server->stats.sockets, 1);
    http_stat_add(&server->stats.sockets_opened, 1);
    return 0;
}

static void closed(struct http_server *server, struct http_socket *socket)
{
    server->handlers.closed(server->handlers.arg, socket->state);
    http_stat_sub(&server->stats.sockets, 1);
    socket_free(socket);
}

static int close_now(struct http_socket *socket)
{
    lws_close_reason(socket->wsi, (enum lws_close_status)socket->close_status, NULL, 0);
    return -1;
}

static int received(struct http_server *server, struct http_socket *socket, const char *bytes,
                    size_t len)
{
    if (lws_frame_is_binary(socket->wsi)) {
        socket->close_status = LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE;
        return close_now(socket);
    }
    if (len > sizeof socket->message - socket->received) {
        socket->close_status = LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE;
        return close_now(socket);
    }
    if (len > 0) {
        memcpy(socket->message + socket->received, bytes, len);
        socket->received += len;
    }
    if (lws_is_final_fragment(socket->wsi) && lws_remaining_packet_payload(socket->wsi) == 0) {
        size_t whole = socket->received;
        socket->received = 0;
        server->handlers.received(server->handlers.arg, socket->state, socket->message, whole);
    }
    return 0;
}

static int write_fragment(struct http_server *server, struct http_socket *socket)
{
    const struct http_frame *frame = socket->frame;
    size_t left = frame->len - socket->sent;
    size_t len = left < WRITE_MAX ? left : WRITE_MAX;
    int flags = lws_write_ws_flags(LWS_WRITE_TEXT, socket->sent == 0, len == left);
    unsigned char *start = server->scratch + LWS_PRE;
    memcpy(start, frame->text + socket->sent, len);
    if (lws_write(socket->wsi, start, len, (enum lws_write_protocol)flags) < 0) {
        return -1;
    }
    socket->sent += len;
    http_stat_add(&server->stats.frame_bytes_sent, len);
    return 0;
}

static int writable(struct http_server *server, struct http_socket *socket)
{
    if (socket->close_status != 0) {
        return close_now(socket);
    }
    if (socket->frame == NULL) {
        socket->frame = server->handlers.next(server->handlers.arg, socket->state);
        socket->sent = 0;
    }
    if (socket->frame == NULL) {
        return 0;
    }
    if (write_fragment(server, socket) != 0) {
        return -1;
    }
    if (socket->sent == socket->frame->len) {
        http_frame_unref(socket->frame);
        socket->frame = NULL;
        http_stat_add(&server->stats.frames_sent, 1);
    }
    lws_callback_on_writable(socket->wsi); /* there may be more */
    return 0;
}

void http_socket_send_soon(struct http_socket *socket)
{
    lws_callback_on_writable(socket->wsi);
}

void http_socket_close(struct http_socket *socket, unsigned status)
{
    socket->close_status = status;
    lws_callback_on_writable(socket->wsi);
}

int socket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct http_socket **place = user;
    struct http_server *server = server_of(wsi);
    switch (reason) {
    case LWS_CALLBACK_WSI_DESTROY: server_forget(server, wsi); return 0;
    case LWS_CALLBACK_ESTABLISHED: return opened(server, wsi, place);
    case LWS_CALLBACK_RECEIVE: return *place != NULL ? received(server, *place, in, len) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE: return *place != NULL ? writable(server, *place) : -1;
    case LWS_CALLBACK_CLOSED:
        if (*place != NULL) {
            closed(server, *place);
            *place = NULL;
        }
        return 0;
    default: return 0;
    }
}
