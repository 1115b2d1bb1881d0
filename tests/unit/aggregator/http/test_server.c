/*
 * Unit tests of aggregator/http/server over loopback: bodies whole, limits kept, slow and rude
 * clients harmless. The handlers of these tests answer from the server's thread or another.
 */
#include "aggregator/http/server.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { KILO = 1000, LARGEST = 1000 * KILO, LATER_US = 300 * 1000, ANSWER_MAX = 2 * LARGEST };

struct lab {
    struct http_server *server;
    pthread_mutex_t lock;
    unsigned requests; /* handed over; behind lock */
    size_t body_len;   /* of the latest */
};

struct late {
    struct http_server *server;
    uint64_t id;
};

static void *answer_late(void *arg)
{
    struct late *late = arg;
    (void)usleep(LATER_US);
    http_server_reply(late->server, late->id, http_response_new(204));
    free(late);
    return NULL;
}

static void answer_from_elsewhere(struct lab *lab, uint64_t id)
{
    pthread_t thread;
    struct late *late = calloc(1, sizeof *late);
    assert_non_null(late);
    *late = (struct late){.server = lab->server, .id = id};
    assert_int_equal(pthread_create(&thread, NULL, answer_late, late), 0);
    assert_int_equal(pthread_detach(thread), 0);
}

/* /N answers N bytes, /late answers from another thread, anything else 404. */
static void on_request(void *arg, struct http_request *request)
{
    struct lab *lab = arg;
    (void)pthread_mutex_lock(&lab->lock);
    lab->requests++;
    lab->body_len = request->body_len;
    (void)pthread_mutex_unlock(&lab->lock);
    size_t len = strtoul(request->path + 1, NULL, 10);
    if (strcmp(request->path, "/late") == 0) {
        answer_from_elsewhere(lab, request->id);
    } else {
        struct http_response *response = http_response_new(len > 0 ? 200 : 404);
        char *body = malloc(len + 1);
        assert_non_null(body);
        memset(body, 'x', len);
        http_response_own(response, body, len);
        http_server_reply(lab->server, request->id, response);
    }
    http_request_free(request);
}

static struct http_response *on_upgrade(void *arg, const struct http_request *request)
{
    (void)arg;
    return request->session[0] == '\0' ? http_response_new(401) : NULL;
}

/* Each socket gets one frame as long as the number it sent. */
struct peer {
    struct http_socket *socket;
    size_t wanted;
};

static void *on_opened(void *arg, struct http_socket *socket, const struct http_request *request)
{
    (void)arg;
    struct peer *peer = calloc(1, sizeof *peer);
    assert_non_null(peer);
    assert_string_equal(request->session, "s");
    peer->socket = socket;
    return peer;
}

static void on_received(void *arg, void *state, const char *text, size_t len)
{
    (void)arg;
    struct peer *peer = state;
    char number[16] = "";
    assert_true(len < sizeof number);
    memcpy(number, text, len);
    peer->wanted = strtoul(number, NULL, 10);
    if (peer->wanted == 0) {
        http_socket_close(peer->socket, 4401);
    } else {
        http_socket_send_soon(peer->socket);
    }
}

static struct http_frame *on_next(void *arg, void *state)
{
    (void)arg;
    struct peer *peer = state;
    if (peer->wanted == 0) {
        return NULL;
    }
    char *text = malloc(peer->wanted);
    assert_non_null(text);
    memset(text, 'y', peer->wanted);
    struct http_frame *frame = http_frame_new(text, peer->wanted);
    free(text);
    peer->wanted = 0;
    return frame;
}

static void on_closed(void *arg, void *state)
{
    (void)arg;
    free(state);
}

static void on_nothing(void *arg)
{
    (void)arg;
}

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof *lab);
    assert_non_null(lab);
    assert_int_equal(pthread_mutex_init(&lab->lock, NULL), 0);
    const struct http_options options = {
        .address = "127.0.0.1",
        .protocol = "test.v1",
        .handlers = {lab, on_request, on_upgrade, on_opened, on_received, on_next, on_closed,
                     on_nothing, on_nothing},
    };
    lab->server = http_server_open(&options, NULL);
    assert_non_null(lab->server);
    assert_int_equal(http_server_start(lab->server, NULL), 0);
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;
    (void)usleep(2 * LATER_US); /* threads that answer late are gone */
    http_server_close(lab->server);
    (void)pthread_mutex_destroy(&lab->lock);
    free(lab);
    return 0;
}

static int dial(const struct lab *lab)
{
    const struct timeval patience = {.tv_sec = 5};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_server_port(lab->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads to the end of the stream, or of patience; the caller frees. */
static char *hear(int fd, size_t *len)
{
    char *answer = calloc(1, ANSWER_MAX);
    assert_non_null(answer);
    *len = 0;
    for (ssize_t n;
         *len < ANSWER_MAX - 1 && (n = recv(fd, answer + *len, ANSWER_MAX - 1 - *len, 0)) > 0;) {
        *len += (size_t)n;
    }
    return answer;
}

static char *ask(const struct lab *lab, const char *text, size_t *len)
{
    int fd = dial(lab);
    say(fd, text);
    char *answer = hear(fd, len);
    (void)close(fd);
    return answer;
}

static void expect_status(const struct lab *lab, const char *text, const char *status)
{
    size_t len = 0;
    char *answer = ask(lab, text, &len);
    assert_non_null(strstr(answer, status));
    free(answer);
}

static unsigned requests(struct lab *lab)
{
    (void)pthread_mutex_lock(&lab->lock);
    unsigned count = lab->requests;
    (void)pthread_mutex_unlock(&lab->lock);
    return count;
}

static void bodies_of_1_64_and_1000_kB_come_whole(void **state)
{
    static const size_t sizes[] = {KILO, 64 * KILO, LARGEST};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char text[96];
        size_t len = 0;
        (void)snprintf(text, sizeof text,
                       "GET /%zu HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", sizes[i]);
        char *answer = ask(*state, text, &len);
        const char *body = strstr(answer, "\r\n\r\n");
        assert_non_null(body);
        assert_int_equal(len - (size_t)(body + 4 - answer), sizes[i]);
        assert_int_equal(strspn(body + 4, "x"), sizes[i]);
        free(answer);
    }
}

static void head_gives_the_length_and_no_body(void **state)
{
    size_t len = 0;
    char *answer = ask(*state, "HEAD /500 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &len);
    assert_non_null(strstr(answer, "content-length: 500"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
}

static void every_answer_has_the_security_headers(void **state)
{
    static const char *const wanted[] = {"content-security-policy: default-src 'self'",
                                         "x-content-type-options: nosniff",
                                         "referrer-policy: no-referrer", "x-request-id: "};
    size_t len = 0;
    char *answer = ask(*state, "GET /0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &len);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_non_null(strstr(answer, wanted[i]));
    }
    assert_null(strstr(answer, "unsafe-inline"));
    free(answer);
}

static void a_body_without_a_length_is_answered_411(void **state)
{
    unsigned before = requests(*state);
    expect_status(*state, "POST / HTTP/1.1\r\nHost: x\r\n\r\n", " 411 ");
    expect_status(*state,
                  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n0\r\n\r\n",
                  " 411 ");
    assert_int_equal(requests(*state), before);
}

static void a_body_that_is_too_large_is_answered_413_before_it_is_read(void **state)
{
    unsigned before = requests(*state);
    int fd = dial(*state);
    char answer[16] = "";
    say(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n");
    assert_true(recv(fd, answer, sizeof answer - 1, MSG_WAITALL) > 0);
    assert_non_null(strstr(answer, " 413"));
    (void)close(fd);
    assert_int_equal(requests(*state), before);
}

static void lengths_that_are_no_numbers_are_refused(void **state)
{
    expect_status(*state, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", " 400 ");
    expect_status(*state, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9x\r\n\r\n", " 400 ");
    expect_status(*state, "DELETE / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", " 400 ");
}

static void a_body_in_pieces_arrives_whole(void **state)
{
    struct lab *lab = *state;
    int fd = dial(lab);
    size_t len = 0;
    say(fd, "POST /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\nab");
    (void)usleep(LATER_US / 10);
    say(fd, "cdef");
    free(hear(fd, &len));
    (void)close(fd);
    (void)pthread_mutex_lock(&lab->lock);
    assert_int_equal(lab->body_len, 6);
    (void)pthread_mutex_unlock(&lab->lock);
}

static void one_connection_serves_many_requests(void **state)
{
    int fd = dial(*state);
    for (int i = 0; i < 5; i++) {
        char answer[64] = "";
        say(fd, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(recv(fd, answer, sizeof answer - 1, 0) > 0);
        assert_non_null(strstr(answer, " 204 "));
        char rest[2048];
        (void)recv(fd, rest, sizeof rest, MSG_DONTWAIT);
    }
    (void)close(fd);
}

static double cpu_seconds(void)
{
    struct rusage use;
    assert_int_equal(getrusage(RUSAGE_SELF, &use), 0);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* libwebsockets would spin on input that it does not read while an answer is awaited. */
static void waiting_costs_no_processor_time(void **state)
{
    enum { ROUNDS = 3 };
    double before = cpu_seconds();
    for (int i = 0; i < ROUNDS; i++) {
        int pipelined = dial(*state);
        int ended = dial(*state);
        say(pipelined, "GET /late HTTP/1.1\r\nHost: x\r\n\r\nGET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
        say(ended, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(shutdown(ended, SHUT_WR), 0);
        (void)usleep(LATER_US * 2);
        (void)close(pipelined);
        (void)close(ended);
    }
    double rounds_s = ROUNDS * 2 * LATER_US / 1e6;
    assert_true(cpu_seconds() - before < rounds_s / 4);
}

static void ten_clients_that_never_read_delay_nobody(void **state)
{
    enum { SLOW = 10, PATIENCE_MS = 1500 };
    int slow[SLOW];
    for (int i = 0; i < SLOW; i++) {
        slow[i] = dial(*state);
        for (int n = 0; n < 8; n++) { /* more than the kernel will hold for them */
            say(slow[i], "GET /1000000 HTTP/1.1\r\nHost: x\r\n\r\n");
        }
    }
    uint64_t start = clock_mono_ns();
    for (int i = 0; i < 20; i++) {
        expect_status(*state, "GET /64000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                      " 200 ");
    }
    assert_true((clock_mono_ns() - start) / NS_PER_MS < PATIENCE_MS);
    for (int i = 0; i < SLOW; i++) {
        (void)close(slow[i]);
    }
}

#define UPGRADE                                                                                    \
    "GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"               \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

static void a_websocket_needs_its_protocol_and_leave(void **state)
{
    expect_status(*state, UPGRADE "Cookie: picket_session=s\r\n\r\n", " 400 ");
    expect_status(*state, UPGRADE "Sec-WebSocket-Protocol: other\r\n\r\n", " 400 ");
    expect_status(*state, UPGRADE "Sec-WebSocket-Protocol: test.v1\r\n\r\n", " 401 ");
}

static int open_websocket(const struct lab *lab)
{
    char answer[512] = "";
    size_t len = 0;
    int fd = dial(lab);
    say(fd, UPGRADE "Sec-WebSocket-Protocol: test.v1\r\nCookie: picket_session=s\r\n\r\n");
    while (strstr(answer, "\r\n\r\n") == NULL && len < sizeof answer - 1) {
        assert_int_equal(recv(fd, answer + len, 1, 0), 1);
        len++;
    }
    assert_non_null(strstr(answer, " 101 "));
    return fd;
}

/* A text frame with a mask of zeros (RFC 6455, 5.2). */
static void send_text(int fd, const char *text)
{
    unsigned char frame[64] = {0x81, (unsigned char)(0x80 | strlen(text))};
    memcpy(frame + 6, text, strlen(text));
    size_t len = 6 + strlen(text);
    assert_int_equal(send(fd, frame, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void receive(int fd, void *buf, size_t len)
{
    assert_int_equal(recv(fd, buf, len, MSG_WAITALL), (ssize_t)len);
}

/* Payload of one fragment; *first_byte tells its end and kind. */
static size_t receive_fragment(int fd, unsigned char *first_byte, char *buf, size_t size)
{
    unsigned char head[4];
    receive(fd, head, 2);
    *first_byte = head[0];
    size_t len = head[1];
    if (len == 126) {
        receive(fd, head, 2);
        len = (size_t)head[0] << 8 | head[1];
    }
    assert_true(len <= size);
    receive(fd, buf, len);
    return len;
}

static void a_large_frame_comes_whole_in_fragments(void **state)
{
    enum { WANTED = 100000 };
    static char buf[65536];
    unsigned char first = 0;
    size_t total = 0;
    int fd = open_websocket(*state);
    send_text(fd, "100000");
    while ((first & 0x80) == 0) {
        size_t len = receive_fragment(fd, &first, buf, sizeof buf);
        assert_int_equal(strnlen(buf, len), len);
        total += len;
    }
    assert_int_equal(total, WANTED);
    (void)close(fd);
}

static void our_own_close_status_reaches_the_client(void **state)
{
    char buf[128];
    unsigned char first = 0;
    int fd = open_websocket(*state);
    send_text(fd, "0");
    assert_int_equal(receive_fragment(fd, &first, buf, sizeof buf), 2);
    assert_int_equal(first & 0x0f, 8);
    assert_int_equal((unsigned char)buf[0] << 8 | (unsigned char)buf[1], 4401);
    (void)close(fd);
}

static void a_websocket_that_never_reads_delays_nobody(void **state)
{
    int never = open_websocket(*state);
    send_text(never, "900000");
    int other = open_websocket(*state);
    char buf[16];
    unsigned char first = 0;
    send_text(other, "5");
    assert_int_equal(receive_fragment(other, &first, buf, sizeof buf), 5);
    (void)close(other);
    (void)close(never);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_of_1_64_and_1000_kB_come_whole),
        cmocka_unit_test(head_gives_the_length_and_no_body),
        cmocka_unit_test(every_answer_has_the_security_headers),
        cmocka_unit_test(a_body_without_a_length_is_answered_411),
        cmocka_unit_test(a_body_that_is_too_large_is_answered_413_before_it_is_read),
        cmocka_unit_test(lengths_that_are_no_numbers_are_refused),
        cmocka_unit_test(a_body_in_pieces_arrives_whole),
        cmocka_unit_test(one_connection_serves_many_requests),
        cmocka_unit_test(waiting_costs_no_processor_time),
        cmocka_unit_test(ten_clients_that_never_read_delay_nobody),
        cmocka_unit_test(a_websocket_needs_its_protocol_and_leave),
        cmocka_unit_test(a_large_frame_comes_whole_in_fragments),
        cmocka_unit_test(our_own_close_status_reaches_the_client),
        cmocka_unit_test(a_websocket_that_never_reads_delays_nobody),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
