/* One child process under the parent: its start, its end, and when to start it again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
    const char *name;      /* "engine": for the log and the process list */
    int (*run)(void *arg); /* in the child; returns its exit status */
    void *arg;
    pid_t pid; /* 0: not running */
    uint64_t started_ns;
    uint64_t due_ns;   /* when to start it; 0 at once */
    unsigned failures; /* ends in a row, forgotten after a minute of running well */
    bool wanted_end;   /* told to end so that it starts anew: no fault of its own */
};

/*
 * Forks. The child dies with the parent, begins with SIGTERM and SIGHUP blocked and SIGINT ignored
 * (a terminal sends it to all), and does not keep `close_fd`. When the fork fails it is due again
 * later.
 */
void child_start(struct child *child, int close_fd, uint64_t now_ns);
/* Notes that the child has ended with this wait status, and when it is due again. */
void child_ended(struct child *child, int status, bool stopping, uint64_t now_ns);
bool child_is_due(const struct child *child, uint64_t now_ns);
/* Milliseconds until it is due, at most `most`. */
int child_wait_ms(const struct child *child, uint64_t now_ns, int most);
/* Sends a signal when it runs. */
void child_signal(const struct child *child, int number);
