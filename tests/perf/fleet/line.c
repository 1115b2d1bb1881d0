#include "tests/perf/fleet/line.h"

#include "common/encode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CHUNK = 16 * 1024, OUT_MAX = 8 * 1024 * 1024, LINE_MAX_LEN = 4096, NONCE_MAX = 128 };

static bool grow(uint8_t **buf, size_t *size, size_t want)
{
    if (want <= *size) {
        return true;
    }
    size_t next = *size == 0 ? CHUNK : *size;
    while (next < want) {
        next *= 2;
    }
    uint8_t *bytes = realloc(*buf, next);
    if (bytes == NULL) {
        return false;
    }
    *buf = bytes;
    *size = next;
    return true;
}

static void watch(struct line *l, bool writing)
{
    struct epoll_event ev = {.events = EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0), .data.ptr = l};
    if (l->wants_write != writing) {
        l->wants_write = writing;
        (void)epoll_ctl(l->epoll, EPOLL_CTL_MOD, l->fd, &ev);
    }
}

void line_cut(struct line *l)
{
    if (l->fd >= 0) {
        (void)close(l->fd); /* leaves the epoll by itself */
    }
    l->fd = -1;
    l->state = LINE_CLOSED;
    l->in_len = l->out_at = l->out_len = 0;
}

static void fail(struct line *l, const char *why)
{
    if (l->state != LINE_CLOSED) {
        line_cut(l);
        l->calls->closed(l, why, l->arg);
    }
}

void line_open(struct line *l, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    l->state = LINE_CONNECTING;
    l->wants_write = true;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.ptr = l};
    if (l->fd < 0 ||
        (connect(l->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS) ||
        setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->fd, &ev) != 0) {
        fail(l, strerrordesc_np(errno));
    }
}

static bool put(struct line *l, const void *bytes, size_t len)
{
    if (l->out_len + len > OUT_MAX || !grow(&l->out, &l->out_size, l->out_len + len)) {
        return false;
    }
    memcpy(l->out + l->out_len, bytes, len);
    l->out_len += len;
    return true;
}

__attribute__((format(printf, 2, 3))) static bool say(struct line *l, const char *form, ...)
{
    char text[LINE_MAX_LEN * 2];
    va_list args;
    va_start(args, form);
    int len = vsnprintf(text, sizeof text, form, args);
    va_end(args);
    return len > 0 && (size_t)len < sizeof text && put(l, text, (size_t)len);
}

void line_flush(struct line *l)
{
    while (l->fd >= 0 && l->state != LINE_CONNECTING && l->out_at < l->out_len) {
        ssize_t sent = send(l->fd, l->out + l->out_at, l->out_len - l->out_at, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            watch(l, true);
            return;
        }
        if (sent < 0) {
            fail(l, strerrordesc_np(errno));
            return;
        }
        l->out_at += (size_t)sent;
    }
    if (l->fd >= 0 && l->state != LINE_CONNECTING) {
        l->out_at = l->out_len = 0;
        watch(l, false);
    }
}

void line_subscribe(struct line *l, const char *subject, unsigned sid)
{
    (void)say(l, "SUB %s %u\r\n", subject, sid);
}

bool line_publish(struct line *l, const char *subject, const void *bytes, size_t len)
{
    char head[512];
    int size = snprintf(head, sizeof head, "PUB %s %zu\r\n", subject, len);
    return l->state == LINE_READY && l->out_len + len + 600 < OUT_MAX &&
           put(l, head, (size_t)size) && put(l, bytes, len) && put(l, "\r\n", 2);
}

/* INFO {…,"nonce":"…",…}: answers with who we are. */
static void greet(struct line *l, const char *info)
{
    char nonce[NONCE_MAX], text[128];
    uint8_t signature[64];
    const char *at = strstr(info, "\"nonce\":\"");
    struct err e = {0};
    if (at == NULL || sscanf(at + 9, "%127[^\"]", nonce) != 1 ||
        nkey_sign(&l->key, nonce, strlen(nonce), signature, &e) != 0) {
        fail(l, "the server asks for no signature");
        return;
    }
    (void)base64url_encode(signature, sizeof signature, text);
    l->state = LINE_GREETED;
    (void)say(l,
              "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"sim\",\"version\":\"1\","
              "\"protocol\":1,\"name\":\"%s\",\"jwt\":\"%s\",\"sig\":\"%s\"}\r\nPING\r\n",
              l->name, l->jwt, text);
}

static void control_line(struct line *l, const char *text)
{
    if (strncmp(text, "INFO ", 5) == 0 && l->state == LINE_CONNECTING) {
        greet(l, text);
    } else if (strcmp(text, "PING") == 0) {
        (void)say(l, "PONG\r\n");
    } else if (strcmp(text, "PONG") == 0 && l->state == LINE_GREETED) {
        l->state = LINE_READY;
        l->calls->ready(l, l->arg);
    } else if (strncmp(text, "-ERR", 4) == 0) {
        fail(l, text);
    }
}

/* MSG subject sid [reply] size, then the payload. Bytes used, 0 when it is not whole yet. */
static size_t take_message(struct line *l, const char *text, size_t head, size_t len)
{
    char subject[256], a[256] = "", b[32] = "";
    unsigned sid = 0;
    int words = sscanf(text, "MSG %255s %u %255s %31s", subject, &sid, a, b);
    size_t size = strtoul(words == 4 ? b : a, NULL, 10);
    if (words < 3 || size > OUT_MAX) {
        fail(l, "a message that is none");
        return 0;
    }
    if (len < head + size + 2) {
        return 0;
    }
    l->calls->message(l, sid, subject, (const uint8_t *)text + head, size, l->arg);
    return head + size + 2;
}

/* One line, or a message, off the front of what came. Bytes used. */
static size_t take(struct line *l, uint8_t *from, size_t len)
{
    uint8_t *end = memchr(from, '\n', len);
    if (end == NULL || end == from) {
        return 0;
    }
    end[-1] = '\0';
    size_t head = (size_t)(end - from) + 1;
    if (strncmp((char *)from, "MSG ", 4) == 0) {
        size_t used = take_message(l, (char *)from, head, len);
        end[-1] = '\r';
        return used;
    }
    control_line(l, (char *)from);
    return head;
}

static void take_all(struct line *l)
{
    size_t at = 0;
    while (l->fd >= 0 && at < l->in_len) {
        size_t used = take(l, l->in + at, l->in_len - at);
        if (used == 0) {
            break;
        }
        at += used;
    }
    if (l->fd >= 0) {
        memmove(l->in, l->in + at, l->in_len - at);
        l->in_len -= at;
    }
}

void line_event(struct line *l, uint32_t events)
{
    if (l->fd < 0) {
        return;
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
        if (!grow(&l->in, &l->in_size, l->in_len + CHUNK)) {
            fail(l, "no memory");
            return;
        }
        ssize_t got = recv(l->fd, l->in + l->in_len, l->in_size - l->in_len, 0);
        if (got <= 0 && (got == 0 || (errno != EAGAIN && errno != EINTR))) {
            fail(l, got == 0 ? "closed by the server" : strerrordesc_np(errno));
            return;
        }
        l->in_len += got > 0 ? (size_t)got : 0;
        take_all(l);
    } else if (l->state == LINE_CONNECTING) {
        watch(l, false); /* connected; the server speaks first */
        return;
    }
    if (l->fd >= 0 && l->state != LINE_CONNECTING) {
        line_flush(l);
    }
}

void line_done(struct line *l)
{
    line_cut(l);
    free(l->in);
    free(l->out);
    l->in = l->out = NULL;
}
