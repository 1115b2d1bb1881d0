/*
 * picket-demo-supervisor: starts the processes of a list in order, restarts those that may be,
 * and ends all of them in reverse order. Nothing outlives it, not even its own kill -9. Started by
 * deploy/demo and by the integration tests.
 */
#include "deploy/supervisor/process.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    READY_LIMIT_MS = 60000,
    STOP_LIMIT_MS = 10000,
    DELAY_MIN_MS = 100, /* before the first restart; doubles up to the next */
    DELAY_MAX_MS = 5000,
    STEADY_MS = 10000, /* after this the delay starts over */
    LOOK_MS = 20,      /* between two looks at something awaited */
    IDLE_MS = 1000,
};

struct supervisor {
    struct process list[PROCESSES_MAX];
    size_t count;
    const char *run_dir; /* holds NAME.pid of each running process */
    int signals;         /* signalfd */
    sigset_t old_mask;   /* the children's */
};

static void usage(FILE *out)
{
    fputs("usage: picket-demo-supervisor [--with-parent PID] [--ready-text FILE] --run DIR LIST\n"
          "\n"
          "LIST has one section a process, started in this order and stopped in the reverse:\n"
          "  [NAME]\n"
          "  command = PATH           argument = TEXT     (one argument a line, as it stands)\n"
          "  user = NAME              capability = net_raw\n"
          "  restart = yes|no         stop = TERM|INT\n"
          "  ready = unix:PATH|tcp:PORT|file:PATH         log = PATH\n"
          "SIGUSR1 starts what ended and is not restarted. SIGINT, SIGTERM and SIGHUP stop.\n",
          out);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

static void write_pid(const struct supervisor *s, const struct process *p)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s.pid", s->run_dir, p->name);
    if (p->pid == 0) {
        (void)unlink(path); /* may be gone already: the folder is the caller's */
        return;
    }
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        process_die("cannot write %s: %s", path, strerrordesc_np(errno));
    }
    fprintf(file, "%d\n", (int)p->pid);
    fclose(file);
}

static void start(struct supervisor *s, struct process *p)
{
    process_start(p, &s->old_mask, now_ms());
    write_pid(s, p);
}

static void ended(struct supervisor *s, struct process *p, int status, bool stopping)
{
    const char *how = WIFSIGNALED(status) ? "signal" : "status";
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    int64_t now = now_ms();
    p->pid = 0;
    write_pid(s, p);
    if (stopping || !p->was_ready) { /* before it was ready, who started it tells */
        return;
    }
    if (!p->restart) {
        tell("%s ended with %s %d and is not restarted", p->name, how, number);
        return;
    }
    bool first = p->delay_ms == 0 || now - p->started_ms > STEADY_MS;
    p->delay_ms = first ? DELAY_MIN_MS : p->delay_ms * 2;
    p->delay_ms = p->delay_ms > DELAY_MAX_MS ? DELAY_MAX_MS : p->delay_ms;
    p->again_ms = now + p->delay_ms;
    tell("%s ended with %s %d; again in %d ms", p->name, how, number, (int)p->delay_ms);
}

/* Collects all that ended, orphaned grandchildren too. Returns whether any child is left. */
static bool reap(struct supervisor *s, bool stopping)
{
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < s->count; i++) {
            if (s->list[i].pid == pid) {
                ended(s, &s->list[i], status, stopping);
            }
        }
    }
    return pid == 0;
}

/* Waits for a signal at most so long; returns its number, 0 for none. */
static int wait_signal(struct supervisor *s, int64_t limit_ms)
{
    struct pollfd poll_fd = {.fd = s->signals, .events = POLLIN};
    struct signalfd_siginfo info = {0};
    if (poll(&poll_fd, 1, (int)limit_ms) != 1 ||
        read(s->signals, &info, sizeof info) != (ssize_t)sizeof info) {
        return 0;
    }
    return (int)info.ssi_signo;
}

static bool means_stop(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

static void stop_one(struct supervisor *s, struct process *p)
{
    int64_t limit = now_ms() + STOP_LIMIT_MS;
    if (p->pid != 0) {
        kill(p->pid, p->stop_signal);
    }
    while (p->pid != 0) {
        (void)wait_signal(s, LOOK_MS); /* a second Ctrl-C changes nothing */
        reap(s, true);
        if (p->pid != 0 && now_ms() > limit) {
            tell("%s does not stop: killed", p->name);
            kill(p->pid, SIGKILL);
            limit = INT64_MAX;
        }
    }
}

/* What the processes left behind has come to us: a subreaper's children. */
static void kill_leftovers(struct supervisor *s)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    while (reap(s, true)) {
        FILE *file = fopen(path, "re");
        int pid = 0;
        while (file != NULL && fscanf(file, "%d", &pid) == 1) {
            kill(pid, SIGKILL);
        }
        if (file != NULL) {
            fclose(file);
        }
        (void)wait_signal(s, LOOK_MS); /* the next turn looks again */
    }
}

static void stop_all(struct supervisor *s)
{
    for (size_t i = s->count; i-- > 0;) {
        stop_one(s, &s->list[i]);
    }
    kill_leftovers(s);
}

/* ---- the way through ---- */

/* Starts all, each once the one before is ready. False: told to stop, or one failed. */
static bool start_all(struct supervisor *s, int *status)
{
    for (size_t i = 0; i < s->count; i++) {
        struct process *p = &s->list[i];
        start(s, p);
        while (!process_look_ready(p)) {
            if (means_stop(wait_signal(s, LOOK_MS))) {
                return false;
            }
            reap(s, false);
            if (p->pid == 0 || now_ms() - p->started_ms > READY_LIMIT_MS) {
                tell("%s %s; its log: %s", p->name,
                     p->pid == 0 ? "ended before it was ready" : "does not get ready",
                     p->log == NULL ? "above" : p->log);
                *status = 1;
                return false;
            }
        }
        p->was_ready = true;
        tell("%s runs (%.1f s)", p->name, (double)(now_ms() - p->started_ms) / 1000.0);
    }
    return true;
}

/* Starts what is due; revive: also what ended and is not restarted. Returns ms to the next. */
static int64_t start_due(struct supervisor *s, bool revive)
{
    int64_t wait_ms = IDLE_MS;
    for (size_t i = 0; i < s->count; i++) {
        struct process *p = &s->list[i];
        int64_t left_ms = p->again_ms - now_ms();
        if (p->pid != 0 || (p->again_ms == 0 && !revive)) {
            continue;
        }
        if (p->again_ms == 0 || left_ms <= 0) {
            start(s, p);
            tell("%s started again", p->name);
        } else if (left_ms < wait_ms) {
            wait_ms = left_ms;
        }
    }
    return wait_ms;
}

static void keep_running(struct supervisor *s)
{
    int number = 0;
    while (!means_stop(number)) {
        reap(s, false);
        number = wait_signal(s, start_due(s, number == SIGUSR1));
    }
}

static void print_file(const char *path)
{
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    for (int c = 0; file != NULL && (c = fgetc(file)) != EOF;) {
        putchar(c);
    }
    if (file != NULL) {
        fclose(file);
    }
    fflush(stdout);
}

/* Every signal comes through one descriptor (a shell's background job may have inherited that
 * SIGINT is ignored); grandchildren that lose their parent come to us. */
static void prepare(struct supervisor *s)
{
    sigset_t mask;
    sigemptyset(&mask);
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaddset(&mask, numbers[i]);
        sigaction(numbers[i], &usual, NULL);
    }
    sigprocmask(SIG_BLOCK, &mask, &s->old_mask);
    s->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        process_die("cannot prepare: %s", strerrordesc_np(errno));
    }
}

/* Stops in good order when the parent dies; which is told, as in a container it may be 1. */
static void follow_parent(const char *pid)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != (pid_t)strtol(pid, NULL, 10)) {
        process_die("the parent is gone");
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"with-parent", required_argument, NULL, 'p'},
                                            {"ready-text", required_argument, NULL, 't'},
                                            {"run", required_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    static struct supervisor s;
    const char *ready_text = NULL;
    const char *parent = NULL;
    for (int c = 0; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'p') {
            parent = optarg;
        } else if (c == 't') {
            ready_text = optarg;
        } else if (c == 'r') {
            s.run_dir = optarg;
        } else {
            usage(c == 'h' ? stdout : stderr);
            return c == 'h' ? 0 : 2;
        }
    }
    if (s.run_dir == NULL || optind + 1 != argc) {
        usage(stderr);
        return 2;
    }
    s.count = process_list_read(argv[optind], s.list);
    prepare(&s);
    if (parent != NULL) {
        follow_parent(parent);
    }
    int status = 0;
    if (start_all(&s, &status)) {
        print_file(ready_text);
        keep_running(&s);
    }
    stop_all(&s);
    return status;
}
