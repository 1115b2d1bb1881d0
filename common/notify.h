/*
 * Tells whoever supervises this program that it is ready and alive: systemd by the datagrams of
 * sd_notify(3), a container's health check by the age of a file. Without either nothing is told.
 * One thread uses it.
 */
#pragma once

#include "common/err.h"

#include <stdint.h>

struct notify {
    int socket;         /* of systemd; -1: none */
    int file;           /* touched with every sign of life; -1: none */
    uint64_t period_ns; /* between two signs of life */
    uint64_t next_ns;   /* when the next is due, monotonic */
};

/*
 * Reads NOTIFY_SOCKET and WATCHDOG_USEC, and takes them out of the environment. alive_file may be
 * NULL; it is made when missing. 0, or -1 and e with nothing open.
 */
int notify_open(struct notify *n, const char *alive_file, struct err *e);
void notify_close(struct notify *n);

/* The program has started; status is a line for `systemctl status`. */
void notify_ready(struct notify *n, const char *status);
/* All that must turn does turn. May be called as often as one likes: it tells twice in the time
 * after which systemd would give us up, the file every 5 s. */
void notify_alive(struct notify *n, uint64_t mono_ns);
/* The program ends in order. */
void notify_stopping(struct notify *n);
