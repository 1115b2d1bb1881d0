/* One process of the supervisor's list: what was asked for, and how it stands. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESSES_MAX = 16, ARGUMENTS_MAX = 30 };

struct process {
    char *name;
    char *log;   /* file for its output; NULL: the supervisor's standard error */
    char *ready; /* unix:PATH, tcp:PORT or file:PATH; NULL: ready at once */
    char *argv[ARGUMENTS_MAX + 2];
    size_t arguments;
    char *user; /* NULL: as the supervisor; else uid and gid are set */
    uid_t uid;
    gid_t gid;
    bool net_raw; /* may open capture sockets although a plain user */
    bool restart;
    bool was_ready; /* its ready check has held once */
    int stop_signal;
    pid_t pid; /* 0: does not run */
    int64_t started_ms;
    int64_t again_ms; /* when to start again; 0: not to */
    int64_t delay_ms; /* before the latest restart; 0: none yet */
};

/* Reads the list (its form: usage() in main.c) into at most PROCESSES_MAX; ends the program, with
 * file, line and reason, when it is not in order. Returns how many; texts are never freed. */
size_t process_list_read(const char *path, struct process *list);

/* Starts p with the given signal mask. Killed by the kernel when the calling thread dies. */
void process_start(struct process *p, const sigset_t *mask, int64_t now_ms);

/* Whether the ready check of p holds at this moment. */
bool process_look_ready(const struct process *p);

/* Ends the program with status 2 and this sentence on standard error. */
void process_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
