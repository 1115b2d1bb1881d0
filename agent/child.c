#define LOG_MODULE "parent"
#include "agent/child.h"

#include "common/clock.h"
#include "common/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_PAUSE_S = 1, LONGEST_PAUSE_S = 30 };
#define WELL_NS (60ull * NS_PER_S)

/* The kernel kills us with the parent; who was orphaned before it could ask goes by itself. */
static void die_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent) {
        _exit(EXIT_FAILURE);
    }
}

static void ignore(int number)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    (void)sigaction(number, &action, NULL); /* fails only for a wrong number */
}

/* What the parent may send waits until the child is ready to hear it. */
static void set_signals(void)
{
    sigset_t ours;
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, SIGTERM);
    (void)sigaddset(&ours, SIGHUP);
    (void)sigprocmask(SIG_SETMASK, &ours, NULL); /* fails only for wrong arguments */
    ignore(SIGINT);
    ignore(SIGPIPE);
}

static void run_child(struct child *child, pid_t parent, int close_fd)
{
    char name[16];
    die_with(parent);
    set_signals();
    (void)close(close_fd); /* the parent's signals */
    (void)snprintf(name, sizeof name, "picket-%s", child->name);
    (void)prctl(PR_SET_NAME, name, 0, 0, 0); /* only for people */
    exit(child->run(child->arg));
}

void child_start(struct child *child, int close_fd, uint64_t now_ns)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        run_child(child, parent, close_fd);
    }
    child->started_ns = now_ns;
    child->wanted_end = false;
    if (pid < 0) {
        log_error(NULL, "cannot start %s", child->name);
        child->due_ns = now_ns + FIRST_PAUSE_S * NS_PER_S;
        return;
    }
    child->pid = pid;
}

/* The first restart is at once, the next after 1 s, 2 s … 30 s. */
static uint64_t pause_ns(unsigned failures)
{
    if (failures <= 1) {
        return 0;
    }
    uint64_t seconds = FIRST_PAUSE_S;
    for (unsigned i = 2; i < failures && seconds < LONGEST_PAUSE_S; i++) {
        seconds *= 2;
    }
    return (seconds < LONGEST_PAUSE_S ? seconds : LONGEST_PAUSE_S) * NS_PER_S;
}

static void tell_end(const struct child *child, int status, const char *then)
{
    if (WIFSIGNALED(status)) {
        log_error(NULL, "%s was killed by signal %d%s", child->name, WTERMSIG(status), then);
    } else {
        log_error(NULL, "%s ended with status %d%s", child->name, WEXITSTATUS(status), then);
    }
}

void child_ended(struct child *child, int status, bool stopping, uint64_t now_ns)
{
    bool wanted = stopping || child->wanted_end;
    child->pid = 0;
    if (!wanted || status != 0) {
        tell_end(child, status, stopping ? "" : "; it starts again");
    }
    if (wanted) {
        child->due_ns = now_ns;
        return;
    }
    child->failures = now_ns - child->started_ns >= WELL_NS ? 1 : child->failures + 1;
    child->due_ns = now_ns + pause_ns(child->failures);
}

bool child_is_due(const struct child *child, uint64_t now_ns)
{
    return child->pid == 0 && now_ns >= child->due_ns;
}

int child_wait_ms(const struct child *child, uint64_t now_ns, int most)
{
    if (child->pid != 0) {
        return most;
    }
    uint64_t ms = child->due_ns > now_ns ? (child->due_ns - now_ns) / NS_PER_MS + 1 : 0;
    return ms < (uint64_t)most ? (int)ms : most;
}

void child_signal(const struct child *child, int number)
{
    if (child->pid != 0) {
        (void)kill(child->pid, number); /* fails only when it has just ended */
    }
}
