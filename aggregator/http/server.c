/* The thread, its wake-ups and the way of answers from other threads to it. */
#include "aggregator/http/server.h"

#include "aggregator/http/context.h"
#include "common/clock.h"

#define LOG_MODULE "http"
#include "common/log.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SERVICE_BUFFER = 32 * 1024, /* bytes; see WRITE_MAX */
    HEADER_POOL = 1024,         /* requests being read: 64 made clients wait for seconds */
    HEADER_BYTES = 8 * 1024,    /* of one request's headers */
    HEADER_SECONDS = 10,        /* for the headers of a request to come */
    KEEP_ALIVE_SECONDS = 60,
    PING_SECONDS = 20,    /* of silence on a WebSocket before we ask */
    HANG_UP_SECONDS = 45, /* of silence before we close it */
    REQUEST_MS = 70000,   /* for a whole request with its body, or for the next one to begin */
};

static void write_log(int level, const char *line)
{
    int len = (int)strcspn(line, "\n");
    if (level == LLL_ERR) {
        log_warn(NULL, "libwebsockets: %.*s", len, line);
    } else {
        log_debug(NULL, "libwebsockets: %.*s", len, line);
    }
}

static uint64_t now_ms(void)
{
    return clock_mono_ns() / 1000000;
}

static void show_crowd(struct http_server *server)
{
    http_stat_set(&server->stats.waiting, server->crowd.waiting.count);
    http_stat_set(&server->stats.hung_up, server->crowd.hung_up);
}

void server_wait(struct http_server *server, struct lws *wsi)
{
    crowd_enter(&server->crowd, wsi, now_ms());
    show_crowd(server);
}

void server_wait_over(struct http_server *server, struct lws *wsi)
{
    crowd_leave(&server->crowd, wsi);
    show_crowd(server);
}

void server_forget(struct http_server *server, struct lws *wsi)
{
    crowd_forget(wsi);
    show_crowd(server);
}

static void tick(lws_sorted_usec_list_t *sul)
{
    const struct ticker *ticker = (const struct ticker *)sul; /* its first member */
    struct http_server *server = ticker->server;
    lws_sul_schedule(server->lws, 0, sul, tick, HTTP_TICK_MS * LWS_US_PER_MS);
    uint64_t now = now_ms();
    crowd_hang_up(&server->crowd, now > REQUEST_MS ? now - REQUEST_MS : 0);
    show_crowd(server);
    server->handlers.tick(server->handlers.arg);
}

static void *run(void *arg)
{
    struct http_server *server = arg;
    (void)pthread_setname_np(pthread_self(), "web"); /* only a name */
    lws_sul_schedule(server->lws, 0, &server->ticker.sul, tick, HTTP_TICK_MS * LWS_US_PER_MS);
    while (!atomic_load(&server->stopping)) {
        if (lws_service(server->lws, 0) < 0) {
            log_error(NULL, "the web server's loop ended");
            break;
        }
    }
    server->handlers.woken(server->handlers.arg);
    lws_sul_cancel(&server->ticker.sul);
    lws_context_destroy(server->lws); /* closes every connection: the handlers still run */
    return NULL;
}

/* Signals belong to the main thread: the new one begins with all of them blocked. */
int http_server_start(struct http_server *server, struct err *e)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all); /* cannot fail */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&server->thread, NULL, run, server);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    server->started = failed == 0;
    return failed != 0 ? err_set(e, ERR_IO, "cannot start the web server's thread") : 0;
}

static void set_protocols(struct http_server *server)
{
    server->protocols[0] = (struct lws_protocols){
        .name = "http",
        .callback = exchange_callback,
        .per_session_data_size = EXCHANGE_STATE_SIZE,
    };
    server->protocols[1] = (struct lws_protocols){
        .name = server->protocol,
        .callback = socket_callback,
        .per_session_data_size = EXCHANGE_STATE_SIZE,
        .rx_buffer_size = HTTP_MESSAGE_MAX,
    };
}

static bool is_everywhere(const char *address)
{
    return address[0] == '\0' || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

/* libwebsockets says only that it failed: the address is tried first, for the reason. */
static int try_address(const struct http_options *options, struct err *e)
{
    char port[8];
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    (void)snprintf(port, sizeof port, "%d", options->port); /* 5 digits */
    if (options->port == 0 || is_everywhere(options->address) ||
        getaddrinfo(options->address, port, &hints, &found) != 0) {
        return 0; /* a name of an interface, which libwebsockets takes too */
    }
    int yes = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = 0;
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
                    bind(fd, found->ai_addr, found->ai_addrlen) != 0)) {
        bool taken = errno == EADDRINUSE;
        (void)err_set_errno(e, "cannot listen on %s port %d", options->address, options->port);
        result = err_wrap(e, "http.listen: %s",
                          taken ? "another program has the port (ss -ltnp tells which); end it or "
                                  "choose another one"
                                : "choose an address and port of this machine");
    }
    if (fd >= 0) {
        (void)close(fd); /* only tried */
    }
    freeaddrinfo(found);
    return result;
}

static int open_context(struct http_server *server, const struct http_options *options,
                        struct err *e)
{
    static const lws_retry_bo_t idle = {
        .secs_since_valid_ping = PING_SECONDS,
        .secs_since_valid_hangup = HANG_UP_SECONDS,
    };
    struct lws_context_creation_info info = {
        .port = options->port,
        .iface = is_everywhere(options->address) ? NULL : options->address,
        .protocols = server->protocols,
        .gid = -1, /* no change of user: we never run as root */
        .uid = -1,
        .user = server,
        .server_string = "picket",
        .options = LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME | LWS_SERVER_OPTION_VALIDATE_UTF8,
        .pt_serv_buf_size = SERVICE_BUFFER,
        .max_http_header_pool = HEADER_POOL,
        .max_http_header_data = HEADER_BYTES,
        .timeout_secs = HEADER_SECONDS,
        .keepalive_timeout = KEEP_ALIVE_SECONDS,
        .retry_and_idle_policy = &idle,
        .alpn = "http/1.1", /* over h2, own headers came back empty and large writes stalled */
        .vhost_name = "picket",
    };
    if (server->tls) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = options->cert_file;
        info.ssl_private_key_filepath = options->key_file;
    }
    lws_set_log_level(LLL_ERR | LLL_WARN, write_log);
    if (try_address(options, e) != 0) {
        return -1;
    }
    server->lws = lws_create_context(&info);
    if (server->lws == NULL) {
        return err_set(e, ERR_IO, "cannot listen on %s port %d%s; look at http.listen%s",
                       options->address, options->port,
                       server->tls ? ", or the certificate cannot be read" : "",
                       server->tls ? ", http.cert and http.key" : "");
    }
    struct lws_vhost *vhost = lws_get_vhost_by_name(server->lws, "picket");
    server->port = lws_get_vhost_listen_port(vhost);
    return 0;
}

static void release(struct http_server *server)
{
    table_free(server->exchanges);
    for (struct http_response *reply = server->replies; reply != NULL;) {
        struct http_response *next = reply->next;
        http_response_free(reply);
        reply = next;
    }
    (void)pthread_mutex_destroy(&server->reply_lock);
    free(server);
}

struct http_server *http_server_open(const struct http_options *options, struct err *e)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the web server");
        return NULL;
    }
    server->handlers = options->handlers;
    server->ticker.server = server;
    server->protocol = options->protocol;
    server->tls = options->cert_file != NULL;
    (void)pthread_mutex_init(&server->reply_lock, NULL); /* default attributes cannot fail */
    set_protocols(server);
    server->exchanges = exchange_table_new(EXCHANGES_MAX, e);
    if (server->exchanges == NULL || open_context(server, options, e) != 0) {
        release(server);
        return NULL;
    }
    return server;
}

void http_server_close(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->started) {
        atomic_store(&server->stopping, true);
        lws_cancel_service(server->lws);
        (void)pthread_join(server->thread, NULL); /* it is ours and joinable */
    } else {
        lws_context_destroy(server->lws);
    }
    release(server);
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

struct http_stats *http_server_stats(struct http_server *server)
{
    return &server->stats;
}

void http_server_wake(struct http_server *server)
{
    lws_cancel_service(server->lws);
}

void http_server_reply(struct http_server *server, uint64_t request_id,
                       struct http_response *response)
{
    if (response == NULL) {
        response = http_response_new(500);
    }
    if (response == NULL) {
        return; /* no memory even for that: the exchange ends by its time-out */
    }
    response->request_id = request_id;
    (void)pthread_mutex_lock(&server->reply_lock);
    response->next = server->replies;
    server->replies = response;
    (void)pthread_mutex_unlock(&server->reply_lock);
    lws_cancel_service(server->lws);
}

void server_deliver_replies(struct http_server *server)
{
    (void)pthread_mutex_lock(&server->reply_lock);
    struct http_response *reply = server->replies;
    server->replies = NULL;
    (void)pthread_mutex_unlock(&server->reply_lock);
    while (reply != NULL) {
        struct http_response *next = reply->next;
        exchange_answer(server, reply);
        reply = next;
    }
}
