/*
 * A UDP port where flow exporters send NetFlow and IPFIX. Only receives: the bytes are read by
 * agent/collect. Whether a sender may send is told with each datagram, so that refused ones can be
 * counted with their address.
 */
#include "agent/capture/kind.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DATAGRAM_MAX = 65535,
    /* A second of a busy router; the kernel grants less where net.core.rmem_max is less. */
    RECEIVE_BUFFER = 8 * 1024 * 1024,
};

struct collector_source {
    struct source head;
    struct collector_word word;
    uint32_t dropped; /* the socket's own count of what found it full; wraps */
    uint64_t lost;    /* of it, not yet told */
    uint8_t bytes[DATAGRAM_MAX];
};

/* An IPv4 sender on an IPv6 socket comes in the mapped form (RFC 4291, section 2.5.5.2). */
static void take_sender(const struct sockaddr_storage *from, struct sender *sender)
{
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        memcpy(sender->addr.bytes, &in->sin_addr, sizeof in->sin_addr);
        sender->family = ADDR_IPV4;
        sender->port = ntohs(in->sin_port);
        return;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
    memcpy(sender->addr.bytes, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
    sender->family = mapped ? ADDR_IPV4 : ADDR_IPV6;
    sender->port = ntohs(in6->sin6_port);
}

static bool is_allowed(const struct collector_word *word, const struct sender *sender)
{
    for (size_t i = 0; i < word->allowed_count; i++) {
        if (addr_in_prefix((enum addr_family)sender->family, &sender->addr, &word->allowed[i])) {
            return true;
        }
    }
    return word->any;
}

static void note_drops(struct collector_source *c, struct msghdr *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
         part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_RXQ_OVFL) {
            uint32_t dropped;
            memcpy(&dropped, CMSG_DATA(part), sizeof dropped);
            c->lost += (uint32_t)(dropped - c->dropped);
            c->dropped = dropped;
        }
    }
}

/* Receives one datagram; its length, or -1 with errno. */
static ssize_t receive(struct collector_source *c, struct sockaddr_storage *from)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(uint32_t))];
    } control;
    struct iovec part = {.iov_base = c->bytes, .iov_len = sizeof c->bytes};
    struct msghdr message = {.msg_name = from,
                             .msg_namelen = sizeof *from,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t len = recvmsg(c->head.fd, &message, MSG_DONTWAIT);
    if (len >= 0) {
        note_drops(c, &message);
    }
    return len;
}

/* Ends each batch with SOURCE_AGAIN, so that timers get their turn however much comes. */
static enum source_result collector_read(struct source *s, unsigned limit, uint64_t now_ns,
                                         packet_fn fn, void *arg)
{
    struct collector_source *c = (struct collector_source *)s;
    for (unsigned i = 0; i < limit; i++) {
        struct sockaddr_storage from = {0};
        ssize_t len = receive(c, &from);
        if (len < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED)) {
            return SOURCE_AGAIN;
        }
        if (len < 0) {
            (void)snprintf(s->error, sizeof s->error, "%s: %s", s->label, strerrordesc_np(errno));
            return SOURCE_ERROR;
        }
        struct sender sender = {.sampling = c->word.sampling};
        take_sender(&from, &sender);
        sender.allowed = is_allowed(&c->word, &sender);
        const struct packet_view view = {.sender = &sender,
                                         .bytes = c->bytes,
                                         .caplen = (uint32_t)len,
                                         .len = (uint32_t)len,
                                         .time_ns = now_ns};
        fn(&view, arg);
    }
    return SOURCE_AGAIN;
}

static void collector_stats(struct source *s, uint64_t *dropped)
{
    struct collector_source *c = (struct collector_source *)s;
    *dropped += c->lost;
    c->lost = 0;
}

static void collector_close(struct source *s)
{
    if (s->fd >= 0) {
        (void)close(s->fd); /* only received from */
    }
    free(s);
}

static const struct source_ops collector_ops = {
    .read = collector_read,
    .stats = collector_stats,
    .close = collector_close,
};

static socklen_t fill_place(const struct collector_word *word, struct sockaddr_storage *place)
{
    *place = (struct sockaddr_storage){0};
    if (word->family == ADDR_IPV4) {
        struct sockaddr_in *in = (struct sockaddr_in *)place;
        in->sin_family = AF_INET;
        in->sin_port = htons(word->port);
        memcpy(&in->sin_addr, word->addr.bytes, sizeof in->sin_addr);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)place;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(word->port);
    memcpy(&in6->sin6_addr, word->addr.bytes, sizeof in6->sin6_addr);
    return sizeof *in6;
}

static int open_socket(struct collector_source *c, struct err *e)
{
    const int on = 1;
    const int off = 0;
    const int buffer = RECEIVE_BUFFER;
    struct sockaddr_storage place;
    socklen_t len = fill_place(&c->word, &place);
    int fd = socket(place.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    c->head.fd = fd;
    if (fd < 0) {
        return err_set_errno(e, "%s: no socket", c->head.label);
    }
    /* Less room, or drops that are not counted, are no reason to receive nothing. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    (void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    if (place.ss_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (bind(fd, (const struct sockaddr *)&place, len) != 0) {
        return err_set_errno(e, "%s: cannot receive on UDP port %u", c->head.label, c->word.port);
    }
    return 0;
}

struct source *source_open_collector(const struct collector_word *word, struct err *e)
{
    struct collector_source *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for a source");
        return NULL;
    }
    c->head = (struct source){.ops = &collector_ops, .fd = -1, .link_type = -1, .collects = true};
    c->word = *word;
    memcpy(c->head.label, word->label, sizeof c->head.label);
    if (open_socket(c, e) != 0) {
        collector_close(&c->head);
        return NULL;
    }
    return &c->head;
}
