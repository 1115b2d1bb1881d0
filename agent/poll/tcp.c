#include "agent/poll/tcp.h"

#include "common/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct dial {
    int fd;
    struct net_watch *watch;
    uint64_t begun_ns;
    uint64_t deadline_ms;
    dial_done_fn done;
    void *arg;
};

void dial_drop(struct dial *dial)
{
    if (dial != NULL) {
        net_watch_drop(dial->watch);
        if (dial->fd >= 0) {
            (void)close(dial->fd); /* nothing was written */
        }
        free(dial);
    }
}

static void settle(struct dial *dial, enum probe_state state, uint32_t took_us, const char *why)
{
    dial->done(state, took_us, why, dial->arg);
    dial_drop(dial);
}

static enum probe_state state_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ECONNRESET: return PROBE_REFUSED;
    case ETIMEDOUT: return PROBE_TIMEOUT;
    default: return PROBE_FAULT;
    }
}

static void on_ready(int events, void *arg)
{
    struct dial *dial = arg;
    struct err e = {0};
    uint64_t us = (clock_mono_ns() - dial->begun_ns) / NS_PER_US;
    int error = 0;
    socklen_t len = sizeof error;
    (void)events;
    if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error == 0) {
        settle(dial, PROBE_OK, us > UINT32_MAX ? UINT32_MAX : us == 0 ? 1 : (uint32_t)us, "");
        return;
    }
    errno = error;
    (void)err_set_errno(&e, "the connection did not open");
    settle(dial, state_of(error), 0, e.what);
}

struct dial *dial_begin(uv_loop_t *loop, const struct net_address *to, uint32_t timeout_ms,
                        dial_done_fn done, void *arg, struct err *e)
{
    struct dial *dial = calloc(1, sizeof *dial);
    if (dial == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for a connection");
        return NULL;
    }
    *dial = (struct dial){.done = done, .arg = arg, .begun_ns = clock_mono_ns()};
    dial->deadline_ms = dial->begun_ns / NS_PER_MS + timeout_ms;
    dial->fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (dial->fd < 0 || (connect(dial->fd, &to->any, to->len) != 0 && errno != EINPROGRESS)) {
        (void)err_set_errno(e, "no way to the target");
        dial_drop(dial);
        return NULL;
    }
    dial->watch = net_watch_begin(loop, dial->fd, UV_WRITABLE, on_ready, dial, e);
    if (dial->watch == NULL) {
        dial_drop(dial);
        return NULL;
    }
    return dial;
}

void dial_tick(struct dial *dial, uint64_t mono_ms)
{
    if (mono_ms >= dial->deadline_ms) {
        settle(dial, PROBE_TIMEOUT, 0, "the connection did not open in time");
    }
}
