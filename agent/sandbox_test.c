/*
 * picket-agent --sandbox-test: shows on the very program that runs that the engine's walls hold.
 * Each probe is a child that enters the walls and tries one forbidden thing.
 */
#include "agent/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_NO_WALLS = 1, EXIT_REFUSED = 64 }; /* 64 + errno */
enum { TEST_SKIPPED = 77 };                                   /* as test runners understand it */

static int try_shadow(void)
{
    return open("/etc/shadow", O_RDONLY | O_CLOEXEC);
}

static int try_passwd(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int try_write(void)
{
    return open("/tmp/picket-sandbox-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int try_exec(void)
{
    char *const argv[] = {NULL};
    return execve("/bin/true", argv, argv);
}

static int try_inet(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int try_packet(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static int try_unix(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int try_fork(void)
{
    return fork();
}

static const struct {
    const char *what;
    int (*attempt)(void); /* as the system call: negative when refused */
} probes[] = {
    {"open /etc/shadow", try_shadow}, {"open /etc/passwd", try_passwd},
    {"create a file", try_write},     {"execve", try_exec},
    {"socket inet", try_inet},        {"socket packet", try_packet},
    {"socket unix", try_unix},        {"fork", try_fork},
};

static void probe_child(int (*attempt)(void))
{
    struct sandbox_state state;
    struct err e = {0};
    if (sandbox_engine(&state, &e) != 0 || sandbox_engine_calls(&state, &e) != 0) {
        _exit(EXIT_NO_WALLS);
    }
    _exit(attempt() < 0 ? EXIT_REFUSED + (errno & 0x3f) : EXIT_DONE);
}

/* One line; true when the attempt was refused. */
static bool probe(const char *what, int (*attempt)(void))
{
    int status = 0;
    (void)fflush(stdout); /* else the child would print it again */
    pid_t pid = fork();
    if (pid == 0) {
        probe_child(attempt);
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
    const unsigned count = sizeof probes / sizeof probes[0];
    for (unsigned i = 0; i < count; i++) {
        held += probe(probes[i].what, probes[i].attempt);
    }
    printf("%u of %u refused\n", held, count);
    return held == count ? 0 : 1;
}
