/*
 * RFC 792 and RFC 4443 echo. An answer is ours when it carries our random token and a sequence
 * that is under way; what else a raw socket hears is dropped. The kernel's receive stamp is
 * used, so that a busy loop does not lengthen round trips.
 */
#include "agent/poll/icmp.h"

#include "common/clock.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FLIGHTS = 4096, SPACING_MS = 200, TOKEN_SIZE = 8, ECHO_SIZE = 56, HEADER_SIZE = 8 };

/* linux/icmp.h, which does not go together with netinet's. */
enum { ICMP_FILTER_OPTION = 1 };

struct flight {
    struct ping *ping; /* NULL: free */
    unsigned echo;
};

struct echoes {
    struct icmp_sockets sockets;
    struct net_watch *watch4, *watch6;
    uint16_t identifier;
    uint16_t sequence;
    uint8_t token[TOKEN_SIZE];
    struct flight flights[FLIGHTS]; /* by sequence */
};

struct ping {
    struct echoes *echoes;
    struct net_address to;
    unsigned count, sent, received;
    uint32_t timeout_ms;
    uint64_t next_ms; /* when to send the next, or to give up */
    ping_done_fn done;
    void *arg;
    uint64_t sent_ns[PING_MAX]; /* UTC, as the kernel's stamps are; 0: could not be sent */
    uint32_t rtt_us[PING_MAX];  /* 0: no answer */
    char error[96];
};

/* ---- sockets ---- */

static int open_family(int family, int protocol, bool *raw)
{
    const int on = 1;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    *raw = fd < 0;
    if (fd < 0) {
        fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    }
    if (fd < 0) {
        return -1;
    }
    /* Without stamps our own clock does; without filters more is read and dropped. */
    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (*raw && family == AF_INET) {
        uint32_t refused = ~(1u << ICMP_ECHOREPLY);
        (void)setsockopt(fd, SOL_RAW, ICMP_FILTER_OPTION, &refused, sizeof refused);
    } else if (*raw) {
        struct icmp6_filter filter;
        ICMP6_FILTER_SETBLOCKALL(&filter);
        ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
        (void)setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
    }
    return fd;
}

int icmp_open(struct icmp_sockets *sockets, struct err *e)
{
    sockets->ipv4 = open_family(AF_INET, IPPROTO_ICMP, &sockets->raw4);
    int result = sockets->ipv4 >= 0 ? 0 : err_set_errno(e, "no ICMP socket");
    sockets->ipv6 = open_family(AF_INET6, IPPROTO_ICMPV6, &sockets->raw6);
    return sockets->ipv6 >= 0 ? 0 : result;
}

void icmp_close(struct icmp_sockets *sockets)
{
    const int fds[] = {sockets->ipv4, sockets->ipv6};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]); /* nothing to lose */
        }
    }
    sockets->ipv4 = sockets->ipv6 = -1;
}

/* ---- receiving ---- */

/* When the kernel took the message in, UTC; now when it does not say. */
static uint64_t stamp_of(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec at;
            memcpy(&at, CMSG_DATA(c), sizeof at);
            return (uint64_t)at.tv_sec * NS_PER_S + (uint64_t)at.tv_nsec;
        }
    }
    return clock_wall_ns();
}

/* Bytes before the ICMP header: a raw IPv4 socket gives the IP header as well. */
static size_t skip_of(const uint8_t *bytes, size_t len, bool raw4)
{
    return raw4 && len >= sizeof(struct iphdr) ? (size_t)(bytes[0] & 0x0f) * 4 : 0;
}

static void take_answer(struct echoes *echoes, const uint8_t *bytes, size_t len, uint64_t at_ns)
{
    if (len < HEADER_SIZE + TOKEN_SIZE ||
        (bytes[0] != ICMP_ECHOREPLY && bytes[0] != ICMP6_ECHO_REPLY) ||
        memcmp(bytes + HEADER_SIZE, echoes->token, TOKEN_SIZE) != 0) {
        return;
    }
    uint16_t sequence = (uint16_t)(bytes[6] << 8 | bytes[7]);
    struct flight *flight = &echoes->flights[sequence % FLIGHTS];
    struct ping *ping = flight->ping;
    if (ping == NULL || ping->rtt_us[flight->echo] != 0) {
        return; /* too late, or twice */
    }
    uint64_t sent_ns = ping->sent_ns[flight->echo];
    uint64_t us = at_ns > sent_ns ? (at_ns - sent_ns) / NS_PER_US : 0;
    ping->rtt_us[flight->echo] = us == 0 ? 1 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    ping->received++;
    flight->ping = NULL;
}

static void read_all(struct echoes *echoes, int fd, bool raw4)
{
    enum { TURN = 256 }; /* so that a flood leaves time for others */
    uint8_t bytes[1500];
    union {
        struct cmsghdr align;
        char bytes[256];
    } control;
    for (int i = 0; i < TURN; i++) {
        struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof control};
        ssize_t got = recvmsg(fd, &message, 0);
        if (got <= 0) {
            return;
        }
        size_t skip = skip_of(bytes, (size_t)got, raw4);
        if (skip <= (size_t)got) {
            take_answer(echoes, bytes + skip, (size_t)got - skip, stamp_of(&message));
        }
    }
}

static void on_ready4(int events, void *arg)
{
    struct echoes *echoes = arg;
    (void)events;
    read_all(echoes, echoes->sockets.ipv4, echoes->sockets.raw4);
}

static void on_ready6(int events, void *arg)
{
    struct echoes *echoes = arg;
    (void)events;
    read_all(echoes, echoes->sockets.ipv6, false);
}

/* ---- sending ---- */

/* RFC 1071. The kernel writes the checksum of ICMPv6, and of a datagram socket. */
static uint16_t checksum(const uint8_t *bytes, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < len; i += 2) {
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static void send_echo(struct ping *ping)
{
    struct echoes *echoes = ping->echoes;
    bool is6 = ping->to.any.sa_family == AF_INET6;
    uint16_t sequence = ++echoes->sequence;
    uint8_t bytes[ECHO_SIZE] = {is6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
    bytes[4] = (uint8_t)(echoes->identifier >> 8);
    bytes[5] = (uint8_t)echoes->identifier;
    bytes[6] = (uint8_t)(sequence >> 8);
    bytes[7] = (uint8_t)sequence;
    memcpy(bytes + HEADER_SIZE, echoes->token, TOKEN_SIZE);
    uint16_t sum = is6 ? 0 : checksum(bytes, sizeof bytes);
    bytes[2] = (uint8_t)(sum >> 8);
    bytes[3] = (uint8_t)sum;
    unsigned echo = ping->sent++;
    ping->sent_ns[echo] = clock_wall_ns();
    echoes->flights[sequence % FLIGHTS] = (struct flight){.ping = ping, .echo = echo};
    int fd = is6 ? echoes->sockets.ipv6 : echoes->sockets.ipv4;
    if (sendto(fd, bytes, sizeof bytes, 0, &ping->to.any, ping->to.len) < 0) {
        struct err e = {0};
        (void)err_set_errno(&e, "an echo could not be sent");
        (void)snprintf(ping->error, sizeof ping->error, "%.90s", e.what);
    }
}

/* ---- a run ---- */

static void summarise(const struct ping *ping, struct ping_result *result)
{
    uint64_t sum = 0, steps = 0;
    uint32_t last = 0, pairs = 0;
    *result = (struct ping_result){
        .sent = (uint16_t)ping->sent, .received = (uint16_t)ping->received, .error = ping->error};
    for (unsigned i = 0; i < ping->sent; i++) {
        uint32_t us = ping->rtt_us[i];
        if (us == 0) {
            continue;
        }
        sum += us;
        result->min_us = result->min_us == 0 || us < result->min_us ? us : result->min_us;
        result->max_us = us > result->max_us ? us : result->max_us;
        if (last != 0) {
            steps += us > last ? us - last : last - us;
            pairs++;
        }
        last = us;
    }
    result->mean_us = ping->received > 0 ? (uint32_t)(sum / ping->received) : 0;
    result->jitter_us = pairs > 0 ? (uint32_t)(steps / pairs) : 0;
}

void ping_drop(struct ping *ping)
{
    if (ping == NULL) {
        return;
    }
    for (size_t i = 0; i < FLIGHTS; i++) {
        if (ping->echoes->flights[i].ping == ping) {
            ping->echoes->flights[i].ping = NULL;
        }
    }
    free(ping);
}

void ping_tick(struct ping *ping, uint64_t mono_ms)
{
    bool all_sent = ping->sent == ping->count;
    if (all_sent && (ping->received == ping->count || mono_ms >= ping->next_ms)) {
        struct ping_result result;
        summarise(ping, &result);
        ping->done(&result, ping->arg);
        ping_drop(ping);
    } else if (!all_sent && mono_ms >= ping->next_ms) {
        send_echo(ping);
        ping->next_ms = mono_ms + (ping->sent < ping->count ? SPACING_MS : ping->timeout_ms);
    }
}

struct ping *echoes_ping(struct echoes *echoes, const struct net_address *to, unsigned count,
                         uint32_t timeout_ms, ping_done_fn done, void *arg, struct err *e)
{
    int fd = to->any.sa_family == AF_INET6 ? echoes->sockets.ipv6 : echoes->sockets.ipv4;
    struct ping *ping = fd >= 0 ? calloc(1, sizeof *ping) : NULL;
    if (fd < 0) {
        (void)err_set(e, ERR_IO,
                      "the agent has no ICMP socket: start it with CAP_NET_RAW, or "
                      "allow its group in net.ipv4.ping_group_range");
    } else if (ping == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for echoes");
    } else {
        *ping = (struct ping){.echoes = echoes,
                              .to = *to,
                              .count = count < PING_MAX ? count : PING_MAX,
                              .timeout_ms = timeout_ms,
                              .done = done,
                              .arg = arg};
    }
    return ping;
}

/* ---- life ---- */

struct echoes *echoes_new(uv_loop_t *loop, const struct icmp_sockets *sockets, struct err *e)
{
    struct echoes *echoes = calloc(1, sizeof *echoes);
    if (echoes == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for ICMP");
        return NULL;
    }
    echoes->sockets = *sockets;
    echoes->identifier = (uint16_t)arc4random();
    echoes->sequence = (uint16_t)arc4random();
    arc4random_buf(echoes->token, sizeof echoes->token);
    bool ok = true;
    if (sockets->ipv4 >= 0) {
        echoes->watch4 = net_watch_begin(loop, sockets->ipv4, UV_READABLE, on_ready4, echoes, e);
        ok = echoes->watch4 != NULL;
    }
    if (ok && sockets->ipv6 >= 0) {
        echoes->watch6 = net_watch_begin(loop, sockets->ipv6, UV_READABLE, on_ready6, echoes, e);
        ok = echoes->watch6 != NULL;
    }
    if (!ok) {
        echoes_free(echoes);
        return NULL;
    }
    return echoes;
}

void echoes_free(struct echoes *echoes)
{
    if (echoes != NULL) {
        net_watch_drop(echoes->watch4);
        net_watch_drop(echoes->watch6);
        free(echoes);
    }
}
