/*
 * What all polls need of the loop: a name's address, and word when a descriptor is ready. Both
 * outlive their user's interest safely: what is dropped frees itself as the loop turns. Poller's
 * thread.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

struct net_address {
    union {
        struct sockaddr any;
        struct sockaddr_storage storage; /* room for each family */
    };
    socklen_t len;
};

/* Text of the address without its port; buf has ADDR_TEXT_SIZE bytes. */
char *net_address_format(const struct net_address *a, char *buf);

struct net_lookup;
/* address is NULL when the name has none; why then says so. Borrowed. */
typedef void (*net_found_fn)(const struct net_address *address, const char *why, void *arg);

/* Asks for the address of a name; found comes later, never from here. NULL and e on failure. */
struct net_lookup *net_lookup_begin(uv_loop_t *loop, const char *host, uint16_t port,
                                    net_found_fn found, void *arg, struct err *e);
/* Not wanted any more: found is not called. NULL is fine; not after found was called. */
void net_lookup_drop(struct net_lookup *lookup);

struct net_watch;
typedef void (*net_ready_fn)(int events, void *arg); /* UV_READABLE, UV_WRITABLE */

/* Watches a descriptor until dropped. NULL and e on failure. */
struct net_watch *net_watch_begin(uv_loop_t *loop, int fd, int events, net_ready_fn ready,
                                  void *arg, struct err *e);
/* Other events than before. */
void net_watch_set(struct net_watch *watch, int events);
/* Before the descriptor is closed. NULL is fine. */
void net_watch_drop(struct net_watch *watch);
