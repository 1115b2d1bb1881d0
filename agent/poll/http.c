/*
 * libcurl's "multi socket" way: it says which descriptors and which time it waits for, libuv waits.
 * Every run opens a new connection, so that all its parts are measured. The certificate's end is
 * read while the chain is checked, hence also of one that is refused.
 */
#include "agent/poll/http.h"

#include "agent/poll/net.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    KEPT_BYTES = 64 * 1024,   /* of the body, to look for the expected text */
    MOST_BYTES = 1024 * 1024, /* after which the rest is not fetched */
    REDIRECTS_MAX = 5,
};

struct http {
    uv_timer_t timer;
    uv_loop_t *loop;
    CURLM *multi;
};

struct http_get {
    struct http *http;
    CURL *easy;
    const struct config_probe *conf;
    struct probe_record *result;
    http_done_fn done;
    void *arg;
    char *body; /* the first KEPT_BYTES; only when a text is expected */
    size_t kept;
    uint64_t bytes;
    bool enough; /* MOST_BYTES are there */
    char why[CURL_ERROR_SIZE];
};

void http_start(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* what fails here fails every request */
}

/* ---- the end of a request ---- */

static enum probe_state state_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_OK: return PROBE_OK;
    case CURLE_OPERATION_TIMEDOUT: return PROBE_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST: return PROBE_UNKNOWN_NAME;
    case CURLE_COULDNT_CONNECT:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING: return PROBE_REFUSED;
    case CURLE_PEER_FAILED_VERIFICATION: return PROBE_BAD_CERTIFICATE;
    default: return PROBE_FAULT;
    }
}

/* Microseconds between two points of curl's time line, 0 for a part that did not happen. */
static uint32_t between(CURL *easy, CURLINFO from, CURLINFO to)
{
    curl_off_t a = 0, b = 0;
    (void)curl_easy_getinfo(easy, from, &a); /* both stay 0 on failure */
    (void)curl_easy_getinfo(easy, to, &b);
    return b > a && b - a < UINT32_MAX ? (uint32_t)(b - a) : 0;
}

static void measure(struct http_get *get)
{
    struct probe_record *r = get->result;
    curl_off_t name = 0, total = 0, first = 0;
    long status = 0;
    char *address = NULL;
    (void)curl_easy_getinfo(get->easy, CURLINFO_NAMELOOKUP_TIME_T, &name);
    (void)curl_easy_getinfo(get->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
    (void)curl_easy_getinfo(get->easy, CURLINFO_TOTAL_TIME_T, &total);
    (void)curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(get->easy, CURLINFO_PRIMARY_IP, &address);
    r->name_us = name > 0 && name < UINT32_MAX ? (uint32_t)name : 0;
    r->connect_us = between(get->easy, CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T);
    r->tls_us = between(get->easy, CURLINFO_CONNECT_TIME_T, CURLINFO_APPCONNECT_TIME_T);
    r->rtt_us = first > 0 && first < UINT32_MAX ? (uint32_t)first : 0;
    r->total_us = total > 0 && total < UINT32_MAX ? (uint32_t)total : 0;
    r->status = status > 0 && status < 1000 ? (uint16_t)status : 0;
    r->bytes = get->bytes;
    if (address != NULL && strlen(address) < sizeof r->address) {
        (void)snprintf(r->address, sizeof r->address, "%s", address); /* fits */
    }
}

static void judge(struct http_get *get, CURLcode code)
{
    struct probe_record *r = get->result;
    const struct config_probe *c = get->conf;
    if (code == CURLE_WRITE_ERROR && get->enough) {
        code = CURLE_OK;
    }
    r->state = (uint8_t)state_of(code);
    if (code != CURLE_OK) {
        (void)snprintf(r->error, sizeof r->error, "%.190s",
                       get->why[0] != '\0' ? get->why : curl_easy_strerror(code));
    } else if (r->status < c->status_min || r->status > c->status_max) {
        r->state = PROBE_WRONG_STATUS;
        (void)snprintf(r->error, sizeof r->error, "status %u, expected %u to %u", r->status,
                       c->status_min, c->status_max);
    } else if (c->expect_text[0] != '\0' &&
               memmem(get->body, get->kept, c->expect_text, strlen(c->expect_text)) == NULL) {
        r->state = PROBE_WRONG_CONTENT;
        (void)snprintf(r->error, sizeof r->error,
                       "the expected text is not in the first %zu bytes of the answer", get->kept);
    }
}

static void get_free(struct http_get *get)
{
    if (get->easy != NULL) {
        (void)curl_multi_remove_handle(get->http->multi, get->easy); /* also when never added */
        curl_easy_cleanup(get->easy);
    }
    free(get->body);
    free(get);
}

static void read_ends(struct http *http)
{
    CURLMsg *message = NULL;
    int left = 0;
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        struct http_get *get = NULL;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &get); /* we set it */
        measure(get);
        judge(get, code);
        http_done_fn done = get->done;
        void *arg = get->arg;
        get_free(get);
        done(arg);
    }
}

/* ---- what curl waits for ---- */

struct socket_watch {
    struct http *http;
    curl_socket_t fd;
    struct net_watch *watch;
};

static void on_socket_ready(int events, void *arg)
{
    struct socket_watch *s = arg;
    struct http *http = s->http;
    int flags = ((events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0) |
                ((events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0);
    int running = 0;
    (void)curl_multi_socket_action(http->multi, s->fd, flags, &running); /* ends tell all */
    read_ends(http);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *per_socket)
{
    struct http *http = arg;
    struct socket_watch *s = per_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL) {
            (void)curl_multi_assign(http->multi, fd, NULL); /* curl's own socket */
            net_watch_drop(s->watch);
            free(s);
        }
        return 0;
    }
    int events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
                 ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
    if (s != NULL) {
        net_watch_set(s->watch, events);
        return 0;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL) {
        return -1;
    }
    s->http = http;
    s->fd = fd;
    s->watch = net_watch_begin(http->loop, fd, events, on_socket_ready, s, NULL);
    if (s->watch == NULL) {
        free(s);
        return -1;
    }
    (void)curl_multi_assign(http->multi, fd, s); /* likewise */
    return 0;
}

static void on_time(uv_timer_t *timer)
{
    struct http *http = timer->data;
    int running = 0;
    (void)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running); /* as above */
    read_ends(http);
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct http *http = arg;
    (void)multi;
    if (timeout_ms < 0) {
        (void)uv_timer_stop(&http->timer); /* cannot fail */
    } else {
        (void)uv_timer_start(&http->timer, on_time, (uint64_t)timeout_ms, 0); /* nor this */
    }
    return 0;
}

/* ---- a request ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_get *get = arg;
    size_t len = size * count; /* size is 1 */
    size_t room = get->body != NULL ? KEPT_BYTES - get->kept : 0;
    size_t keep = len < room ? len : room;
    if (keep > 0) {
        memcpy(get->body + get->kept, bytes, keep);
        get->kept += keep;
    }
    get->bytes += len;
    get->enough = get->bytes >= MOST_BYTES;
    return get->enough ? 0 : len;
}

/* Reads the end of the server's own certificate; what OpenSSL thinks of it stays as it is. */
static int on_certificate(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct http_get *get = ssl != NULL ? SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)) : NULL;
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    struct tm end;
    if (get != NULL && certificate != NULL &&
        ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1) {
        time_t at = timegm(&end);
        get->result->cert_end_s = at > 0 ? (uint64_t)at : 0;
    }
    return ok;
}

static CURLcode on_tls(CURL *easy, void *context, void *arg)
{
    SSL_CTX *tls = context;
    struct http_get *get = arg;
    (void)easy;
    SSL_CTX_set_app_data(tls, get);
    SSL_CTX_set_verify(tls, get->conf->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, on_certificate);
    return CURLE_OK;
}

static int set_options(struct http_get *get, struct err *e)
{
    CURL *h = get->easy;
    const struct config_probe *c = get->conf;
    CURLcode code = curl_easy_setopt(h, CURLOPT_URL, c->url);
    code |= curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    code |= curl_easy_setopt(h, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    code |= curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)c->timeout_ms);
    code |= curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    code |= curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L);
    code |= curl_easy_setopt(h, CURLOPT_FORBID_REUSE, 1L);
    code |= curl_easy_setopt(h, CURLOPT_PROXY, ""); /* none, whatever the environment says */
    code |= curl_easy_setopt(h, CURLOPT_USERAGENT, "picket-agent");
    code |= curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, c->verify ? 1L : 0L);
    code |= curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, c->verify ? 2L : 0L);
    code |= curl_easy_setopt(h, CURLOPT_SSL_SESSIONID_CACHE, 0L); /* or no certificate comes */
    code |= curl_easy_setopt(h, CURLOPT_SSL_CTX_FUNCTION, on_tls);
    code |= curl_easy_setopt(h, CURLOPT_SSL_CTX_DATA, get);
    code |= curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    code |= curl_easy_setopt(h, CURLOPT_WRITEDATA, get);
    code |= curl_easy_setopt(h, CURLOPT_ERRORBUFFER, get->why);
    code |= curl_easy_setopt(h, CURLOPT_PRIVATE, get);
    return code == CURLE_OK ? 0 : err_set(e, ERR_IO, "libcurl does not take the request's options");
}

struct http_get *http_get_begin(struct http *http, const struct config_probe *conf,
                                struct probe_record *result, http_done_fn done, void *arg,
                                struct err *e)
{
    struct http_get *get = calloc(1, sizeof *get);
    if (get == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for a request");
        return NULL;
    }
    *get =
        (struct http_get){.http = http, .conf = conf, .result = result, .done = done, .arg = arg};
    get->easy = curl_easy_init();
    get->body = conf->expect_text[0] != '\0' ? malloc(KEPT_BYTES) : NULL;
    if (get->easy == NULL || (conf->expect_text[0] != '\0' && get->body == NULL)) {
        (void)err_set(e, ERR_NOMEM, "no memory for a request");
        get_free(get);
        return NULL;
    }
    if (set_options(get, e) != 0) {
        get_free(get);
        return NULL;
    }
    if (curl_multi_add_handle(http->multi, get->easy) != CURLM_OK) {
        (void)err_set(e, ERR_IO, "libcurl does not take the request");
        get_free(get);
        return NULL;
    }
    return get;
}

void http_get_drop(struct http_get *get)
{
    if (get != NULL) {
        get_free(get);
    }
}

/* ---- life ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct http *http_new(uv_loop_t *loop, struct err *e)
{
    struct http *http = calloc(1, sizeof *http);
    CURLM *multi = curl_multi_init();
    if (http == NULL || multi == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for HTTP");
        free(http);
        (void)curl_multi_cleanup(multi); /* takes NULL */
        return NULL;
    }
    http->loop = loop;
    http->multi = multi;
    (void)uv_timer_init(loop, &http->timer); /* cannot fail */
    http->timer.data = http;
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket); /* known options */
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http);
    return http;
}

void http_free(struct http *http)
{
    if (http != NULL) {
        (void)curl_multi_cleanup(http->multi); /* takes its sockets back through on_socket */
        uv_close((uv_handle_t *)&http->timer, on_timer_closed);
    }
}
