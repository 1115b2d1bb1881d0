#include "agent/poll/net.h"

#include "common/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *net_address_format(const struct net_address *a, char *buf)
{
    struct addr addr = {0};
    if (a->any.sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &a->storage, sizeof in6);
        memcpy(addr.bytes, &in6.sin6_addr, sizeof in6.sin6_addr);
        return addr_format(ADDR_IPV6, &addr, buf);
    }
    struct sockaddr_in in;
    memcpy(&in, &a->storage, sizeof in);
    memcpy(addr.bytes, &in.sin_addr, sizeof in.sin_addr);
    return addr_format(ADDR_IPV4, &addr, buf);
}

/* ---- names ---- */

struct net_lookup {
    uv_getaddrinfo_t request;
    net_found_fn found;
    void *arg;
    bool dropped;
};

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct net_lookup *lookup = request->data;
    struct net_address address = {0};
    bool has = status == 0 && list != NULL && list->ai_addrlen <= sizeof address.storage;
    if (has) {
        memcpy(&address.storage, list->ai_addr, list->ai_addrlen);
        address.len = list->ai_addrlen;
    }
    if (!lookup->dropped) {
        lookup->found(has ? &address : NULL, has ? "" : uv_strerror(status), lookup->arg);
    }
    uv_freeaddrinfo(list);
    free(lookup);
}

struct net_lookup *net_lookup_begin(uv_loop_t *loop, const char *host, uint16_t port,
                                    net_found_fn found, void *arg, struct err *e)
{
    /* libuv keeps slow look-ups off half of its threads, so the spool's fdatasync goes on. */
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    char service[8];
    struct net_lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory to look a name up");
        return NULL;
    }
    lookup->found = found;
    lookup->arg = arg;
    lookup->request.data = lookup;
    (void)snprintf(service, sizeof service, "%u", port); /* fits */
    int result = uv_getaddrinfo(loop, &lookup->request, on_found, host, service, &hints);
    if (result != 0) {
        (void)err_set(e, ERR_IO, "the name %s cannot be looked up: %s", host, uv_strerror(result));
        free(lookup);
        return NULL;
    }
    return lookup;
}

void net_lookup_drop(struct net_lookup *lookup)
{
    if (lookup != NULL) {
        lookup->dropped = true;
        (void)uv_cancel((uv_req_t *)&lookup->request); /* when it is under way it just ends */
    }
}

/* ---- descriptors ---- */

struct net_watch {
    uv_poll_t handle;
    net_ready_fn ready;
    void *arg;
};

static void on_ready(uv_poll_t *handle, int status, int events)
{
    struct net_watch *watch = handle->data;
    /* An error shows when the descriptor is used. */
    watch->ready(status == 0 ? events : UV_READABLE | UV_WRITABLE, watch->arg);
}

struct net_watch *net_watch_begin(uv_loop_t *loop, int fd, int events, net_ready_fn ready,
                                  void *arg, struct err *e)
{
    struct net_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL || uv_poll_init(loop, &watch->handle, fd) != 0) {
        (void)err_set(e, ERR_NOMEM, "a descriptor cannot be watched");
        free(watch);
        return NULL;
    }
    watch->ready = ready;
    watch->arg = arg;
    watch->handle.data = watch;
    (void)uv_poll_start(&watch->handle, events, on_ready); /* fails only when closing */
    return watch;
}

void net_watch_set(struct net_watch *watch, int events)
{
    (void)uv_poll_start(&watch->handle, events, on_ready); /* likewise */
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void net_watch_drop(struct net_watch *watch)
{
    if (watch != NULL) {
        uv_close((uv_handle_t *)&watch->handle, on_closed);
    }
}
