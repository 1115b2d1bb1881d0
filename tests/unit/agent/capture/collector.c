/* Unit tests of agent/capture: the words that name a port for exporters, and the port itself. */
#include "agent/capture/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void words_for_exporters_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = {
        "netflow:udp://0.0.0.0:2055",
        "netflow:udp://[::]:4739?name=core",
        "netflow:udp://127.0.0.1:9995?allow=192.0.2.0/24&allow=2001:db8::1&sampling=1000",
        "netflow:udp://10.0.0.1:2055?allow=any",
    };
    static const char *const bad[] = {
        "netflow:",
        "netflow:tcp://0.0.0.0:2055",
        "netflow:udp://0.0.0.0",
        "netflow:udp://0.0.0.0:0",
        "netflow:udp://0.0.0.0:65536",
        "netflow:udp://example.org:2055",
        "netflow:udp://0.0.0.0:2055?allow=10.0.0.1/8",
        "netflow:udp://0.0.0.0:2055?sampling=0",
        "netflow:udp://0.0.0.0:2055?name=",
        "netflow:udp://0.0.0.0:2055?loop",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(source_check(good[i], NULL), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err e = {0};
        assert_int_equal(source_check(bad[i], &e), -1);
        assert_non_null(strstr(e.what, "use")); /* the remedy is named */
    }
}

static void a_port_is_labelled_by_its_number_or_name(void **state)
{
    (void)state;
    char label[SOURCE_LABEL_SIZE];
    assert_string_equal(source_label("netflow:udp://0.0.0.0:2055", label), "netflow-2055");
    assert_string_equal(source_label("netflow:udp://[::]:2055?name=core", label), "core");
}

static unsigned heard;
static struct sender last;

static void on_datagram(const struct packet_view *view, void *arg)
{
    (void)arg;
    heard++;
    last = *view->sender;
    assert_int_equal(view->caplen, 5);
    assert_memory_equal(view->bytes, "hello", 5);
}

/* Sends "hello" from loopback to a port. */
static void say_hello(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof to), 5);
    assert_int_equal(close(fd), 0);
}

/* Opens a port that the kernel chose a moment ago; the words want one by number. */
static struct source *open_port(const char *form, uint16_t *port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof any;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &len), 0);
    assert_int_equal(close(fd), 0);
    *port = ntohs(any.sin_port);
    char word[128];
    struct err e = {0};
    (void)snprintf(word, sizeof word, "netflow:udp://%s:%u?%s", "127.0.0.1", *port, form);
    struct source *s = source_open(word, &(struct source_options){.filter = ""}, &e);
    assert_non_null(s);
    assert_true(s->collects);
    return s;
}

static void datagrams_come_with_their_sender(void **state)
{
    (void)state;
    uint16_t port = 0;
    struct source *s = open_port("sampling=7", &port);
    heard = 0;
    say_hello(port);
    say_hello(port);
    assert_int_equal(s->ops->read(s, 64, 1, on_datagram, NULL), SOURCE_AGAIN);
    assert_int_equal(heard, 2);
    assert_true(last.allowed); /* loopback is private */
    assert_int_equal(last.family, ADDR_IPV4);
    assert_int_equal(last.addr.bytes[0], 127);
    assert_int_equal(last.sampling, 7);
    source_close(s);
}

static void a_sender_outside_the_allowed_networks_is_told_as_such(void **state)
{
    (void)state;
    uint16_t port = 0;
    struct source *s = open_port("allow=192.0.2.0/24", &port);
    say_hello(port);
    assert_int_equal(s->ops->read(s, 64, 1, on_datagram, NULL), SOURCE_AGAIN);
    assert_false(last.allowed);
    source_close(s);
}

static void a_port_in_use_is_named_in_the_error(void **state)
{
    (void)state;
    uint16_t port = 0;
    struct source *s = open_port("name=first", &port);
    char word[128];
    struct err e = {0};
    (void)snprintf(word, sizeof word, "netflow:udp://127.0.0.1:%u?name=second", port);
    assert_null(source_open(word, &(struct source_options){.filter = ""}, &e));
    assert_non_null(strstr(e.what, "second: cannot receive on UDP port"));
    source_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_for_exporters_are_checked),
        cmocka_unit_test(a_port_is_labelled_by_its_number_or_name),
        cmocka_unit_test(datagrams_come_with_their_sender),
        cmocka_unit_test(a_sender_outside_the_allowed_networks_is_told_as_such),
        cmocka_unit_test(a_port_in_use_is_named_in_the_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
