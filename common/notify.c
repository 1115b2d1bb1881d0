/* The protocol of sd_notify(3) is one datagram of VARIABLE=VALUE lines to a socket of systemd. */
#include "common/notify.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FILE_PERIOD_NS (5ull * NS_PER_S)
enum { PERIODS = 2 }; /* within the time that systemd waits */

/* Half of WATCHDOG_USEC, as sd_watchdog_enabled(3) advises; 0 when systemd does not watch us. */
static uint64_t watchdog_period_ns(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    char *end = NULL;
    if (text == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid())) {
        return 0;
    }
    errno = 0;
    unsigned long long us = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || us > UINT64_MAX / NS_PER_MS) {
        return 0;
    }
    return us * (NS_PER_MS / 1000) / PERIODS;
}

static int open_socket(struct notify *n, struct err *e)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (path == NULL || path[0] == '\0') {
        return 0;
    }
    size_t len = strlen(path);
    if (len >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@')) {
        return err_set(e, ERR_CONFIG, "NOTIFY_SOCKET: \"%s\" is no path of a socket", path);
    }
    memcpy(to.sun_path, path, len);
    if (path[0] == '@') {
        to.sun_path[0] = '\0'; /* a name outside the file system */
    }
    n->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (n->socket < 0 || connect(n->socket, (const struct sockaddr *)&to, size) != 0) {
        return err_set_errno(e, "NOTIFY_SOCKET %s", path);
    }
    return 0;
}

static int open_file(struct notify *n, const char *path, struct err *e)
{
    if (path == NULL) {
        return 0;
    }
    n->file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    return n->file >= 0 ? 0 : err_set_errno(e, "%s", path);
}

int notify_open(struct notify *n, const char *alive_file, struct err *e)
{
    *n = (struct notify){.socket = -1, .file = -1, .period_ns = watchdog_period_ns()};
    if (n->period_ns == 0 || (alive_file != NULL && n->period_ns > FILE_PERIOD_NS)) {
        n->period_ns = FILE_PERIOD_NS;
    }
    if (open_socket(n, e) != 0 || open_file(n, alive_file, e) != 0) {
        notify_close(n);
        return -1;
    }
    (void)unsetenv("NOTIFY_SOCKET"); /* ours alone; these fail only for a bad name */
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    return 0;
}

void notify_close(struct notify *n)
{
    if (n->socket >= 0) {
        (void)close(n->socket); /* nothing waits in a datagram socket */
    }
    if (n->file >= 0) {
        (void)close(n->file); /* only its time was written */
    }
    n->socket = n->file = -1;
}

/* A supervisor that does not listen is no reason to stop. */
static void say(const struct notify *n, const char *text)
{
    if (n->socket >= 0) {
        (void)send(n->socket, text, strlen(text), MSG_NOSIGNAL);
    }
}

void notify_ready(struct notify *n, const char *status)
{
    char text[256];
    (void)snprintf(text, sizeof text, "READY=1\nSTATUS=%s", status); /* cut is fine */
    say(n, text);
}

void notify_alive(struct notify *n, uint64_t mono_ns)
{
    if (mono_ns < n->next_ns) {
        return;
    }
    n->next_ns = mono_ns + n->period_ns;
    say(n, "WATCHDOG=1");
    if (n->file >= 0) {
        (void)futimens(n->file, NULL); /* its age then tells that we fail */
    }
}

void notify_stopping(struct notify *n)
{
    say(n, "STOPPING=1");
}
