#include "tests/integration/link/broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_TRIES = 200, START_STEP_MS = 25 };

static int loopback_socket(unsigned port, struct sockaddr_in *addr)
{
    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static unsigned free_port(void)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;
    int fd = loopback_socket(0, &addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    (void)close(fd);
    return ntohs(addr.sin_port);
}

static int answers(unsigned port)
{
    struct sockaddr_in addr;
    int fd = loopback_socket(port, &addr);
    int connected = connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0;
    (void)close(fd);
    return connected;
}

static void write_config(const struct broker *b)
{
    char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/centre/nats/server.cfg", b->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "host: 127.0.0.1\nport: %u\nping_interval: \"3s\"\nping_max: 2\n"
                  "max_payload: 262144\ninclude resolver.conf\n",
                  b->port);
    assert_int_equal(fclose(file), 0);
}

static void become_server(const struct broker *b)
{
    char config[PATH_MAX + 64], log[PATH_MAX + 64];
    (void)snprintf(config, sizeof config, "%s/centre/nats/server.cfg", b->dir);
    (void)snprintf(log, sizeof log, "%s/server.log", b->dir);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    (void)execl(NATS_SERVER, NATS_SERVER, "-c", config, (char *)NULL);
    _exit(127);
}

void broker_start(struct broker *b)
{
    b->pid = fork();
    assert_true(b->pid >= 0);
    if (b->pid == 0) {
        become_server(b);
    }
    for (int i = 0; i < START_TRIES; i++) {
        if (answers(b->port)) {
            return;
        }
        (void)usleep(START_STEP_MS * 1000);
    }
    fail_msg("nats-server does not answer on port %u", b->port);
}

void broker_kill(struct broker *b)
{
    if (b->pid != 0) {
        (void)kill(b->pid, SIGKILL);
        (void)waitpid(b->pid, NULL, 0);
        b->pid = 0;
    }
}

void broker_open(struct broker *b)
{
    static const char *const names[] = {"localhost", "127.0.0.1"};
    struct err e = {0};
    char centre[PATH_MAX + 16];
    *b = (struct broker){.port = free_port()};
    (void)snprintf(b->dir, sizeof b->dir, "%s/picket-link-XXXXXX",
                   getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(b->dir));
    (void)snprintf(centre, sizeof centre, "%s/centre", b->dir);
    (void)snprintf(b->url, sizeof b->url, "nats://127.0.0.1:%u", b->port);
    struct keys_plan plan = {.dir = centre, .names = names, .name_count = 2};
    if (keys_init(&plan, &e) != 0 || keys_load(&b->keys, centre, &e) != 0) {
        fail_msg("%s", e.what);
    }
    write_config(b);
    broker_start(b);
}

static void remove_tree(const char *dir)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/bin/rm", "rm", "-rf", "--", dir, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(pid, NULL, 0);
}

void broker_close(struct broker *b)
{
    broker_kill(b);
    keys_done(&b->keys);
    remove_tree(b->dir);
}
