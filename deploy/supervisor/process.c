/* Starting one process of the list, and asking whether it is ready. Called by main.c. */
#include "deploy/supervisor/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Lets a plain user's program open capture sockets, and nothing else. */
static int grant_net_raw(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    data[0].effective = data[0].permitted = data[0].inheritable = 1U << CAP_NET_RAW;
    if (syscall(SYS_capset, &header, data) != 0) {
        return -1;
    }
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
}

static int become_user(const struct process *p)
{
    if (p->user != NULL && p->uid != geteuid()) {
        if (prctl(PR_SET_KEEPCAPS, p->net_raw ? 1 : 0) != 0 || initgroups(p->user, p->gid) != 0 ||
            setresgid(p->gid, p->gid, p->gid) != 0 || setresuid(p->uid, p->uid, p->uid) != 0) {
            return -1;
        }
    }
    return p->net_raw ? grant_net_raw() : 0;
}

/* The child's side of fork. Its own process group keeps the terminal's Ctrl-C from it; a plain
 * user may not be able to look into the folder that the supervisor was started in. */
__attribute__((noreturn)) static void run_child(const struct process *p, const sigset_t *mask,
                                                pid_t parent)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = p->log == NULL ? STDERR_FILENO
                             : open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (null < 0 || log < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0 || setpgid(0, 0) != 0 || become_user(p) != 0 ||
        chdir("/") != 0) {
        fprintf(stderr, "supervisor: cannot prepare %s: %s\n", p->name, strerrordesc_np(errno));
        _exit(127);
    }
    /* Last, since a change of user clears it; the parent may have died before it was set. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(127);
    }
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv(p->argv[0], p->argv);
    fprintf(stderr, "supervisor: cannot run %s: %s\n", p->argv[0], strerrordesc_np(errno));
    _exit(127);
}

void process_start(struct process *p, const sigset_t *mask, int64_t now_ms)
{
    pid_t parent = getpid();
    fflush(stdout);
    p->pid = fork();
    if (p->pid < 0) {
        process_die("cannot start %s: %s", p->name, strerrordesc_np(errno));
    }
    if (p->pid == 0) {
        run_child(p, mask, parent);
    }
    p->started_ms = now_ms;
    p->again_ms = 0;
}

static bool answers(const struct sockaddr *address, socklen_t len)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && connect(fd, address, len) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return yes;
}

bool process_look_ready(const struct process *p)
{
    if (p->ready == NULL) {
        return true;
    }
    if (strncmp(p->ready, "unix:", 5) == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", p->ready + 5);
        return answers((const struct sockaddr *)&address, sizeof address);
    }
    if (strncmp(p->ready, "tcp:", 4) == 0) {
        struct sockaddr_in address = {
            .sin_family = AF_INET,
            .sin_port = htons((uint16_t)strtoul(p->ready + 4, NULL, 10)),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        return answers((const struct sockaddr *)&address, sizeof address);
    }
    return strncmp(p->ready, "file:", 5) == 0 && access(p->ready + 5, F_OK) == 0;
}
