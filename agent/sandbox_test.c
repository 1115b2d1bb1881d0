/*
 * picket-agent --sandbox-test: shows on the very program that runs that the walls hold.
 * Each probe is a child that enters the walls and tries one forbidden thing.
 */
#include "agent/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_NO_WALLS = 1, EXIT_REFUSED = 64 }; /* 64 + errno */
enum { TEST_SKIPPED = 77 };                                   /* as test runners understand it */

static int try_shadow(pid_t parent)
{
    (void)parent;
    return open("/etc/shadow", O_RDONLY | O_CLOEXEC);
}

static int try_passwd(pid_t parent)
{
    (void)parent;
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int try_write(pid_t parent)
{
    (void)parent;
    return open("/tmp/picket-sandbox-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int try_exec(pid_t parent)
{
    (void)parent;
    char *const argv[] = {NULL};
    return execve("/bin/true", argv, argv);
}

static int try_inet(pid_t parent)
{
    (void)parent;
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int try_packet(pid_t parent)
{
    (void)parent;
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static int try_unix(pid_t parent)
{
    (void)parent;
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int try_fork(pid_t parent)
{
    (void)parent;
    return fork();
}

/* Any signal can stop a process; number 0 only asks whether it could be sent. */
static int try_thread_signal(pid_t parent)
{
    return (int)syscall(SYS_tgkill, parent, parent, 0);
}

static int try_signal(pid_t parent)
{
    return kill(parent, 0);
}

static int try_user_namespace(pid_t parent)
{
    (void)parent;
    return (int)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
}

static int try_io_uring(pid_t parent)
{
    (void)parent;
    struct io_uring_params params = {0};
    return (int)syscall(SYS_io_uring_setup, 1, &params);
}

static int enter_engine(struct err *e)
{
    struct sandbox_state state;
    return sandbox_engine(&state, e) == 0 ? sandbox_engine_calls(&state, e) : -1;
}

static int enter_control(struct err *e)
{
    struct sandbox_state state;
    return sandbox_control(NULL, 0, &state, e);
}

static const struct {
    int (*enter)(struct err *e);
    const char *what;
    int (*attempt)(pid_t parent); /* as the system call: negative when refused */
} probes[] = {
    {enter_engine, "open /etc/shadow", try_shadow},
    {enter_engine, "open /etc/passwd", try_passwd},
    {enter_engine, "create a file", try_write},
    {enter_engine, "execve", try_exec},
    {enter_engine, "socket inet", try_inet},
    {enter_engine, "socket packet", try_packet},
    {enter_engine, "socket unix", try_unix},
    {enter_engine, "fork", try_fork},
    {enter_engine, "signal another process", try_thread_signal},
    {enter_control, "control: execve", try_exec},
    {enter_control, "control: socket packet", try_packet},
    {enter_control, "control: signal another process", try_signal},
    {enter_control, "control: user namespace", try_user_namespace},
    {enter_control, "control: io_uring", try_io_uring},
};
enum { PROBES = sizeof probes / sizeof probes[0] };

static void probe_child(size_t at, pid_t parent)
{
    struct err e = {0};
    if (probes[at].enter(&e) != 0) {
        _exit(EXIT_NO_WALLS);
    }
    _exit(probes[at].attempt(parent) < 0 ? EXIT_REFUSED + (errno & 0x3f) : EXIT_DONE);
}

/* One line; true when the attempt was refused. */
static bool probe(size_t at)
{
    const char *what = probes[at].what;
    int status = 0;
    (void)fflush(stdout);    /* else the child would print it again */
    pid_t parent = getpid(); /* the engine's walls do not let it ask */
    pid_t pid = fork();
    if (pid == 0) {
        probe_child(at, parent);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        printf("%s: could not be tried\n", what);
        return false;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
        printf("%s: refused (killed)\n", what);
        return true;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) > EXIT_REFUSED) {
        printf("%s: refused (errno %d)\n", what, WEXITSTATUS(status) - EXIT_REFUSED);
        return true;
    }
    bool done = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE;
    printf("%s: %s\n", what, done ? "ALLOWED" : "could not be tried");
    return false;
}

int sandbox_self_test(void)
{
#ifdef PICKET_SANITIZED
    printf("no walls: this build has sanitizers\n");
    return TEST_SKIPPED;
#endif
    unsigned held = 0;
    for (size_t i = 0; i < PROBES; i++) {
        held += probe(i);
    }
    printf("%u of %u refused\n", held, (unsigned)PROBES);
    return held == PROBES ? 0 : 1;
}
